"""Crosses of a category and a number: curves of the target, out-of-fold."""

import numpy as np
import pandas as pd
import pytest
from evidence import evidence_of
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import TimeSeriesSplit

from sk_entity import EntityEmbeddingEncoder
from sk_entity._features import Evidence, Folds
from sk_entity._features.curves import TargetCurve
from sk_entity._features.smoothing import HEIGHTS, KNOTS, STEPS
from sk_entity.exceptions import ColumnError, UnknownCategoriesWarning
from sk_entity.inspection import input_importances

QUICK = {"max_epochs": 3, "random_state": 0}
N = 2000


def shops(seed=0, n=N):
    """Sales that fall with the price: in each shop from a level, at a pace of its own.

    Half of the rows' columns are noise.
    """
    rng = np.random.default_rng(seed)
    shop, price = rng.integers(0, 40, n), rng.normal(5, 2, n)
    level, pace = np.random.default_rng(1).normal(size=(2, 40))
    X = pd.DataFrame(
        {
            "shop": np.char.add("s", shop.astype(str)),
            "colour": rng.choice(list("abcdef"), n),
            "price": price,
            "noise": rng.normal(size=n),
        }
    )
    y = level[shop] + pace[shop] * (price - 5) + rng.normal(0, 0.5, n)
    return X, y


def hats(z):
    """Return how much each knot counts for each number."""
    return np.stack([np.interp(z, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1)


def precision(height, step):
    """Return that of the values of a curve at its knots."""
    steps = np.diff(np.eye(len(KNOTS)), axis=0)
    return height / len(KNOTS) * np.eye(len(KNOTS)) + step * steps.T @ steps


def slow_curves(code, z, y, weight):
    """Return the curve of each code, and of all rows, by the definition."""
    mean = np.full(len(KNOTS), np.average(y, weights=weight))
    (fixed,) = processes(np.zeros_like(code), z, y, weight, mean).values()
    return processes(code, z, y, weight, fixed), fixed


def processes(code, z, y, weight, fixed):
    """Return the mean of a Gaussian process around a curve, for each code.

    Of all pairs of variances, those under which the targets have the highest density.
    """
    basis, best = hats(z), None
    left = y - basis @ fixed
    for height in HEIGHTS:
        for step in STEPS:
            prior = np.linalg.inv(precision(height, step))
            squares, determinant, curves = 0.0, 0.0, {}
            for k in np.unique(code):
                own = code == k
                covariance = np.diag(1 / weight[own])
                covariance += basis[own] @ prior @ basis[own].T
                solved = np.linalg.solve(covariance, left[own])
                squares += left[own] @ solved
                determinant += np.linalg.slogdet(covariance)[1]
                determinant += np.log(weight[own]).sum()
                curves[k] = fixed + prior @ basis[own].T @ solved
            likelihood = -(determinant + weight.sum() * np.log(squares))
            if best is None or likelihood > best[0]:
                best = (likelihood, curves)
    return best[1]


@pytest.mark.parametrize("n_folds", [0, 3])
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_curves_equal_their_definition(n_folds, spread):
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 8, size=(200, 2))
    numeric = rng.normal(size=(200, 2))
    numeric[:3, 1] = [-99, 99, np.nan]
    pace = spread * rng.normal(size=(2, 8))
    y = pace[0, codes[:, 1]] + pace[1, codes[:, 1]] * np.nan_to_num(numeric[:, 1])
    y = 5 + np.tanh(y) + rng.normal(size=200)
    weight = rng.integers(1, 4, 200).astype(float)
    fold = rng.integers(0, 3, 200) if n_folds else np.zeros(200, dtype=np.int64)
    evidence = evidence_of(codes, numeric, y[:, None], weight, fold, Folds(n_folds))
    curve = TargetCurve.fit((1, 3), evidence)
    found = curve.look_up(codes, fold, numeric)[:, 0]
    z = evidence.scaler.scaled(numeric)[:, 1]
    for k in range(max(n_folds, 1)):
        seen = fold != k if n_folds else np.ones(200, dtype=bool)
        curves, fixed = slow_curves(codes[seen, 1], z[seen], y[seen], weight[seen])
        own = np.flatnonzero(fold == k)
        expected = [hats(z[[i]])[0] @ curves[codes[i, 1]] for i in own]
        np.testing.assert_allclose(found[own], expected)
        unknown = curve.of_all(k, numeric[own])[:, 0]
        np.testing.assert_allclose(unknown, hats(z[own]) @ fixed)


def test_a_curve_of_a_fold_depends_on_no_target_of_the_fold():
    rng = np.random.default_rng(0)
    codes, numeric = rng.integers(1, 5, size=(300, 1)), rng.normal(size=(300, 1))
    y, fold = rng.normal(size=(300, 1)), rng.integers(0, 3, 300)
    changed = np.where(fold[:, None] == 1, 1e3 * y, y)
    weight, folds = np.ones(300), Folds(3)
    before, after = (
        TargetCurve.fit((0, 1), evidence_of(codes, numeric, t, weight, fold, folds))
        for t in (y, changed)
    )
    np.testing.assert_array_equal(before.tables[1], after.tables[1])
    assert not np.allclose(before.tables[0], after.tables[0])


def test_what_a_row_does_not_say_of_a_target_counts_nothing():
    rng = np.random.default_rng(0)
    codes, numeric = rng.integers(1, 5, size=(300, 1)), rng.normal(size=(300, 1))
    y, fold = rng.normal(size=(300, 2)), rng.integers(0, 3, 300)
    there = np.ones((300, 2))
    there[::3, 1] = 0.0
    weight, folds = np.ones(300), Folds(3)
    # The second target has the same penalties whether it is alone or not.
    both = evidence_of(codes, numeric, y, weight, fold, folds, there)
    some = there[:, 1] > 0
    alone = evidence_of(
        codes[some], numeric[some], y[some, 1:], weight[some], fold[some], folds
    )
    alone = Evidence(**{**vars(alone), "scaler": both.scaler})
    second = TargetCurve.fit((0, 1), Evidence(**{
        **vars(both), "target": y[:, 1:], "shares": there[:, 1:]
    }))  # fmt: skip
    np.testing.assert_allclose(second.tables, TargetCurve.fit((0, 1), alone).tables)
    assert TargetCurve.fit((0, 1), both).look_up(codes, fold, numeric).shape == (300, 2)


def test_constant_and_missing_numbers_and_extreme_targets_are_finite():
    rng = np.random.default_rng(0)
    codes, fold = rng.integers(1, 5, size=(300, 1)), rng.integers(0, 3, 300)
    numeric = np.full((300, 3), 7.0)
    numeric[::2, 1] = np.nan
    numeric[:, 2] = np.where(rng.random(300) < 0.1, np.inf, rng.normal(size=300))
    for scale in (1e-200, 1.0, 1e200):
        y = scale * rng.normal(size=(300, 1))
        evidence = evidence_of(codes, numeric, y, np.ones(300), fold, Folds(3))
        for number in (1, 2, 3):
            curve = TargetCurve.fit((0, number), evidence)
            found = curve.look_up(codes, fold, numeric)
            assert np.isfinite(found).all()
            assert np.abs(found).max() < 10 * np.abs(y).max()


@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.SilentColumnsWarning")
def test_auto_takes_the_curve_that_there_is_and_no_other():
    X, y = shops()
    encoder = EntityEmbeddingEncoder(**QUICK).fit(X, y)
    assert encoder.crosses_ == [("shop", "price")]
    names = list(encoder.get_feature_names_out())
    assert "shop*price" in names
    assert list(encoder.feature_groups_)[2] == "shop*price"
    tried = encoder.choices_.query("what == 'cross'").set_index("name")
    assert tried.loc["shop*price", "kept"] == "yes"
    assert "colour*noise" not in tried.index  # residuals of the net are alike nowhere
    assert encoder.choices_.query("what == 'curves'").kept.item() == "yes"
    noise = np.random.default_rng(2).normal(size=N)
    assert EntityEmbeddingEncoder(**QUICK).fit(X, noise).crosses_ == []
    # It does what it is for: a linear model of the features knows the slopes.
    new, truth = shops(seed=5)
    column = names.index("shop*price")
    own = encoder.fit_transform(X, y)[:, [column]]
    model = LinearRegression().fit(own, y)
    assert model.score(encoder.transform(new)[:, [column]], truth) > 0.85
    assert model.score(own, y) == pytest.approx(
        model.score(encoder.transform(new)[:, [column]], truth), abs=0.03
    )


def test_curves_may_be_named_in_either_order():
    X, y = shops(n=300)
    pairs = [("price", "shop"), ("colour", "noise"), ("shop", "colour")]
    encoder = EntityEmbeddingEncoder(crosses=pairs, **QUICK).fit(X, y)
    expected = [("shop", "price"), ("colour", "noise"), ("shop", "colour")]
    assert encoder.crosses_ == expected
    out = encoder.set_output(transform="pandas").transform(X)
    # What stands under each name is what it says: only that number moves it.
    moved = encoder.transform(X.assign(price=X["price"] + 1))
    changed = (out != moved).any()
    assert changed["shop*price"]
    assert not changed[["colour*noise", "shop*colour"]].any()
    with pytest.warns(UnknownCategoriesWarning):
        unknown = encoder.transform(X.assign(shop="never seen"))
    assert unknown["shop*price"].nunique() > 100


@pytest.mark.parametrize("pair", [("price", "noise"), ("price", "price"), ("shop", 1)])
def test_pairs_without_a_category_are_refused(pair):
    X, y = shops(n=100)
    with pytest.raises(
        ColumnError, match=r"or of one and a number.*\['price', 'noise'"
    ):
        EntityEmbeddingEncoder(crosses=[pair]).fit(X, y)


@pytest.mark.parametrize("cv", [None, 3, TimeSeriesSplit(3)], ids=["none", "3", "time"])
@pytest.mark.parametrize("kind", ["continuous", "multiclass", "several"])
def test_all_kinds_of_fits_have_curves(cv, kind, tmp_path):
    X, y = shops(n=300)
    X.loc[::7, "price"] = np.nan
    X["level"] = pd.Categorical(X["colour"])
    y = pd.Series(y)
    if kind == "multiclass":
        y = pd.cut(y, [-np.inf, -1, 1, np.inf], labels=["lo", "mid", "hi"]).astype(str)
    if kind == "several":
        y = pd.DataFrame({"p": y, "q": -y})
    pairs = [("shop", "price"), ("level", "price")]
    encoder = EntityEmbeddingEncoder(cv=cv, crosses=pairs, **QUICK)
    features = encoder.fit_transform(X, y, sample_weight=np.linspace(0, 2, 300))
    assert np.isfinite(features[:, :-2]).all()
    encoder.save(tmp_path / "encoder.safetensors")
    loaded = EntityEmbeddingEncoder.load(tmp_path / "encoder.safetensors")
    np.testing.assert_array_equal(loaded.transform(X), encoder.transform(X))
    rows = [encoder.transform(X.iloc[[i]]) for i in range(3)] * 2
    np.testing.assert_array_equal(np.concatenate(rows[:3]), encoder.transform(X[:3]))
    assert encoder.crosses_ == pairs


def test_curves_grow_with_their_rows_and_new_categories():
    X, y = shops()
    early = (X["shop"] < "s30").to_numpy()
    params = {"crosses": [("shop", "price")], "cv": None, **QUICK}
    encoder = EntityEmbeddingEncoder(**params).fit(X[early], y[early])
    encoder.partial_fit(X[~early], y[~early])
    whole = EntityEmbeddingEncoder(**params).fit(X, y)
    column = list(whole.get_feature_names_out()).index("shop*price")
    # Numbers are scaled by the rows of the first fit: knots are elsewhere.
    np.testing.assert_allclose(
        encoder.transform(X)[:, column], whole.transform(X)[:, column], atol=0.2
    )


def test_streams_choose_and_learn_curves():
    X, y = shops(n=4000)
    parts = [(X[i : i + 500], y[i : i + 500]) for i in range(0, 4000, 500)]
    frames = [part.assign(y=own) for part, own in parts]
    encoder = EntityEmbeddingEncoder(max_epochs=2, random_state=0)
    encoder.fit_stream(frames, "y")
    assert encoder.crosses_ == [("shop", "price")]
    whole = EntityEmbeddingEncoder(crosses=[("shop", "price")], **QUICK).fit(X, y)
    found, expected = (
        fitted.set_output(transform="pandas").transform(X)["shop*price"]
        for fitted in (encoder, whole)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_importances_of_a_curve_go_to_both_columns():
    X, y = shops(n=300)
    params = {"crosses": [("shop", "price")], "add_prediction": False, **QUICK}
    encoder = EntityEmbeddingEncoder(**params).fit(X, y)
    names = list(encoder.get_feature_names_out())
    importances = np.zeros(len(names))
    importances[names.index("shop*price")] = 1.0
    found = input_importances(encoder, importances, X)
    assert found.to_dict() == {"shop": 0.5, "colour": 0.0, "price": 0.5, "noise": 0.0}
