"""The statistics of the benchmarks: what is printed about them is read as a result."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in ("paired", "published_sets", "tasks"):
        sys.modules.pop(name, None)


def scores_of(columns):
    """Return scores of two seeds a task: a frame of (task, seed) x encoder."""
    n_tasks = len(next(iter(columns.values()))) // 2
    index = pd.MultiIndex.from_product([range(n_tasks), [0, 1]], names=["task", "seed"])
    return pd.DataFrame(columns, index=index)


def test_a_tie_is_a_difference_within_the_seeds_spread():
    from paired import win_tie_loss

    # Differences a task: (.1, .1), (.1, -.1), (-.2, -.1), and none in the last.
    scores = scores_of({"a": [0.6, 0.6, 0.6, 0.4, 0.3, 0.4, 0.5, 0.5], "b": [0.5] * 8})
    row = win_tie_loss(scores, "a").loc["b"]
    assert row[["win", "tie", "loss"]].tolist() == [1, 2, 1]
    assert row["p"] == 1.0


def test_the_sign_test_is_corrected_for_the_number_of_encoders():
    from paired import win_tie_loss

    better, worse = [0.9] * 16, [0.1] * 16
    scores = scores_of({"a": better, "b": worse, "c": worse, "d": better})
    counts = win_tie_loss(scores, "a")
    # Eight wins of eight: 2 / 2**8, times three encoders.
    assert counts["p"]["b"] == counts["p"]["c"] == pytest.approx(3 * 2 / 2**8)
    assert counts.loc["d", ["win", "tie", "loss"]].tolist() == [0, 8, 0]


def test_critical_difference_is_the_one_of_demsar():
    from paired import cliques, standing

    rng = np.random.default_rng(0)
    values = rng.normal(np.array([0.0, 0.1, 5.0, 5.1]), size=(28, 4))
    found = standing(scores_of(dict(zip("wxyz", values.T, strict=True))))
    # Demsar (2006), section 3.2.4: four methods on 14 sets, 2.569 * sqrt(4 * 5 / 84).
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.p_value < 0.001
    assert cliques(found) == [(0, 1), (2, 3)]
    assert set(found.ranks.index[:2]) == {"y", "z"}


def test_encoders_that_did_not_run_everywhere_have_no_rank():
    from paired import standing

    found = standing(
        scores_of({"a": [1.0] * 4, "b": [0.5] * 4, "c": [0, 0] + [None] * 2})
    )
    assert found.ranks.to_dict() == {"a": 1.0, "b": 2.0}
    assert np.isnan(found.p_value)  # two encoders: no Friedman test


def test_draws_are_those_of_r():
    from published_sets import r_sample

    # R 3.6 and later: set.seed(42); sample.int(10)
    assert (r_sample(10, 10, 42) + 1).tolist() == [1, 5, 10, 8, 2, 4, 6, 9, 7, 3]
    assert r_sample(10, 3, 42).tolist() == [0, 4, 9]
