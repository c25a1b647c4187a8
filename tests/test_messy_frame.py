"""Frames as they come: the awkward cells, types and sizes."""

import numpy as np
import pandas as pd
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity.exceptions import UnknownCategoriesWarning

#: Vectors only: what stands beside them is tested in test_extras.py.
FAST = {
    "max_epochs": 2,
    "random_state": 0,
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
}
N = 60


@pytest.fixture
def messy():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "mixed": pd.Series([1, "1", 2.5, None, "x", "y"] * 10, dtype=object),
            "level": pd.Categorical(["b", "a", None] * 20, categories=["z", "b", "a"]),
            "zero": pd.array([0, 1, None] * 20, dtype="Int64"),
            "nothing": pd.Series([None] * N, dtype=object),
            "same": ["only"] * N,
            "text": pd.Series(["p", "q", np.nan] * 20),
            "number": rng.normal(size=N),
            "holes": [1.0, np.nan, 3.0] * 20,
            "empty": [np.nan] * N,
            "heavy": 10.0 ** rng.integers(-5, 300, N),
            "flag": [True, False] * 30,
        }
    )
    return X, rng.normal(size=N)


def encoder(**params):
    columns = ["mixed", "level", "zero", "nothing", "same", "text"]
    return EntityEmbeddingEncoder(columns, **(FAST | params)).set_output(
        transform="pandas"
    )


def test_everything_at_once(messy):
    X, y = messy
    fitted = encoder()
    out = fitted.fit_transform(X, y)
    embedded = [c for c in out if c[-3:-1] == "_0"]
    assert np.isfinite(out[embedded].to_numpy(dtype=float)).all()
    pd.testing.assert_frame_equal(out[list(X.columns[6:])], X[list(X.columns[6:])])
    again = fitted.transform(X.iloc[::-1])
    pd.testing.assert_frame_equal(again.iloc[::-1], fitted.transform(X))


def test_values_of_several_types_are_several_categories(messy):
    X, y = messy
    table = encoder().fit(X, y).embeddings_["mixed"]
    assert len(table) == 5
    assert not np.array_equal(table[1], table["1"])
    assert table.to_frame().loc["1", "count"] == 10


def test_zero_is_not_missing_and_unused_levels_are_unknown(messy):
    X, y = messy
    fitted = encoder(max_epochs=20).fit(X, y)
    zero, level = fitted.embeddings_["zero"], fitted.embeddings_["level"]
    assert not np.array_equal(zero[0], zero[None])
    assert not np.array_equal(zero[None], zero.unknown)
    np.testing.assert_array_equal(level.look_up(["z"])[0], level.unknown)
    assert list(level.vocabulary.categories) == ["a", "b"]


def test_column_without_values_and_with_one(messy):
    X, y = messy
    fitted = encoder().fit(X, y)
    assert len(fitted.embeddings_["nothing"]) == 0
    assert fitted.embeddings_["nothing"].counts[-1] == N
    assert len(fitted.embeddings_["same"]) == 1
    assert "nothing_00" in fitted.transform(X.iloc[:1])


def test_vectors_are_keyed_by_value_not_by_code(messy):
    X, y = messy
    fitted = encoder().fit(X, y)
    other = X.assign(
        level=pd.Categorical(X["level"], categories=["a", "new", "b", "z"]),
        zero=X["zero"].astype("float64"),
        text=X["text"].astype("category"),
        mixed=X["mixed"].astype("category"),
    )
    pd.testing.assert_frame_equal(fitted.transform(other), fitted.transform(X))
    strings = X.assign(text=X["text"].astype("string"), same=X["same"].astype(object))
    pd.testing.assert_frame_equal(fitted.transform(strings), fitted.transform(X))


def test_only_unseen_categories(messy):
    X, y = messy
    fitted = encoder().fit(X, y)
    new = X.assign(
        **dict.fromkeys(["mixed", "level", "nothing", "same", "text"], "unseen")
    )
    with pytest.warns(UnknownCategoriesWarning, match="'unseen'"):
        out = fitted.transform(new.assign(zero=7))
    for name, table in fitted.embeddings_.items():
        block = out[fitted.feature_groups_[name]].to_numpy()
        assert (block == table.unknown[: block.shape[1]]).all()


def test_column_names_that_are_not_strings():
    X = pd.DataFrame({0: ["a", "b"] * 20, 1: range(40)})
    fitted = EntityEmbeddingEncoder(**FAST).fit(X, np.arange(40.0) + 0.5)
    assert list(fitted.get_feature_names_out()) == ["x0_00", "x1"]
    rows = X[:2].to_numpy()
    np.testing.assert_array_equal(fitted.transform(rows), fitted.transform(X[:2]))
    with pytest.raises(ValueError, match=r"feature names .* in fit they were \[0, 1\]"):
        fitted.transform(X[[1, 0]])
    mixed = X.rename(columns={0: "a"})
    with pytest.raises(TypeError, match="string"):
        EntityEmbeddingEncoder(**FAST).fit(mixed, np.arange(40.0) + 0.5)


def test_every_row_a_category_of_its_own():
    n = 10_000
    X = pd.DataFrame({"id": [f"id {i}" for i in range(n)]})
    y = np.random.default_rng(0).normal(size=n)
    fitted = EntityEmbeddingEncoder(**FAST)
    out = fitted.fit_transform(X, y)
    # No row has a companion in another fold, so all are unknown out of fold.
    assert (out.astype(np.float32) == fitted.embeddings_["id"].unknown).all()
    assert len(fitted.embeddings_["id"]) == n


def test_columns_must_be_those_of_fit(messy):
    X, y = messy
    fitted = encoder().fit(X, y)
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(X.rename(columns={"text": "texts"}))
    with pytest.raises(ValueError, match="not numeric"):
        fitted.transform(X.assign(number="seven"))
