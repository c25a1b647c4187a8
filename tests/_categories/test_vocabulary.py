"""Vocabularies against a slow dictionary, and scikit-learn's rules for rare values."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from sk_entity._categories import UNKNOWN, Vocabulary


def build(values, **params):
    values = pd.Series(values, name="v")
    return Vocabulary.build(values, np.ones(len(values)), **params)


@pytest.mark.parametrize(
    "dtype", ["object", "str", "category", "string", "string[pyarrow]", "Int64", "bool"]
)
def test_codes_equal_a_dictionary(dtype):
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 2 if dtype == "bool" else 6, 100)
    values = pd.Series(raw if dtype in ("Int64", "bool") else [f"v{i}" for i in raw])
    values = values.astype(dtype)
    vocabulary = build(values)
    codes, missing = vocabulary.encode(values)
    keys = dict(zip(sorted(set(values)), range(1, 7), strict=False))
    assert codes.tolist() == [keys[value] for value in values]
    assert not missing.any()


def test_numbers_match_across_number_types():
    vocabulary = build([3, 1, 2])
    for dtype in ("float64", "float32", "Int64", "object", "category", "int8"):
        codes = vocabulary.encode(pd.Series([2, 3, 9], dtype="int64").astype(dtype))[0]
        assert codes.tolist() == [2, 3, UNKNOWN], dtype


@pytest.mark.parametrize("missing", [None, np.nan, pd.NaT, pd.NA])
def test_every_kind_of_missing_value_is_one_category(missing):
    vocabulary = build(["a", None])
    values = pd.Series(["a", missing, "b"], dtype=object)
    codes, is_missing = vocabulary.encode(values)
    assert codes.tolist() == [1, vocabulary.missing_code, UNKNOWN]
    assert is_missing.tolist() == [False, True, False]
    assert build(["a"]).encode(values)[0].tolist() == [1, UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    "params",
    [
        {"min_frequency": 5},
        {"min_frequency": 0.2},
        {"max_categories": 3},
        {"max_categories": 1},
        {"min_frequency": 4, "max_categories": 2},
        {"min_frequency": 1000},
        {"max_categories": 99},
    ],
)
def test_infrequent_categories_are_those_of_scikit_learn(params):
    values = np.repeat(list("abcdef"), [1, 3, 9, 4, 2, 7])
    theirs = OneHotEncoder(sparse_output=False, **params).fit(values[:, None])
    expected = theirs.infrequent_categories_[0]
    ours = build(values, **params)
    rare = ours.categories[ours.codes == ours.infrequent_code]
    assert list(rare) == ([] if expected is None else list(expected))
    assert ours.n_codes == theirs.transform(values[:, None]).shape[1] + 1


def test_rows_of_weight_zero_are_not_seen():
    values = pd.Series(["a", "b", None])
    vocabulary = Vocabulary.build(values, np.array([1.0, 0.0, 0.0]))
    assert list(vocabulary.categories) == ["a"]
    assert vocabulary.missing_code is None


def test_intervals_are_categories_too():
    values = pd.Series(pd.cut([1, 5, 9, 5], 3))
    vocabulary = build(values)
    assert vocabulary.encode(values)[0].tolist() == [1, 2, 3, 2]
    assert vocabulary.encode(values.astype(object))[0].tolist() == [1, 2, 3, 2]
