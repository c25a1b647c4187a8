"""What a fit chooses by itself, by what evidence, and where it tells of it."""

import pickle
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from onnxruntime import InferenceSession
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from sk_entity import EntityEmbeddingEncoder
from sk_entity._choices import Choice
from sk_entity._features import Folds
from sk_entity._fitting.coordinates import _some_speak
from sk_entity._fitting.copies import find_copies
from sk_entity._fitting.folds import check_folds
from sk_entity._fitting.trees import Trees
from sk_entity._fitting.trial import Trial, alike, trial_rows
from sk_entity._target import read_objective
from sk_entity._target.checks import Target
from sk_entity.exceptions import (
    ManyFoldsWarning,
    NoCategoricalColumnsWarning,
    OrderedRowsWarning,
    SilentColumnsWarning,
)
from sk_entity.inference import InferenceEncoder
from sk_entity.losses import LogLoss
from sk_entity.onnx import to_onnx

N = 6000


@pytest.fixture(scope="module")
def products():
    """A target that is a product of two vectors of two coordinates, and a noise."""
    rng = np.random.default_rng(0)
    of_u, of_v = rng.normal(size=(2, 40, 2))
    u, v, noise = rng.integers(0, 40, size=(3, N))
    y = (of_u[u] * of_v[v]).sum(axis=1) + 0.3 * rng.normal(size=N)
    names = {"u": u, "v": v, "noise": noise}
    return pd.DataFrame({name: code.astype(str) for name, code in names.items()}), y


@pytest.fixture(scope="module")
def fitted(products):
    encoder = EntityEmbeddingEncoder(random_state=0).set_output(transform="pandas")
    return encoder, encoder.fit_transform(*products)


def choice(encoder, what, name):
    table = encoder.choices_
    (row,) = table[(table.what == what) & (table.name == name)].itertuples()
    return row


# --- coordinates ---------------------------------------------------------------------


def test_as_many_coordinates_are_output_as_the_target_has(fitted):
    encoder, features = fitted
    assert [table.dim for table in encoder.embeddings_.values()] == [4, 4, 4]
    for name, n in (("u", 2), ("v", 2), ("noise", 1)):
        assert len(encoder.feature_groups_[name]) == n + 1  # and support
        assert choice(encoder, "coordinates", name).kept == f"{n} of 4"
    assert list(features)[:3] == ["u_00", "u_01", "u_support"]
    assert choice(encoder, "coordinates", "u").z > 20
    assert choice(encoder, "coordinates", "noise").z < 2


def test_coordinates_that_are_output_are_the_first_of_the_table(fitted, products):
    encoder, _ = fitted
    out = encoder.transform(products[0])
    for name, table in encoder.embeddings_.items():
        shown = encoder.feature_groups_[name][:-1]
        vectors = table.look_up(products[0][name])[:, : len(shown)]
        np.testing.assert_array_equal(out[shown].to_numpy("f4"), vectors)
        count = table.to_frame()["count"].to_numpy()
        spread = np.cov(table.to_frame().to_numpy()[:, :4].T, aweights=count)
        assert (np.diff(np.diag(spread)) < 1e-6).all()


def test_the_prediction_reads_all_coordinates(fitted, products):
    """One row by itself, and rows together: two ways of looking up."""
    encoder, _ = fitted
    X = products[0][:50]
    together = encoder.transform(X)
    plain = EntityEmbeddingEncoder()
    plain._learned = encoder._learned
    for i in range(50):
        row = plain.transform(X[i : i + 1])
        np.testing.assert_array_equal(row[0], together.iloc[i])


def test_inputs_are_found_from_the_coordinates_that_are_output(fitted, products):
    encoder, _ = fitted
    X = products[0][:200]
    back = encoder.inverse_transform(encoder.transform(X))
    pd.testing.assert_frame_equal(back[["u", "v"]], X[["u", "v"]])


def test_given_dimensions_are_output_whole(products):
    dims = {"u": 3, "noise": 2}
    encoder = EntityEmbeddingEncoder(embedding_dim=dims, max_epochs=1, random_state=0)
    groups = encoder.fit(*products).feature_groups_
    assert [len(groups[name]) - 1 for name in dims] == [3, 2]
    named = encoder.choices_.query("what == 'coordinates'").name
    assert list(named) == ["v"]


def test_without_folds_there_is_no_evidence_but_the_table(products):
    encoder = EntityEmbeddingEncoder(cv=None, random_state=0).fit(*products)
    row = choice(encoder, "coordinates", "u")
    assert np.isnan(row.worth)
    assert np.isnan(row.z)
    assert row.kept == "2 of 4"


@pytest.mark.parametrize("loss", ["absolute_error", LogLoss("balanced")])
def test_what_is_no_mean_is_not_held_against_columns(products, loss):
    X, y = products
    y = y if isinstance(loss, str) else y > 2
    encoder = EntityEmbeddingEncoder(loss=loss, max_epochs=2, random_state=0)
    assert np.isnan(choice(encoder.fit(X, y), "coordinates", "u").z)


# --- copies --------------------------------------------------------------------------


def test_copies_of_a_row_are_in_one_fold(products):
    X, y = products[0][:1500].assign(x=np.arange(1500) / 7), products[1][:1500]
    rows = np.random.default_rng(0).integers(0, 1500, 1500)
    X, y = X.iloc[rows].reset_index(drop=True), y[rows]
    params = {"max_epochs": 2, "random_state": 0, "add_statistics": True}
    encoder = EntityEmbeddingEncoder(**params)
    features = encoder.set_output(transform="pandas").fit_transform(X, y)
    row = choice(encoder, "folds", "equal rows")
    assert row.kept == "in one fold"
    share = pd.Series(rows).duplicated(keep=False).mean()
    assert row.worth == pytest.approx(share)
    # Equal rows have equal features only if they read one table.
    assert (features.groupby(rows).nunique() == 1).all(axis=None)
    plain = EntityEmbeddingEncoder(cv=KFold(5, shuffle=True, random_state=0), **params)
    features = plain.set_output(transform="pandas").fit_transform(X, y)
    assert not (features.groupby(rows).nunique() == 1).all(axis=None)


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize(
    "rows", ["different", "copies", "of noise", "few kinds", "one target"]
)
def test_equal_rows_are_copies_if_their_targets_are(rows, classes):
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 60, size=(2000, 2)).astype(np.int32)
    numbers = rng.normal(size=(2000, 1))
    y = rng.normal(size=2000)
    y = (y > 0).astype(float) if classes else y
    if rows == "different":
        index = np.arange(2000)
    else:
        index = rng.integers(0, 50 if rows == "few kinds" else 2000, 2000)
    codes, numbers, target = codes[index], numbers[index], y[index]
    target = rng.permutation(target) if rows == "of noise" else target
    target = np.ones(2000) if rows == "one target" else target
    found = find_copies(target[:, None], codes, numbers)
    if rows != "copies":
        assert found.number is None
        assert found.choices() == []
        return
    np.testing.assert_array_equal(
        found.number[:, None] == found.number, index[:, None] == index
    )


def test_more_folds_than_different_rows(products):
    """Copies stay in one fold where folds can be made of them; else rows are rows."""
    X, y = products[0][:110].assign(x=np.arange(110) / 7), products[1][:110]
    rows = np.tile(np.arange(110), 3)
    for cv, together in ((5, True), (120, False)):
        encoder = EntityEmbeddingEncoder(cv=cv, max_epochs=1, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ManyFoldsWarning)
            encoder.fit(X.iloc[rows], y[rows])
        assert ("equal rows" in set(encoder.choices_.name)) is together


def test_classes_are_spread_over_folds_with_their_copies():
    """A hundred rare rows, ten times each."""
    y = np.arange(1200) % 12 == 0
    rows = np.concatenate([np.arange(1200), np.flatnonzero(y).repeat(9)])
    target = Target("binary", y[rows].astype(int), np.array([False, True]))
    part, folds = check_folds(5, target, np.ones(2100), copies=rows, seed=0)
    assert folds.n_folds == 5
    assert np.bincount(part[y[rows]]).tolist() == [200] * 5
    for row in np.flatnonzero(y):
        assert len(set(part[rows == row])) == 1


# --- the prediction ------------------------------------------------------------------


def test_a_prediction_that_knows_more_than_trees_stays(fitted):
    encoder, features = fitted
    row = choice(encoder, "prediction", "prediction")
    assert row.kept == "yes"
    assert row.worth > 0.2
    assert row.z > 4
    assert "prediction" in features


@pytest.fixture
def refused(monkeypatch):
    def refuse(trial, columns, what, least):
        return Choice(what, what, -0.1, -3.0, "no")

    monkeypatch.setattr(Trial, "try_without", refuse)


def test_a_prediction_that_costs_is_left_out(products, refused, tmp_path):
    X, y = products
    encoder = EntityEmbeddingEncoder(max_epochs=2, random_state=0)
    features = encoder.fit_transform(X, y)
    names = list(encoder.get_feature_names_out())
    assert features.shape == (N, len(names))
    assert "prediction" not in [*names, *encoder.feature_groups_]
    encoder.save(tmp_path / "encoder")
    loaded = EntityEmbeddingEncoder.load(tmp_path / "encoder")
    np.testing.assert_array_equal(loaded.transform(X), encoder.transform(X))
    # Output columns stay what they were.
    encoder.partial_fit(X, y)
    assert list(encoder.get_feature_names_out()) == names
    encoder.set_params(warm_start=True).fit(X, y)
    assert list(encoder.get_feature_names_out()) == names


@pytest.mark.parametrize(
    ("params", "has"),
    [({"add_prediction": True}, True), ({"add_prediction": False}, False)],
)
def test_who_asks_is_not_contradicted(products, refused, params, has):
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0, **params)
    encoder.fit(*products)
    assert ("prediction" in encoder.feature_groups_) is has
    assert "prediction" not in set(encoder.choices_.what)


@pytest.mark.parametrize("classes", [False, True])
def test_trees_see_that_a_prediction_does_not_last(classes):
    """It is good among earlier rows, and worthless in the last quarter."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4000))
    y = y + x
    known = np.where(np.arange(4000) < 3000, y, rng.permutation(y))
    inputs = np.stack([x, known + 0.1 * rng.normal(size=4000)], axis=1)
    objective, _, values = read_objective(y > 0 if classes else y, 4000, "auto")
    found = {
        in_time: Trial(
            objective,
            values,
            np.ones(4000),
            inputs,
            np.arange(4000),
            in_time=in_time,
            seed=0,
        ).try_without(slice(1, 2), "prediction", -1.5)
        for in_time in (True, False)
    }
    assert (found[True].kept, found[False].kept) == ("no", "yes")
    assert found[True].z < -4 < 4 < found[False].z


def test_few_rows_tell_too_little(products):
    X, y = products
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    encoder.fit(X[:1500], y[:1500])
    assert "prediction" in encoder.feature_groups_
    assert "prediction" not in set(encoder.choices_.what)


@pytest.mark.parametrize("seed", range(3))
def test_few_rows_of_a_rare_class_tell_too_little(products, seed):
    """Steep trees on ten events were ten times as bad or as good by chance."""
    X, _ = products
    y = np.random.default_rng(seed).random(len(X)) < 0.005
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0).fit(X, y)
    assert "prediction" in encoder.feature_groups_
    assert not {"curves", "prediction"} & set(encoder.choices_.what)


def test_rows_of_a_trial_have_features_and_weight():
    part, weight = np.arange(9000, dtype=np.int32) % 3, np.ones(9000)
    weight[::2] = 0
    learns = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 1]], dtype=bool)
    folds = Folds(2, np.array([0, 1, 1], np.int32), learns)
    rows = trial_rows(part, folds, weight)
    assert (part[rows] > 0).all()
    assert (weight[rows] > 0).all()
    assert len(trial_rows(np.zeros(9000, np.int32), Folds(0), weight)) == 0
    assert len(trial_rows(part, Folds(3), np.ones(9000))) == 9000
    many = np.zeros(50_000, np.int32)
    assert len(trial_rows(many, Folds(2), np.ones(50_000))) == 20_000


def test_equal_rows_and_those_of_one_group_stand_on_one_side():
    codes = np.array([[1, 2], [1, 2], [1, 3]], dtype=np.int32)
    numbers = np.array([[0.5], [0.5], [0.5]])
    assert alike(codes, numbers, None).tolist() == [0, 0, 1]
    assert alike(codes, np.array([[1.0], [2.0], [2.0]]), None).tolist() == [0, 1, 2]
    group = np.array([4, 1, 4])
    assert alike(codes, numbers, group) is group


# --- folds ---------------------------------------------------------------------------


def walk(n=8000):
    """Effects of categories that walk at random, and the time."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 20, n)
    steps = rng.normal(scale=0.05, size=(n, 20))
    effects = np.cumsum(steps, axis=0)
    # Around what they were: the target as a whole does not drift.
    y = effects[np.arange(n), codes] - effects.mean(axis=1)
    X = pd.DataFrame({"place": codes.astype(str), "time": np.arange(n) / n})
    return X, y + 0.3 * rng.normal(size=n)


QUICK = {"max_epochs": 1, "batch_size": 2000, "random_state": 0, "crosses": None}


def test_rows_in_time_are_split_in_time():
    X, y = walk()
    encoder = EntityEmbeddingEncoder(**QUICK).set_output(transform="pandas")
    with pytest.warns(OrderedRowsWarning, match=r"TimeSeriesSplit\(5\) therefore"):
        features = encoder.fit_transform(X, y)
    row = choice(encoder, "folds", "order of rows")
    assert row.kept == "TimeSeriesSplit(5)"
    assert row.worth > 0.1
    assert row.z > 4
    assert (features["place_support"][: 8000 // 6] == 0).all()
    assert (features["place_support"][8000 // 6 + 2 :] > 0).all()


def test_who_says_how_rows_are_split_is_not_contradicted():
    X, y = walk()
    encoder = EntityEmbeddingEncoder(cv=5, **QUICK).set_output(transform="pandas")
    with pytest.warns(OrderedRowsWarning, match="better than those of new rows"):
        features = encoder.fit_transform(X, y)
    assert choice(encoder, "folds", "order of rows").kept == "random folds"
    assert (features["place_support"] > 0).all()
    encoder.set_params(cv=KFold(3)).fit(X, y)
    assert "folds" not in set(encoder.choices_.what)


@pytest.mark.parametrize("by", ["target", "category"])
def test_sorted_rows_are_told_about_and_split_at_random(by):
    """Of earlier rows, splits of time would learn nothing about later ones."""
    rng = np.random.default_rng(0)
    code, number = rng.integers(0, 400, 8000), rng.normal(size=8000)
    y = rng.normal(size=400)[code] + 0.3 * rng.normal(size=8000) + 0.2 * number
    order = np.argsort(y if by == "target" else code, kind="stable")
    X = pd.DataFrame({"shop": code.astype(str), "number": number}).iloc[order]
    encoder = EntityEmbeddingEncoder(**QUICK).set_output(transform="pandas")
    with pytest.warns(OrderedRowsWarning, match="better than those of new rows"):
        features = encoder.fit_transform(X, y[order])
    assert choice(encoder, "folds", "order of rows").kept == "random folds"
    assert (features["shop_support"] > 0).mean() > 0.99


def test_a_warm_start_looks_at_the_order_again():
    """Its training features are of these rows; the rest stays as it was chosen."""
    X, y = walk()
    encoder = EntityEmbeddingEncoder(warm_start=True, **QUICK)
    encoder.set_output(transform="pandas")
    for _ in range(2):
        with pytest.warns(OrderedRowsWarning):
            features = encoder.fit_transform(X, y)
        assert choice(encoder, "folds", "order of rows").kept == "TimeSeriesSplit(5)"
        assert (features["place_support"][: 8000 // 6] == 0).all()
    assert len(encoder.choices_.query("what == 'coordinates'")) == 1
    order = np.random.default_rng(1).permutation(8000)
    features = encoder.fit_transform(X.iloc[order], y[order])
    assert "folds" not in set(encoder.choices_.what)
    assert (features["place_support"] > 0).all()


def test_further_rows_are_drawn_at_random():
    X, y = walk()
    encoder = EntityEmbeddingEncoder(**QUICK)
    with pytest.warns(OrderedRowsWarning):
        encoder.fit(X, y)
    told = encoder.choices_
    encoder.partial_fit(X[:20], y[:20])
    pd.testing.assert_frame_equal(encoder.choices_, told)


# --- where it is told ----------------------------------------------------------------


def test_crosses_are_told_with_what_decided(products):
    X, y = products
    y = y + 2 * ((X["u"].astype(int) + X["noise"].astype(int)) % 2)
    encoder = EntityEmbeddingEncoder(max_epochs=3, random_state=0).fit(X, y)
    table = encoder.choices_.query("what == 'cross'")
    assert len(table) == 3
    taken = table[table.kept == "yes"]
    assert list(taken.name) == ["*".join(pair) for pair in encoder.crosses_]
    assert (taken.z >= 4).all()
    assert (table[table.kept == "no"].z < 4).all()
    assert ((taken.worth > 0) & (taken.worth < 1)).all()


def test_choices_are_saved_and_pickled(fitted, tmp_path):
    encoder, _ = fitted
    encoder.save(tmp_path / "encoder")
    loaded = EntityEmbeddingEncoder.load(tmp_path / "encoder")
    pd.testing.assert_frame_equal(loaded.choices_, encoder.choices_)
    copied = pickle.loads(pickle.dumps(encoder))
    pd.testing.assert_frame_equal(copied.choices_, encoder.choices_)


def test_nothing_to_choose():
    X = pd.DataFrame({"n": np.arange(20.0)})
    with pytest.warns(NoCategoricalColumnsWarning):
        encoder = EntityEmbeddingEncoder().fit(X, X["n"])
    assert list(encoder.choices_) == ["what", "name", "worth", "z", "kept"]
    assert len(encoder.choices_) == 0


def test_streams_choose_too(products):
    X, y = products
    frames = [X.assign(y=y)[i : i + 1000] for i in range(0, N, 1000)]
    encoder = EntityEmbeddingEncoder(random_state=0).fit_stream(frames, "y")
    assert choice(encoder, "coordinates", "u").kept == "2 of 4"
    assert choice(encoder, "prediction", "prediction").kept == "yes"


def test_numbers_that_are_all_missing_are_no_input_of_trees(products):
    X, y = products
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    encoder.fit(X.assign(nothing=np.nan), y)
    assert "prediction" in set(encoder.choices_.what)
    trees = Trees(5, 0.3, classify=False, seed=0)
    nothing = np.full((50, 2), np.nan)
    (losses,) = trees.losses(nothing, y[:50], (nothing, y[:50]))
    np.testing.assert_allclose(losses, (y[:50] - y[:50].mean()) ** 2)


def test_trees_leave_no_threads_behind():
    """A fork would wait for them; and bits are the same on any number of cores."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3000, 4)), rng.normal(size=3000)
    trees = Trees(5, 0.3, classify=False, seed=0)
    found = []
    for n in (1, 2):
        with threadpool_limits(n, user_api="openmp"):
            found.append(trees.losses(x, y, (x, y))[0])
    np.testing.assert_array_equal(*found)


def test_a_prediction_of_numbers_alone_must_be_better_than_a_booster_s():
    """Where no category says anything: steps are for trees, curves for nets."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"noise": rng.integers(300, size=5000).astype(str)})
    z = rng.normal(size=(5000, 5))
    X = X.assign(**{f"z_{i}": z[:, i] for i in range(5)})
    targets = {
        "no": (z[:, 0] > 0) + 2 * ((z[:, 1] > 0.5) & (z[:, 0] < 1)),
        "yes": z.sum(axis=1),
    }
    for kept, y in targets.items():
        y = y + 0.3 * y.std() * rng.normal(size=5000)
        encoder = EntityEmbeddingEncoder(random_state=0)
        with pytest.warns(SilentColumnsWarning):
            encoder.fit(X, y)
        told = encoder.choices_.set_index("what").loc["prediction"]
        assert (told["kept"], told["z"] >= 4) == (kept, kept == "yes")
        assert ("prediction" in encoder.feature_groups_) == (kept == "yes")
        # Where categories speak, it stays unless it costs.
        speaks = y + X["noise"].str[-1].astype(float)
        encoder = EntityEmbeddingEncoder(random_state=0).fit(X, speaks)
        assert "prediction" in encoder.feature_groups_


@pytest.mark.parametrize(
    ("clearest", "of", "speaks"),
    [(3.2, 2, True), (2.9, 2, False), (3.4, 20, False), (3.9, 20, True)],
)
def test_the_clearest_of_many_must_be_clearer(clearest, of, speaks):
    """Of 20 columns of noise one reached 3.4 standard errors, and all were output."""
    plan = SimpleNamespace(objective=SimpleNamespace(is_squared=True))
    assert _some_speak(plan, [clearest, *[0.0] * (of - 1)]) is speaks


def test_columns_that_all_say_nothing_have_no_vectors(tmp_path):
    """Only support: in its output, file, graph, single rows and updates."""
    rng = np.random.default_rng(1)
    sizes = {"a": 300, "b": 20}
    X = pd.DataFrame(
        {c: rng.integers(n, size=4000).astype(str) for c, n in sizes.items()}
    )
    X["z"] = rng.normal(size=4000)
    y = (X["z"] > 0) + rng.normal(size=4000)
    encoder = EntityEmbeddingEncoder(random_state=0)
    with pytest.warns(SilentColumnsWarning, match=r"\['a', 'b'\] say nothing"):
        features = encoder.fit_transform(X, y)
    assert list(encoder.get_feature_names_out()) == ["a_support", "b_support", "z"]
    assert features.shape == (4000, 3)
    assert encoder.embeddings_["a"].dim == 4
    expected = encoder.transform(X)
    encoder.save(tmp_path / "encoder")
    for read in (EntityEmbeddingEncoder, InferenceEncoder):
        loaded = read.load(tmp_path / "encoder")
        np.testing.assert_array_equal(loaded.transform(X), expected)
    np.testing.assert_array_equal(encoder.transform(X.iloc[:1]), expected[:1])
    graph = InferenceSession(to_onnx(encoder).SerializeToString())
    (found,) = graph.run(None, {c: X[[c]].to_numpy() for c in X})
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="No coordinate of column 'a'"):
        encoder.inverse_transform(expected)
    encoder.partial_fit(X, y)
    assert encoder.transform(X).shape == expected.shape
    asked = EntityEmbeddingEncoder(embedding_dim=2, random_state=0).fit(X, y)
    assert "a_01" in asked.get_feature_names_out()
    without = EntityEmbeddingEncoder(add_support=False, random_state=0).fit(X, y)
    assert "a_00" in without.get_feature_names_out()
