"""Rows that depend on their order are told about; shuffled ones are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit

from sk_entity import EntityEmbeddingEncoder
from sk_entity._fitting.order import find_order
from sk_entity.exceptions import OrderedRowsWarning

N = 8000
FAST = {
    "max_epochs": 1,
    "random_state": 0,
    "crosses": None,
    "add_prediction": False,
    "batch_size": 2000,
}


def drifting(rng):
    """Effects of categories that walk at random, and the time."""
    codes = rng.integers(0, 20, N)
    walk = np.cumsum(rng.normal(scale=0.05, size=(N, 20)), axis=0)
    return codes, np.arange(N) / N, walk[np.arange(N), codes]


def neighbours(rng):
    """Customers with many rows in a row, and an effect of their own each."""
    customer = np.repeat(np.arange(N // 80), 80)
    number, effect = rng.normal(size=(2, N // 80))
    return rng.integers(0, 20, N), number[customer], effect[customer]


KINDS = {"drifting": drifting, "neighbours": neighbours}


def rows(kind, classes, shuffled=False, seed=0):
    rng = np.random.default_rng(seed)
    codes, number, effect = KINDS[kind](rng)
    score = effect + rng.normal(scale=0.3, size=N)
    X = pd.DataFrame({"place": [f"p{code}" for code in codes], "number": number})
    y = np.digitize(score, np.quantile(score, [0.3, 0.7])) if classes else score
    order = rng.permutation(N) if shuffled else np.arange(N)
    return X.iloc[order].reset_index(drop=True), y[order]


def told(X, y, groups=None, **params):
    encoder = EntityEmbeddingEncoder(**FAST | params)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder.fit(X, y, **({} if groups is None else {"groups": groups}))
    found = [w for w in caught if w.category is OrderedRowsWarning]
    assert all(w.filename == __file__ for w in found)
    return [str(w.message) for w in found]


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_depend_on_their_order_are_told_about(kind, classes):
    (message,) = told(*rows(kind, classes))
    assert "TimeSeriesSplit(5)" in message
    assert "groups" in message
    assert told(*rows(kind, classes, shuffled=True)) == []


def test_whoever_says_how_rows_hang_together_is_not_told():
    X, y = rows("drifting", classes=False)
    assert told(X, y, cv=TimeSeriesSplit(3)) == []
    assert told(X, y, cv=KFold(3)) == []
    assert told(X, y, cv=None) == []
    assert told(X, y, groups=np.arange(N) // 100) == []


def test_few_rows_tell_too_little():
    X, y = rows("drifting", classes=False)
    assert told(X[:5000], y[:5000]) == []


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    X, y = rows("drifting", classes=False)
    shuffled, z = rows("drifting", classes=False, shuffled=True)
    both, target = pd.concat([shuffled, X], ignore_index=True), np.append(z, y)
    encoder = EntityEmbeddingEncoder(**FAST)
    weight = np.repeat([1.0, 0.0], N)
    encoder.fit(both, target, sample_weight=weight)  # a warning would be an error
    with pytest.warns(OrderedRowsWarning):
        encoder.fit(both, target, sample_weight=1 - weight)


def test_sorted_classes_are_told_about():
    X, y = rows("neighbours", classes=True, shuffled=True)
    order = np.argsort(y, kind="stable")
    assert len(told(X.iloc[order], y[order])) == 1


def test_one_class_among_early_rows():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], [N * 9 // 10, N // 10])
    target = classes[:, None] * 1.0
    codes = rng.integers(0, 9, (N, 2)).astype(np.int32)
    order = find_order(
        target, classes, codes, rng.normal(size=(N, 2)), np.ones(N, bool), 0
    )
    assert not order.matters  # nothing can be learned of it


def test_random_rows_are_hardly_ever_looked_at_closely():
    alike = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        codes = np.stack([rng.integers(0, n, 6000) for n in (2, 50, 3000)], axis=1)
        target, every = rng.normal(size=(6000, 1)), np.ones(6000, bool)
        order = find_order(target, None, codes, np.empty((6000, 0)), every, 0)
        alike.append(order.alike)
    # The largest of four about normal numbers, two of them below zero on average.
    assert 0 < np.mean(alike) < 1
    assert np.max(alike) < 4
