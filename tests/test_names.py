"""Output names that boosters take, whatever columns and classes are called."""

import os
import string

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from xgboost import XGBRegressor

from sk_entity import EntityEmbeddingEncoder
from sk_entity._features.naming import feature_groups, safe_name
from sk_entity.exceptions import ColumnError

#: `SK_ENTITY_NAMES=200` tries so many hostile names.
N_NAMES = int(os.environ.get("SK_ENTITY_NAMES", "23"))
PARTS = [
    "<30",
    ">50",
    "[0, 10)",
    "(0, 10]",
    '"x"',
    "it's",
    "{a: 1}",
    "a b",
    "a_b",
    "a\nb",
]
PARTS += [
    "\t",
    "\\n",
    "a,b",
    "a:b",
    "a*b",
    "b*c",
    "é日",
    "$x^2$",
    "[",
    "]",
    "<",
    "x\x00y",
    "\x9b1m",
]
BOOSTERS = {
    "lightgbm": LGBMRegressor(n_estimators=2, verbose=-1),
    "xgboost": XGBRegressor(n_estimators=2),
    "catboost": CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False),
    "hist": HistGradientBoostingRegressor(max_iter=2),
}


def hostile_names(n):
    rng = np.random.default_rng(0)
    names = dict.fromkeys(PARTS)
    while len(names) < n:
        names["".join(rng.choice([*PARTS, *string.punctuation], 3))] = None
    return list(names)[:n]


def named(columns, crosses=(), labels=("",)):
    return feature_groups(
        dict.fromkeys(columns, 1),
        crosses,
        statistic_labels=[""],
        prediction_labels=labels,
        add_statistics=False,
        add_support=False,
        add_prediction=True,
        passed=[],
    )


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_boosters_take_hostile_names(output):
    names = hostile_names(N_NAMES)
    rng = np.random.default_rng(0)
    n = 60 + 3 * N_NAMES
    half = len(names) // 2
    X = pd.DataFrame({name: rng.choice(list("uvw"), n) for name in names[:half]})
    X = X.join(pd.DataFrame({name: rng.normal(size=n) for name in names[half:]}))
    labels = np.array([names[i % len(names)] for i in range(n)])
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0, crosses=None)
    features = encoder.set_output(transform=output).fit_transform(X, labels)
    assert len(set(encoder.get_feature_names_out())) == features.shape[1]
    assert list(encoder.feature_groups_)[:half] == names[:half]
    for booster in BOOSTERS.values():
        booster.fit(features, np.arange(n))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=4), unique=True, min_size=1, max_size=6))
def test_names_are_safe_unique_and_stable(columns):
    pairs = [(a, b) for a in columns for b in columns if a < b]
    outputs = [f"{name}_00" for name in columns]
    if "prediction" in columns or len({*columns, *outputs}) < 2 * len(columns):
        return
    groups = named(columns, pairs)
    assert groups == named(columns, pairs)
    assert list(groups)[: len(columns)] == columns
    assert len(groups) == len(columns) + len(pairs) + 1
    outputs = [name for group in groups.values() for name in group]
    assert len(set(outputs)) == len(outputs)
    assert all(name == safe_name(name) for name in outputs)
    assert not any(set(name) & set('[]<>{}":,\n\t ') for name in outputs)


def test_what_is_no_character_is_an_underscore():
    for character in ("\x7f", "\x80", "\x9f", "\ud800", "\udfff"):
        assert safe_name(f"a{character}b") == "a_b"


def test_boosters_take_names_without_an_encoding():
    X = pd.DataFrame({"a": ["u", "v"] * 30, "b": np.arange(60.0)})
    X.columns = pd.Index(["\ud800", "b"], dtype=object)  # others cannot hold it
    encoder = EntityEmbeddingEncoder(["\ud800"], max_epochs=1, random_state=0)
    encoder.set_output(transform="pandas")
    features = encoder.fit_transform(X, np.arange(60.0))
    for booster in BOOSTERS.values():
        booster.fit(features, np.arange(60))


def test_passed_columns_keep_names_without_an_encoding():
    X = pd.DataFrame({"a": ["u", "v"] * 30, "b": np.arange(60.0)})
    X.columns = pd.Index(["a", "\ud800"], dtype=object)
    encoder = EntityEmbeddingEncoder(["a"], max_epochs=1, random_state=0)
    encoder.set_output(transform="pandas")
    for features in (encoder.fit_transform(X, X["\ud800"]), encoder.transform(X)):
        assert list(features.columns) == list(encoder.get_feature_names_out())
        np.testing.assert_array_equal(features.iloc[:, -1], X.iloc[:, 1])


def test_what_clashes_after_cleaning_is_numbered():
    assert named(["a b", "a_b"])["a b"] == ["a_b_00_2"]
    assert named(["a b", "a_b"])["a_b"] == ["a_b_00"], (
        "a name that needs no change stays"
    )
    labels = ["_<30", "_>30", "__30_2"]
    predictions = named(["c"], labels=labels)["prediction"]
    assert predictions == ["prediction__30", "prediction__30_3", "prediction__30_2"]


def test_crosses_of_columns_with_stars():
    groups = named(["a*b", "c", "a", "b*c"], [("a*b", "c"), ("a", "b*c")])
    assert groups["a*b*c"] == ["a*b*c"]
    assert groups["a*b*c_2"] == ["a*b*c_2"]


def test_clashes_are_told_before_training(monkeypatch):
    from sk_entity._learning import trainer

    monkeypatch.setattr(trainer, "train", lambda *a, **k: pytest.fail("trained"))
    X = pd.DataFrame({"a": ["x", "y"] * 20, "b": ["u", "v"] * 20})
    for name in ("a_00", "prediction", "b_support"):
        with pytest.raises(ColumnError, match=f"share names.*{name}"):
            EntityEmbeddingEncoder().fit(X.assign(**{name: 1.0}), np.arange(40.0))
    with pytest.raises(ColumnError, match="not a pair"):
        EntityEmbeddingEncoder(crosses=[("a", "z")]).fit(X, np.arange(40.0))
