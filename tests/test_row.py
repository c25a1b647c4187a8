"""One row at a time: the same features as of many, whatever the cells are."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity._row import RowReader
from sk_entity.exceptions import (
    CategoryError,
    ColumnError,
    ColumnTypeWarning,
    UnknownCategoriesWarning,
)

RNG = np.random.default_rng(0)
N = 120
QUICK = {"max_epochs": 2, "random_state": 0}

#: Columns that fit learns, and cells that come later.
COLUMNS = {
    "text": (np.array(["a", "b", "c", "10"])[RNG.integers(0, 4, N)], ["a", "z", None]),
    "integers": (RNG.integers(0, 5, N), [3, 99, 3.0, "3", np.int8(3)]),
    "floats": (RNG.integers(0, 4, N) / 4, [0.25, 1, 9.5, np.nan, np.float32(0.25)]),
    "booleans": (RNG.random(N) > 0.5, [True, 1, 0.0, None]),
    "decimals": ([Decimal(f"{i % 3}.50") for i in range(N)], [Decimal("1.5"), 1.5, 7]),
    "bytes": ([b"ab"[i % 2 :] for i in range(N)], [b"b", "b", b"zz"]),
    "mixed": ([[1, "1", 2.5, True][i % 4] for i in range(N)], [1, "1", 2.5, 1.0, "z"]),
}
TYPES = pytest.mark.filterwarnings(
    f"ignore::{ColumnTypeWarning.__module__}.{ColumnTypeWarning.__name__}"
)


def many(encoder, row, monkeypatch):
    """Return what the way of many rows gives."""
    with monkeypatch.context() as patched:
        patched.setattr(RowReader, "read", lambda self, frame: None)
        return encoder.transform(row)


def learned_from(values, **params):
    X = pd.DataFrame({"key": pd.Series(values, dtype=params.pop("dtype", None))})
    X = X.assign(other=RNG.integers(0, 3, N).astype(str), number=np.arange(N) / 7)
    y = RNG.normal(size=N)
    params = {"categorical_features": ["key", "other"], **QUICK, **params}
    return X, EntityEmbeddingEncoder(**params).fit(X, y)


@TYPES
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("buckets", [None, 7])
def test_one_row_has_the_features_of_many(kind, buckets, monkeypatch):
    values, later = COLUMNS[kind]
    X, encoder = learned_from(list(values), hash_buckets=buckets)
    rows = [X.iloc[[i]] for i in range(6)]
    rows += [X.iloc[[0]].assign(key=pd.Series([x], dtype=object)) for x in later]
    rows += [X.iloc[[0]].assign(key=pd.Series([x])) for x in later if x is not None]
    rows += [row.assign(number=v) for row in rows[:1] for v in (np.nan, 3, True, None)]
    rows += [row.astype({"key": "category"}) for row in rows[:3]]
    for row in rows * 2:  # cells that were seen before, too
        expected = many(encoder, row, monkeypatch)
        np.testing.assert_array_equal(encoder.transform(row), expected)


@pytest.mark.parametrize("handle", ["value", "return_nan"])
@pytest.mark.parametrize("unknown", ["z", None, "a"])
@pytest.mark.parametrize("crosses", [[("key", "other"), ("key", "number")], None])
def test_unknown_and_missing_cells_of_one_row(handle, unknown, crosses, monkeypatch):
    values = [None, *"abcab"] * (N // 6)
    handles = {"handle_unknown": handle, "handle_missing": handle}
    X, encoder = learned_from(values, crosses=crosses, add_statistics=True, **handles)
    row = X.iloc[[1]].assign(key=pd.Series([unknown], dtype=object, index=[1]))
    for _ in range(3):
        expected = many(encoder, row, monkeypatch)
        np.testing.assert_array_equal(encoder.transform(row), expected)


def test_warnings_and_errors_come_with_each_row():
    X, encoder = learned_from(list("abc") * 40, handle_unknown="warn")
    row = X.iloc[[0]].assign(key="z")
    for _ in range(2):
        with pytest.warns(UnknownCategoriesWarning):
            encoder.transform(row)
    X, encoder = learned_from(list("abc") * 40, handle_unknown="error")
    encoder.transform(X.iloc[[0]])
    for _ in range(2):
        with pytest.raises(CategoryError):
            encoder.transform(row)
    with pytest.raises(ColumnError, match="not numeric"):
        encoder.transform(X.iloc[[0]].assign(number="seven"))
    with pytest.raises(ColumnError, match="round"):
        encoder.transform(X.iloc[[0]].assign(number=2**53 + 1))
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(X.iloc[[0]].rename(columns={"key": "keys"}))


def test_a_known_row_is_not_read_by_pandas(monkeypatch):
    X, encoder = learned_from(list("abc") * 40)
    encoder.transform(X.iloc[[0]])
    features = encoder.transform(X)
    read = []
    monkeypatch.setattr(type(encoder._learned), "encode", lambda *a: read.append(a))
    for i in range(10):
        found = encoder.transform(X.iloc[[i]])
        np.testing.assert_allclose(found, features[[i]], rtol=1e-6)
    assert not read


def test_cells_are_forgotten_when_there_are_very_many(monkeypatch):
    monkeypatch.setattr("sk_entity._row._MOST_CELLS", 5)
    X, encoder = learned_from(list("abc") * 40)
    for i in range(20):
        encoder.transform(X.iloc[[0]].assign(key=f"new {i}"))
    assert len(encoder._learned.row_reader._codes[0]) <= 5
