"""Generated data: what is true of it is what it says."""

import numpy as np
import pytest

from sk_entity.datasets import make_latent_factors


def test_the_score_is_what_the_true_factors_make():
    data = make_latent_factors(
        2000, n_categories=(4, 6, 30, 9), noise=0, random_state=0
    )
    found = {
        name: data.vectors[name].loc[data.X[name]].to_numpy()
        for name in data.informative
    }
    assert list(found) == ["entity_1", "entity_2"]
    first, second = found.values()
    z = data.X[["z_0", "z_1", "z_2"]].to_numpy()
    score = (
        first[:, 2]
        + first[:, 1] * z[:, 0]
        + second[:, 2]
        + second[:, 1] * z[:, 1]
        + first[:, 0] * second[:, 0]
    )
    np.testing.assert_allclose(data.y, score / score.std())


def test_categories_are_skewed_and_seeds_repeat():
    data = make_latent_factors(5000, n_categories=(4, 100, 9), random_state=3)
    counts = data.X["entity_1"].value_counts()
    assert counts.iloc[0] > 5 * counts.iloc[50]
    again = make_latent_factors(5000, n_categories=(4, 100, 9), random_state=3)
    assert data.X.equals(again.X)
    np.testing.assert_array_equal(data.y, again.y)


@pytest.mark.parametrize("params", [{"n_factors": 2}, {"n_categories": (3, 4)}])
def test_too_little_to_multiply_is_refused(params):
    with pytest.raises(ValueError, match="at least 3"):
        make_latent_factors(10, **params)
