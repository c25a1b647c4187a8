"""Columns beside the vectors: statistics, support, crosses, prediction."""

import numpy as np
import pandas as pd
import pytest
from evidence import evidence_of
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold

from sk_entity import EntityEmbeddingEncoder
from sk_entity._features.folds import Folds
from sk_entity._features.statistics import (
    PRIOR_ROWS,
    TableStatistics,
    TargetStatistic,
)
from sk_entity.datasets import make_entities
from sk_entity.exceptions import ColumnError, UnknownCategoriesWarning

QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture
def interaction():
    """Two columns that say nothing alone and everything together, and a third."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 12, size=(3000, 3))
    effect = rng.normal(size=(12, 12))
    effect -= effect.mean(axis=0)
    effect -= effect.mean(axis=1, keepdims=True)
    y = effect[codes[:, 0], codes[:, 1]] + 0.1 * rng.normal(size=3000)
    X = pd.DataFrame(codes, columns=["a", "b", "c"]).astype(str)
    return X, y


def slow_statistic(cells, y, weight, fold, n_folds):
    """Return each row's statistic and support, by the definition."""
    values, support = np.empty(len(y)), np.empty(len(y))
    for i in range(len(y)):
        seen = fold != fold[i] if n_folds else np.ones(len(y), dtype=bool)
        same = seen & (cells == cells[i])
        prior = np.average(y[seen], weights=weight[seen])
        total = (weight * y)[same].sum() + PRIOR_ROWS * prior
        values[i] = total / (weight[same].sum() + PRIOR_ROWS)
        scale = weight.sum() / weight[seen].sum()
        support[i] = np.log1p(weight[same].sum() * scale)
    return values, support


@pytest.mark.parametrize("columns", [[1], [0, 2]])
@pytest.mark.parametrize("n_folds", [0, 3])
def test_statistics_equal_their_definition(columns, n_folds):
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 5, size=(60, 3))
    y, weight = rng.normal(size=60), rng.integers(1, 4, 60).astype(float)
    fold = rng.integers(0, 3, 60) if n_folds else np.zeros(60, dtype=np.int64)
    numeric = np.empty((60, 0))
    evidence = evidence_of(codes, numeric, y[:, None], weight, fold, Folds(n_folds))
    statistic = TargetStatistic.fit(columns, evidence)
    cells = pd.Series(map(tuple, codes[:, columns])).factorize()[0]
    values, support = slow_statistic(cells, y, weight, fold, n_folds)
    np.testing.assert_allclose(statistic.look_up(codes, fold)[:, 0], values)
    unseen = statistic.look_up(np.zeros((1, 3), dtype=np.int64))
    np.testing.assert_allclose(unseen, np.average(y, weights=weight))
    if len(columns) == 1:
        both = TableStatistics.fit(
            columns[0], evidence, statistic=True, support=True
        ).values
        by_code = both[fold, codes[:, columns[0]]]
        np.testing.assert_allclose(by_code, np.stack([values, support], 1), rtol=1e-6)


def test_all_extras_stand_where_their_names_say(interaction):
    X, y = interaction
    X = X.assign(number=np.arange(3000.0))
    encoder = EntityEmbeddingEncoder(
        embedding_dim=1,
        crosses=[("a", "c")],
        add_statistics=True,
        add_prediction=True,
        **QUICK,
    ).set_output(transform="pandas")
    out = encoder.fit_transform(X, y)
    columns = [
        f"{c}{part}" for c in "abc" for part in ("_00", "_statistic", "_support")
    ]
    assert list(out) == [*columns, "a*c", "prediction", "number"]
    assert encoder.feature_groups_["a"] == ["a_00", "a_statistic", "a_support"]
    assert encoder.feature_groups_["a*c"] == ["a*c"]
    assert encoder.crosses_ == [("a", "c")]
    pd.testing.assert_index_equal(encoder.transform(X).columns, out.columns)
    new = encoder.transform(X.head(1).assign(a="never seen"))
    assert new["a_statistic"].item() == pytest.approx(y.mean(), abs=1e-4)
    assert new["a*c"].item() == pytest.approx(y.mean(), abs=1e-4)
    assert new["a_support"].item() == 0


@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.SilentColumnsWarning")
def test_auto_takes_the_pair_that_interacts_and_no_other(interaction):
    X, y = interaction
    encoder = EntityEmbeddingEncoder(embedding_dim=1, **QUICK).fit(X, y)
    assert encoder.crosses_ == [("a", "b")]
    noise = np.random.default_rng(1).normal(size=3000)
    assert EntityEmbeddingEncoder(**QUICK).fit(X, noise).crosses_ == []
    assert EntityEmbeddingEncoder(cv=None, **QUICK).fit(X, y).crosses_ == []
    assert EntityEmbeddingEncoder(crosses=None, **QUICK).fit(X, y).crosses_ == []


def test_auto_crosses_with_three_classes_weights_and_a_constant_column(interaction):
    X, y = interaction
    labels = np.digitize(y, [-0.5, 0.5])
    X = X.assign(same="x", copy=X["a"])
    encoder = EntityEmbeddingEncoder(embedding_dim=1, **QUICK)
    encoder.fit(X, labels, sample_weight=np.linspace(0, 2, 3000))
    assert encoder.crosses_[0] in [("a", "b"), ("b", "copy")]
    assert len(encoder.crosses_) == 1
    names = encoder.get_feature_names_out()
    cross = "*".join(encoder.crosses_[0])
    assert [f"{cross}_{k}" for k in range(3)] == [n for n in names if "*" in n]


@pytest.mark.parametrize("classes", [2, 3])
def test_predictions_are_probabilities_of_the_classes(classes):
    data = make_entities(2000, n_categories=(9, 5), noise=0.2, random_state=0)
    bins = np.quantile(data.y, [0.4, 0.7][: classes - 1])
    labels = np.array(["low", "mid", "top"])[np.digitize(data.y, bins)]
    encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=30)
    out = encoder.set_output(transform="pandas").fit_transform(data.X, labels)
    names = encoder.feature_groups_["prediction"]
    if classes == 2:
        assert names == ["prediction"]
        assert out["prediction"].between(0, 1).all()
        right = (out["prediction"] > 0.5) == (labels == "mid")
    else:
        assert names == ["prediction_low", "prediction_mid", "prediction_top"]
        np.testing.assert_allclose(out[names].sum(axis=1), 1, rtol=1e-5)
        right = encoder.classes_[out[names].to_numpy().argmax(axis=1)] == labels
    assert right.mean() > 0.8


def test_the_prediction_of_training_rows_is_as_good_as_that_of_new_rows():
    data = make_entities(4000, noise=0.5, random_state=0)
    encoder = EntityEmbeddingEncoder(random_state=0).set_output(transform="pandas")
    own = encoder.fit_transform(data.X[:2000], data.y[:2000])["prediction"]
    new = encoder.transform(data.X[2000:])["prediction"]
    trained, tested = r2_score(data.y[:2000], own), r2_score(data.y[2000:], new)
    assert tested > 0.5
    assert abs(trained - tested) < 0.05, (trained, tested)


def test_prediction_with_and_without_cross_fitting(interaction):
    X, y = interaction
    plain = EntityEmbeddingEncoder(cv=None, **QUICK).fit(X, y)
    assert "prediction" not in plain.feature_groups_
    asked = EntityEmbeddingEncoder(cv=None, add_prediction=True, **QUICK)
    out = asked.set_output(transform="pandas").fit_transform(X, y)
    # One table, one head: training rows are no different from new ones.
    pd.testing.assert_frame_equal(out, asked.transform(X))


def test_missing_and_unknown_cells_may_be_nan_while_the_prediction_is_not(interaction):
    X, y = interaction
    encoder = EntityEmbeddingEncoder(handle_unknown="return_nan", **QUICK)
    encoder.set_output(transform="pandas").fit(X, y)
    with pytest.warns(UnknownCategoriesWarning, match="'never seen'"):
        new = encoder.transform(X.head(3).assign(a="never seen"))
    assert new[encoder.feature_groups_["a"]].isna().all(axis=None)
    assert new.drop(columns=encoder.feature_groups_["a"]).notna().all(axis=None)


@pytest.mark.parametrize("crosses", [["ab"], [("a",)], [("a", "a")], [("a", "b", "c")]])
def test_crosses_that_are_no_pairs_of_categorical_columns(interaction, crosses):
    X, y = interaction
    X = X.assign(number=1.0)
    with pytest.raises(ColumnError, match="not a pair of two categorical columns"):
        EntityEmbeddingEncoder(crosses=crosses).fit(X, y)


def test_a_column_called_prediction(interaction):
    X, y = interaction
    with pytest.raises(ColumnError, match=r"share names.*prediction"):
        EntityEmbeddingEncoder(**QUICK).fit(X.assign(prediction=1.0), y)
    with pytest.raises(ColumnError, match=r"share names.*prediction"):
        EntityEmbeddingEncoder(**QUICK).fit(X.rename(columns={"a": "prediction"}), y)


def test_whole_numbers_are_a_regression_as_floats_and_classes_as_integers():
    data = make_entities(300, n_categories=(5,), random_state=0)
    stars = np.digitize(data.y, [-1, 0, 1])
    encoder = EntityEmbeddingEncoder(max_epochs=1)
    assert encoder.fit(data.X, stars).target_type_ == "multiclass"
    assert encoder.fit(data.X, stars.astype(float)).target_type_ == "continuous"
    assert encoder.fit(data.X, (stars > 1).astype(float)).target_type_ == "binary"
    with pytest.raises(ValueError, match=r"y.astype\(float\)"):
        encoder.fit(data.X, np.arange(300))


@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.SilentColumnsWarning")
def test_rows_of_one_group_are_one_witness_for_a_cross():
    """Two hundred patients of fifty equal rows each; their target is noise."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(200), 50)
    X = pd.DataFrame(
        {name: rng.integers(6, size=200)[patient].astype(str) for name in "abcd"}
    )
    y = rng.normal(size=200)[patient]
    encoder = EntityEmbeddingEncoder(cv=GroupKFold(5), max_epochs=3, random_state=0)
    encoder.fit(X, y, groups=patient)
    assert encoder.crosses_ == []
