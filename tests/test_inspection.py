"""Measures of tables, and the comparison of encoders."""

import sys

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import TargetEncoder

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder, compare_encoders
from sk_entity._categories import Vocabulary
from sk_entity.datasets import make_entities
from sk_entity.inspection import (
    EncoderComparison,
    drift,
    effective_rank,
    input_importances,
    map_trustworthiness,
    neighbour_overlap,
    probe_score,
    procrustes_residual,
)
from sk_entity.inspection._comparison import default_encoders


def table_of(vectors):
    n = len(vectors)
    vocabulary = Vocabulary.build(
        pd.Series([f"v{i:03d}" for i in range(n)]), np.ones(n)
    )
    rows = np.vstack([np.zeros((1, np.shape(vectors)[1])), vectors])
    return EmbeddingTable("c", vocabulary, rows.astype(np.float32), np.ones(n + 1))


@pytest.fixture(scope="module")
def cloud():
    return np.random.default_rng(0).normal(size=(80, 3))


def test_effective_rank_counts_the_coordinates_in_use(cloud):
    assert effective_rank(table_of(cloud)) == pytest.approx(3, abs=0.1)
    assert effective_rank(table_of(cloud * [1, 0, 0])) == pytest.approx(1)
    assert 1 < effective_rank(table_of(cloud * [1, 0.2, 0])) < 2
    assert effective_rank(table_of(np.ones((5, 2)))) == 0.0


def test_a_map_is_trusted_as_far_as_it_shows_the_neighbours(cloud):
    flat = cloud * [1, 1, 0.01]
    assert map_trustworthiness(table_of(flat), flat[:, :2]) > 0.99
    shuffled = np.random.default_rng(1).permutation(flat[:, :2])
    assert map_trustworthiness(table_of(flat), shuffled) < 0.65
    assert map_trustworthiness(table_of(cloud), cloud[:, :2]) < 0.95
    big = np.random.default_rng(2).normal(size=(3500, 2))
    assert map_trustworthiness(table_of(big), big) == 1.0
    with pytest.raises(ValueError, match=r"points has shape \(3, 2\): give one point"):
        map_trustworthiness(table_of(cloud), cloud[:3, :2])
    with pytest.raises(ValueError, match="A map of 3 categories has no neighbourhoods"):
        map_trustworthiness(table_of(cloud[:3]), cloud[:3, :2])


def test_rotated_tables_are_the_same_and_others_are_not(cloud):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    same, other = table_of(5 * cloud @ turn + 2), np.random.default_rng(2)
    table, other = table_of(cloud), table_of(other.normal(size=(80, 3)))
    assert procrustes_residual(table, same) == pytest.approx(0, abs=1e-6)
    assert procrustes_residual(table, other) > 0.7
    assert neighbour_overlap(table, same) == 1.0
    assert neighbour_overlap(table, other) < 0.3
    noisy = table_of(cloud + 0.3 * np.random.default_rng(3).normal(size=cloud.shape))
    assert 0 < procrustes_residual(table, noisy) < 0.3
    # Of two dimensions against three, too.
    assert 0 < procrustes_residual(table, table_of(cloud[:, :2])) < 0.6


def test_probes_read_what_vectors_hold(cloud):
    table = table_of(cloud)
    names = table.to_frame().index
    number = dict(zip(names, cloud @ [1.0, 2.0, 3.0], strict=True))
    label = {name: "hi" if cloud[i, 0] > 0 else "lo" for i, name in enumerate(names)}
    nothing = dict(zip(names, np.random.default_rng(4).normal(size=80), strict=True))
    assert probe_score(table, number) > 0.99
    assert probe_score(table, label) > 0.85
    assert probe_score(table, nothing) < 0.2
    with pytest.raises(ValueError, match="found 3 categories with an attribute"):
        probe_score(table, {"v000": 1.0, "v001": 2.0, "v002": 3.5})


def test_drift_lists_who_moved():
    data = make_entities(2000, n_categories=(15, 5), random_state=0)
    encoder = EntityEmbeddingEncoder(max_epochs=5, random_state=0).fit(data.X, data.y)
    before = encoder.embeddings_["entity_0"]
    one = data.X["entity_0"].iloc[0]
    rows = data.X[data.X["entity_0"] == one]
    encoder.partial_fit(rows, data.y[rows.index] + 5.0)
    moved = drift(before, encoder.embeddings_["entity_0"])
    assert moved.index[0] == one
    assert (moved["distance"][1:] == 0).all()
    assert moved["relative"].iloc[0] > 0
    with pytest.raises(ValueError, match="no space in common"):
        drift(table_of(np.ones((4, 2))), table_of(np.ones((4, 3))))
    with pytest.raises(ValueError, match="0 categories in common"):
        neighbour_overlap(before, table_of(np.ones((4, 2))))


# --- compare_encoders ----------------------------------------------------------------


class Broken(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        raise RuntimeError("deliberately broken")

    def transform(self, X):
        return X


QUICK = EntityEmbeddingEncoder(max_epochs=5, random_state=0)


def test_default_encoders_under_a_booster():
    data = make_entities(1200, n_categories=(60, 20), random_state=0)
    X = data.X.assign(x=np.arange(1200) % 7)
    model = LGBMRegressor(n_estimators=20, verbose=-1)
    found = compare_encoders(model, X, data.y, cv=3, n_jobs=2, verbose=1)
    frame = found.to_frame()
    assert not frame["error"].any()
    expected = {"none", "native", "TargetEncoder", "StringEncoder"}
    assert expected | {"EntityEmbeddingEncoder"} <= {*frame.index}
    assert frame["score"].is_monotonic_decreasing
    assert frame.loc["none", "score"] < frame.loc["TargetEncoder", "score"]
    assert frame.loc["none", "n_columns"] == X.select_dtypes("number").shape[1]
    assert (frame["low"] <= frame["difference"]).all()
    assert frame.loc["TargetEncoder", "difference"] == 0.0
    assert "vs TargetEncoder" in repr(found)
    assert "error" not in repr(found)


def test_classes_groups_and_an_encoder_that_fails():
    data = make_entities(900, n_categories=(30, 20), random_state=1)
    y = np.digitize(data.y, np.quantile(data.y, [0.3, 0.7]))
    labels = np.array(["low", "mid", "top"])[y]
    encoders = {"ours": QUICK, "broken": Broken(), "TE": TargetEncoder()}
    groups = np.arange(900) // 9
    found = compare_encoders(
        HistGradientBoostingClassifier(max_iter=10),
        data.X,
        labels,
        encoders,
        cv=GroupKFold(3),
        groups=groups,
        scoring="neg_log_loss",
    )
    frame = found.to_frame()
    assert frame.index[-1] == "broken"
    assert frame["error"]["broken"] == "RuntimeError: deliberately broken"
    assert np.isnan(frame["score"]["broken"])
    assert frame["score"][["ours", "TE"]].notna().all()
    assert found.reference == "ours"  # there is no "TargetEncoder"
    assert "deliberately broken" in repr(found)


def test_default_encoders_with_three_classes_and_no_numbers():
    data = make_entities(600, n_categories=(8, 6), random_state=2)
    X, y = data.X[["entity_0", "entity_1"]], np.digitize(data.y, [-1, 1])
    found = compare_encoders(
        LGBMClassifier(n_estimators=5, verbose=-1), X.to_numpy(), y, cv=2
    )
    frame = found.to_frame()
    assert "none" not in frame.index
    assert not frame["error"].any()


def test_string_encoder_reads_any_column_and_missing_cells():
    names = ["ab", "abc", None, "x"]
    X = pd.DataFrame({"name": names * 30, "number": [1, 2, 3, 4] * 30})
    encoder = default_encoders("continuous", 0)["StringEncoder"]
    found = compare_encoders(
        Ridge(),
        X,
        np.arange(120) % 4,
        {"text": encoder},
        cv=2,
        categorical_features=["name", "number"],
    )
    frame = found.to_frame()
    assert not frame["error"].any()
    assert frame["score"]["text"] > 0.9  # the four names are told apart


def test_without_skrub_the_string_encoder_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skrub", None)
    data = make_entities(200, n_categories=(9, 6), random_state=0)
    encoders = {"StringEncoder": default_encoders("continuous", 0)["StringEncoder"]}
    encoders["ordinal"] = default_encoders("continuous", 0)["ordinal"]
    frame = compare_encoders(Ridge(), data.X, data.y, encoders, cv=2).to_frame()
    assert "needs skrub" in frame["error"]["StringEncoder"]
    assert "sk-entity[baselines]" in frame["error"]["StringEncoder"]
    assert not frame["error"]["ordinal"]


def test_whole_numbers_under_a_regressor_are_numbers_and_the_frame_stays():
    data = make_entities(400, n_categories=(9, 6), random_state=3)
    X, y = data.X.rename(columns={"entity_0": 0}), np.arange(400) // 2
    names = list(X.columns)
    found = compare_encoders(Ridge(), X, y, {"ours": QUICK}, cv=2)
    assert not found.to_frame()["error"].any()
    assert list(X.columns) == names


def test_intervals_are_corrected_for_overlapping_training_rows():
    results = pd.DataFrame(
        {
            "encoder": ["a"] * 5 + ["b"] * 5,
            "fold": [*range(5)] * 2,
            "score": [0.5, 0.6, 0.7, 0.6, 0.6, 0.6, 0.8, 0.8, 0.7, 0.6],
            "fit_time": 1.0,
            "transform_time": 1.0,
            "n_columns": 2,
            "error": "",
        }
    )
    row = EncoderComparison(results, "a", test_share=0.25).to_frame().loc["b"]
    # By hand: differences .1 .2 .1 .1 0; t(4) = 2.776; (1/5 + 1/4) of the variance.
    difference = np.array([0.1, 0.2, 0.1, 0.1, 0.0])
    half = 2.7764451 * np.sqrt(0.45 * difference.var(ddof=1))
    assert row["high"] - row["difference"] == pytest.approx(half)
    assert row["difference"] == pytest.approx(0.1)


def test_wrong_comparisons_are_refused():
    data = make_entities(60, n_categories=(4, 3), random_state=0)
    with pytest.raises(ValueError, match="names no encoder"):
        compare_encoders(Ridge(), data.X, data.y, {})
    with pytest.raises(ValueError, match="60 rows, y has 59"):
        compare_encoders(Ridge(), data.X, data.y[:-1])


# --- importances by input column ------------------------------------------------------


@pytest.fixture(scope="module")
def explained():
    rng = np.random.default_rng(0)
    u, v, noise = rng.integers(0, 30, size=(3, 4000))
    x = rng.normal(size=(4000, 2))
    of_u, of_v = rng.normal(size=(2, 30, 2))
    y = (of_u[u] * of_v[v]).sum(axis=1) + x[:, 0] + 0.3 * rng.normal(size=4000)
    names = {"u": u, "x": x[:, 0], "v": v, "noise": noise, "idle": x[:, 1]}
    X = pd.DataFrame(names, index=np.arange(4000)[::-1])
    X[["u", "v", "noise"]] = X[["u", "v", "noise"]].astype(str)
    encoder = EntityEmbeddingEncoder(
        crosses=[("u", "noise")], add_prediction=True, random_state=0
    )
    return X, encoder, encoder.fit_transform(X, y), y


def test_importances_go_back_to_the_columns_that_the_prediction_is_made_of(explained):
    X, encoder, features, y = explained
    booster = LGBMRegressor(n_estimators=50, importance_type="gain", verbose=-1)
    gain = booster.fit(features, y).feature_importances_
    found = input_importances(encoder, gain, X)
    assert list(found.index) == list(X)
    assert found.sum() == pytest.approx(gain.sum())
    assert found[["u", "v", "x"]].min() > 20 * found[["noise", "idle"]].max()
    prediction = list(encoder.get_feature_names_out()).index("prediction")
    assert gain[prediction] > 0.5 * gain.sum()


def test_shap_values_keep_their_sums(explained):
    X, encoder, features, y = explained
    booster = LGBMRegressor(n_estimators=50, verbose=-1).fit(features, y)
    shap = booster.predict(features[:300], pred_contrib=True)[:, :-1]
    found = input_importances(encoder, shap, X[:300])
    assert list(found) == list(X)
    pd.testing.assert_index_equal(found.index, X.index[:300])
    np.testing.assert_allclose(found.sum(axis=1), shap.sum(axis=1))
    # Each row has shares of its own: where x is near its mean, it is worth little.
    near = X["x"][:300].abs().argsort().to_numpy()
    moved = found["x"].abs().to_numpy()
    assert moved[near[-50:]].mean() > 5 * moved[near[:50]].mean()


def test_each_output_has_its_source(explained):
    X, encoder, _, _ = explained
    names = list(encoder.get_feature_names_out())
    for k, name in enumerate(names):
        found = input_importances(encoder, np.eye(len(names))[k], X[:50])
        expected = {"u*noise": ["u", "noise"], "prediction": list(X)}.get(
            name, [name.split("_")[0]]
        )
        assert found.sum() == pytest.approx(1)
        assert set(found.index[found > 0]) <= set(expected)
    assert found[expected].tolist() == [1.0]


def test_without_a_prediction_every_column_has_its_own(explained):
    X, _, _, y = explained
    encoder = EntityEmbeddingEncoder(
        remainder="drop", add_prediction=False, crosses=None, max_epochs=1
    ).fit(X, y)
    ones = np.ones(len(encoder.get_feature_names_out()))
    found = input_importances(encoder, ones, X[:1])
    groups = encoder.feature_groups_
    assert found.to_dict() == {name: len(groups.get(name, ())) for name in X}


def test_columns_that_move_nothing_share_alike():
    X = pd.DataFrame({"a": ["x", "y"] * 30, "n": 1.0})
    encoder = EntityEmbeddingEncoder(
        max_epochs=1, add_prediction=True, learning_rate=1e-9, random_state=0
    ).fit(X, np.zeros(60))
    names = list(encoder.get_feature_names_out())
    importances = np.eye(len(names))[names.index("prediction")]
    unknown = X[:1].assign(a="?")
    assert input_importances(encoder, importances, unknown).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("shape", "n_rows", "message"),
    [
        ((3,), 5, r"shape \(3,\), but the encoder gives 12 columns"),
        ((4, 12), 5, "of 4 rows, and X has 5"),
        ((2, 2, 12), 5, "shape"),
        ((12,), 0, "no rows"),
    ],
)
def test_importances_that_do_not_fit_are_refused(explained, shape, n_rows, message):
    X, encoder, features, _ = explained
    width = features.shape[1]
    shape = tuple(width if n == 12 else n for n in shape)
    message = message.replace("12", str(width))
    with pytest.raises(ValueError, match=message):
        input_importances(encoder, np.ones(shape), X[:n_rows])
