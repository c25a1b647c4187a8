"""fit_transform_stream: out-of-fold features of rows that are never all in memory."""

from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.exceptions import ColumnError

QUICK = {"max_epochs": 3, "random_state": 0}


def table(n=3000, seed=0, **params):
    data = make_entities(n, n_categories=(40, 15), random_state=seed, **params)
    return data.X.assign(y=data.y)


def cut(frame, *sizes):
    ends = np.cumsum((0, *sizes))
    return [frame[a:b] for a, b in pairwise(ends)]


def features(frames, output="pandas", columns=("y",), **params):
    encoder = EntityEmbeddingEncoder(**(QUICK | params)).set_output(transform=output)
    names = dict(zip(("target", "sample_weight", "groups"), columns, strict=False))
    return encoder, list(encoder.fit_transform_stream(frames, **names))


def test_features_do_not_see_their_targets():
    """Of 2,500 values of two rows, in-sample vectors would tell all, these nothing."""
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"id": rng.integers(2500, size=5000).astype(str)})
    noise = noise.assign(y=rng.normal(size=5000))
    _, found = features(cut(noise, 2000, 3000), embedding_dim=1)
    own = pd.concat(found)
    assert LinearRegression().fit(own, noise["y"]).score(own, noise["y"]) < 0.02


def test_features_are_as_good_as_those_of_fit_transform():
    train, test = table(8000, noise=0.3), table(2000, seed=0, noise=0.3)
    encoder, found = features(cut(train, 3000, 5000), random_state=0, max_epochs="auto")
    own = pd.concat(found)
    assert list(own) == list(encoder.get_feature_names_out())
    np.testing.assert_array_equal(own.index, train.index)
    plain = EntityEmbeddingEncoder(random_state=0).set_output(transform="pandas")
    whole = plain.fit_transform(train.drop(columns="y"), train["y"])

    def score(fitted, some):
        model = LinearRegression().fit(some, train["y"])
        new = fitted.transform(test.drop(columns="y"))
        return model.score(new, test["y"])

    assert score(encoder, own) == pytest.approx(score(plain, whole), abs=0.03)


def test_batches_make_no_difference_to_a_row():
    frame = table()
    for columns in (("y",), ("y", None, "g")):
        some = frame.assign(g=np.arange(3000) // 3) if len(columns) > 1 else frame
        once = pd.concat(features(cut(some, 3000), columns=columns)[1])
        often = pd.concat(features(cut(some, 7, 1, 1992, 1000), columns=columns)[1])
        np.testing.assert_array_equal(once, often)


def test_the_encoder_is_that_of_fit_stream():
    frames = cut(table(), 1000, 2000)
    encoder, _ = features(frames)
    streamed = EntityEmbeddingEncoder(**QUICK).fit_stream(frames, "y")
    X = frames[0].drop(columns="y")
    np.testing.assert_array_equal(encoder.transform(X), streamed.transform(X))


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_every_container(output, cv, tmp_path):
    frame = table(800)
    frame.to_parquet(tmp_path / "rows.parquet")
    encoder, (found,) = features(tmp_path / "rows.parquet", output, cv=cv)
    kind = {"default": "ndarray", "pandas": "DataFrame", "polars": "DataFrame"}[output]
    assert type(found).__name__ == kind
    assert type(found).__module__.split(".")[0] == output.replace("default", "numpy")
    assert found.shape == (800, len(encoder.get_feature_names_out()))
    if cv is None:
        new = encoder.transform(frame.drop(columns="y"))
        np.testing.assert_allclose(np.asarray(found), np.asarray(new), rtol=1e-6)


def test_weights_and_groups_are_no_inputs():
    frame = table(900).assign(w=1.0, g=np.arange(900) // 9)
    _, found = features(cut(frame, 450, 450), columns=("y", "w", "g"))
    assert not {"w", "g"} & set(found[0])


def test_sources_that_are_read_once_are_refused_before_the_fit():
    encoder = EntityEmbeddingEncoder(**QUICK)
    with pytest.raises(TypeError, match="reads the source twice, and got a generator"):
        encoder.fit_transform_stream((f for f in [table(100)]), "y")
    assert not hasattr(encoder, "embeddings_")


def test_other_rows_the_second_time_are_told():
    frames = cut(table(600), 300, 300)
    left = iter([frames, frames[:1]])
    encoder = EntityEmbeddingEncoder(**QUICK)
    batches = encoder.fit_transform_stream(lambda: next(left), "y")
    assert len(next(batches)) == 300
    with pytest.raises(ValueError, match=r"600 rows when .* and 300 when it was read"):
        next(batches)


def test_errors_name_the_batch():
    frames = cut(table(600), 300, 300)
    left = iter([frames, [frames[0], frames[1].drop(columns="entity_0")]])
    encoder = EntityEmbeddingEncoder(**QUICK)
    batches = encoder.fit_transform_stream(partial(next, left), "y")
    next(batches)
    with pytest.raises((ColumnError, ValueError), match=r"(?s)In batch 2: .*entity_0"):
        next(batches)
    with pytest.raises(ValueError, match="fit_transform_stream cannot be used with"):
        encoder.set_params(early_stopping=True).fit_transform_stream(frames, "y")
