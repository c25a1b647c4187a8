"""partial_fit, warm_start and fit_stream."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder
from sk_entity._fitting import encoded, stream
from sk_entity._fitting.sources import frames_of
from sk_entity._fitting.spool import READ_ROWS
from sk_entity._learning import batches
from sk_entity.datasets import make_entities
from sk_entity.exceptions import ColumnError

QUICK = {"max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    found = make_entities(9000, n_categories=(60, 30), random_state=0)
    return found.X, found.y


def pandas_out(**params):
    encoder = EntityEmbeddingEncoder(**{"random_state": 0} | params)
    return encoder.set_output(transform="pandas")


@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_a_deployed_model_keeps_working_on_updated_vectors(data, way):
    """The old booster loses at most .03 of R2 on vectors of an updated encoder."""
    X, y = data
    plain = {"max_epochs": 40, "add_prediction": False}
    encoder = pandas_out(warm_start=way == "warm_start", **plain)
    features = encoder.fit_transform(X[:4000], y[:4000])
    booster = HistGradientBoostingRegressor(random_state=0).fit(features, y[:4000])
    names = list(encoder.get_feature_names_out())
    before = r2_score(y[7000:], booster.predict(encoder.transform(X[7000:])))
    if way == "partial_fit":
        for start in (4000, 5500):
            rows = slice(start, start + 1500)
            encoder.partial_fit(X[rows], y[rows])
    else:
        encoder.fit(X[:7000], y[:7000])
    assert list(encoder.get_feature_names_out()) == names
    after = r2_score(y[7000:], booster.predict(encoder.transform(X[7000:])))
    assert after > before - 0.03
    # A fit from scratch says the same in another language.
    other = pandas_out(random_state=1, **plain).fit(X[:7000], y[:7000])
    assert r2_score(y[7000:], booster.predict(other.transform(X[7000:]))) < after


def test_partial_fit_adds_categories_and_leaves_others_alone(data):
    X, y = data
    first = X["entity_0"] < "a30"
    params = {"embedding_dim": 2, "add_statistics": True, "crosses": None}
    encoder = EntityEmbeddingEncoder(**params, **QUICK)
    encoder.fit(X[first], y[first])
    before, known = encoder.embeddings_["entity_0"], encoder.transform(X[:50])
    encoder.partial_fit(X[~first], y[~first])
    after = encoder.embeddings_["entity_0"]
    assert (len(before), len(after)) == (30, 60)
    old = before.to_frame().drop(columns="count")
    np.testing.assert_array_equal(after.look_up(old.index), old)
    assert after.to_frame()["count"].to_dict() == X["entity_0"].value_counts().to_dict()
    assert not np.allclose(after["a50"], after.unknown)
    assert encoder.transform(X[:50]).shape == known.shape
    # Statistics and support are those of all rows.
    whole = EntityEmbeddingEncoder(**params, **QUICK).fit(X, y)
    column = list(whole.get_feature_names_out()).index("entity_0_support")
    beside = slice(column - 1, column + 1)
    np.testing.assert_allclose(
        encoder.transform(X[:50])[:, beside],
        whole.transform(X[:50])[:, beside],
        rtol=1e-5,
    )


def test_partial_fit_keeps_crosses_and_learns_their_new_cells():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 4, size=(400, 2)), columns=["a", "b"]).astype(str)
    y = (X["a"] == X["b"]).to_numpy(float)
    encoder = EntityEmbeddingEncoder(crosses=[("a", "b")], **QUICK)
    part = (X["a"] < "2").to_numpy()
    encoder.partial_fit(X[part], y[part]).partial_fit(X[~part], y[~part])
    whole = EntityEmbeddingEncoder(crosses=[("a", "b")], **QUICK).fit(X, y)
    column = list(whole.get_feature_names_out()).index("a*b")
    np.testing.assert_allclose(
        encoder.transform(X)[:, column], whole.transform(X)[:, column], rtol=1e-5
    )


def test_infrequent_categories_grow_up_and_limits_hold():
    X = pd.DataFrame({"c": list("aaaabbbc") * 5})
    y = np.arange(40.0)
    encoder = EntityEmbeddingEncoder(min_frequency=10, **QUICK).fit(X, y)
    assert encoder.embeddings_["c"].vocabulary.infrequent_code == 3
    more = pd.DataFrame({"c": list("ccccd") * 4 + [None] * 5})
    encoder.partial_fit(more, np.arange(25.0))
    vocabulary = encoder.embeddings_["c"].vocabulary
    codes = dict(zip(vocabulary.categories, vocabulary.codes, strict=True))
    assert codes == {"a": 1, "b": 2, "c": 4, "d": 3}
    assert vocabulary.missing_code == 5
    encoder = EntityEmbeddingEncoder(max_categories=2, **QUICK).fit(X, y)
    encoder.partial_fit(more, np.arange(25.0))
    vocabulary = encoder.embeddings_["c"].vocabulary
    assert vocabulary.codes.tolist() == [1, 2, 2, 2]


def test_partial_fit_of_every_kind_of_column():
    X = pd.DataFrame(
        {
            "tags": [["a"], ["b", "a"], []] * 20,
            "id": ["x", "y", "z"] * 20,
            "title": ["red car", "red house", "old car"] * 20,
        }
    )
    more = pd.DataFrame(
        {
            "tags": [["c", "a"], ["c"]] * 10,
            "id": ["new", "x"] * 10,
            "title": ["old house", "new house"] * 10,
        }
    )
    encoder = EntityEmbeddingEncoder(
        multivalued=["tags"], hash_buckets={"id": 7}, subwords=["title"], **QUICK
    )
    out = encoder.fit(X, np.arange(60.0)).transform(X)
    encoder.partial_fit(more, np.arange(20.0))
    assert "c" in encoder.embeddings_["tags"]
    assert "old house" in encoder.embeddings_["title"]
    assert encoder.transform(X).shape == out.shape
    assert np.isfinite(encoder.transform(more)).all()


def test_partial_fit_of_classes(data):
    X, y = data
    labels = np.array(["low", "mid", "top"])[np.digitize(y, [-1, 1])]
    encoder = EntityEmbeddingEncoder(**QUICK)
    few = labels != "top"
    encoder.partial_fit(X[few][:500], labels[few][:500], classes=["mid", "low", "top"])
    assert encoder.classes_.tolist() == ["low", "mid", "top"]
    assert encoder.target_type_ == "multiclass"
    encoder.partial_fit(X[:500], labels[:500])
    assert encoder.transform(X[:9]).shape[1] == len(encoder.get_feature_names_out())
    with pytest.raises(ValueError, match=r"labels array\(\['odd'\].*Name all classes"):
        encoder.partial_fit(X[:500], np.where(np.arange(500) == 3, "odd", labels[:500]))
    numbers = EntityEmbeddingEncoder(**QUICK).partial_fit(X[:500], y[:500])
    numbers.partial_fit(X[:100], np.arange(100) % 2)  # two values are no classes here
    with pytest.raises(ValueError, match="This is a regression"):
        numbers.partial_fit(X[:100], labels[:100])


def test_warm_start_keeps_out_of_fold_vectors_out_of_fold(data):
    """A second fit of the same rows must not start fold tables from seen targets."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": rng.integers(0, 500, 1500).astype(str)})
    y = rng.normal(size=1500)
    encoder = EntityEmbeddingEncoder(
        warm_start=True, add_prediction=False, crosses=None, random_state=0
    )
    encoder.fit(X, y)
    vector = encoder.fit_transform(X, y)[:, 0]
    assert abs(np.corrcoef(vector, y)[0, 1]) < 0.1
    assert abs(np.corrcoef(encoder.transform(X)[:, 0], y)[0, 1]) > 0.3


# --- streams ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(data):
    X, y = data
    X = X.assign(entity_1=X["entity_1"].where(np.arange(len(X)) % 7 > 0))
    return X.assign(y=y, w=np.arange(len(X)) % 3 + 1.0, g=np.arange(len(X)) // 9)


def frames(table, n_rows=1000):
    return [table.iloc[i : i + n_rows] for i in range(0, len(table), n_rows)]


@pytest.mark.parametrize("limits", [{}, {"min_frequency": 70}, {"max_categories": 20}])
def test_a_stream_teaches_what_the_frame_does(table, limits, monkeypatch):
    limits = {"max_epochs": 20} | limits
    monkeypatch.setattr(batches, "_BUFFER", 2048)
    monkeypatch.setattr(batches, "_BLOCK", 512)
    X, y = table.drop(columns=["y", "w", "g"]), table["y"]
    whole = pandas_out(**limits).fit(X[:7000], y[:7000])
    streamed = pandas_out(**limits).fit_stream(
        frames(table[:7000]), "y", sample_weight=None
    )
    streamed_input = table[7000:].drop(columns=["y"])
    assert streamed.n_features_in_ == streamed_input.shape[1]
    plain = frames(table[:7000].drop(columns=["w", "g"]))
    streamed = pandas_out(**limits).fit_stream(plain, "y")
    for name, vectors in whole.embeddings_.items():
        other = streamed.embeddings_[name]
        np.testing.assert_array_equal(other.vocabulary.codes, vectors.vocabulary.codes)
        np.testing.assert_array_equal(other.counts, vectors.counts)
    one, two = (encoder.transform(X[7000:]) for encoder in (whole, streamed))
    support = [name for name in one if name.endswith("_support")]
    pd.testing.assert_frame_equal(two[support], one[support], rtol=1e-6)
    scores = [r2_score(y[7000:], out["prediction"]) for out in (one, two)]
    assert scores[1] == pytest.approx(scores[0], abs=0.02)
    assert np.corrcoef(one["prediction"], two["prediction"])[0, 1] > 0.98


def test_every_source_gives_the_same(table, tmp_path):
    table = table.drop(columns=["w", "g"])
    (tmp_path / "parts").mkdir()
    for i, frame in enumerate(frames(table, 3000)):
        frame.to_parquet(tmp_path / "parts" / f"{i}.parquet", index=False)
    folder = tmp_path / "parts"
    sources = [
        frames(table, 3000),
        iter(frames(table, 3000)),
        lambda: frames(table, 3000),
        [pl.from_pandas(frame) for frame in frames(table, 3000)],
        [
            pa.Table.from_pandas(frame, preserve_index=False)
            for frame in frames(table, 3000)
        ],
        str(folder),
        folder,
        pyarrow.dataset.dataset(folder, format="parquet"),
    ]
    encoder, some = EntityEmbeddingEncoder(**QUICK), table[:20].drop(columns="y")
    found = [encoder.fit_stream(source, "y").transform(some) for source in sources]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_reading_a_file_holds_a_batch_and_not_what_is_ahead(tmp_path):
    path, n_rows = tmp_path / "rows.parquet", 2_000_000
    table = pa.table({"a": np.random.default_rng(0).integers(2**62, size=n_rows)})
    pyarrow.parquet.write_table(table, path, row_group_size=100_000)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in frames_of(path)]
    assert len(held) >= n_rows / READ_ROWS
    assert max(held) < 4e6 < table.nbytes / 3


def test_a_stream_keeps_the_largest_cells_of_a_cross(table, monkeypatch):
    monkeypatch.setattr(encoded, "MOST_CELLS", 4)
    monkeypatch.setattr(stream, "SAMPLE_ROWS", 4000)
    table = table.drop(columns=["w", "g"])
    pair = ["entity_0", "entity_1"]
    table = pd.concat([table[:1]] * 500 + [table, table]).reset_index(drop=True)
    encoder = EntityEmbeddingEncoder(crosses=[pair], **QUICK)
    encoder.fit_stream(frames(table), "y")
    cross = encoder.transform(table.drop(columns="y"))
    cross = cross[:, list(encoder.get_feature_names_out()).index("entity_0*entity_1")]
    assert len(np.unique(cross)) == 5
    cell = table.loc[:0, pair].merge(table, on=pair)["y"]
    expected = (cell.sum() + 10 * table["y"].mean()) / (len(cell) + 10)
    assert cross[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cv", [None, 3])
def test_streams_with_weights_groups_statistics_and_crosses(table, cv):
    encoder = EntityEmbeddingEncoder(
        cv=cv, crosses=[("entity_0", "entity_1")], add_statistics=True, **QUICK
    )
    encoder.fit_stream(frames(table), "y", sample_weight="w", groups="g")
    assert encoder.embeddings_["entity_0"].counts.sum() == table["w"].sum()
    X = table.drop(columns=["y", "w", "g"])
    whole = clone_of(encoder).fit(X, table["y"], sample_weight=table["w"])
    names = list(encoder.get_feature_names_out())
    same = [names.index(name) for name in names if "statistic" in name or "*" in name]
    np.testing.assert_allclose(
        encoder.transform(X)[:, same], whole.transform(X)[:, same], rtol=1e-5
    )


def clone_of(encoder):
    return EntityEmbeddingEncoder(**encoder.get_params())


@pytest.mark.parametrize(
    ("convert", "kind", "classes"),
    [
        (lambda y: y > 0, "binary", [False, True]),
        (lambda y: np.where(y > 0, "up", "down"), "binary", ["down", "up"]),
        (lambda y: np.digitize(y, [-1, 1]) + 5, "multiclass", [5, 6, 7]),
        (lambda y: (y > 0) * 2.0, "binary", [0.0, 2.0]),
        (lambda y: np.digitize(y, [-1, 1]) * 1.0, "continuous", None),
    ],
)
def test_kinds_of_streamed_targets(table, convert, kind, classes):
    table = table.drop(columns=["w", "g"]).assign(y=convert(table["y"].to_numpy()))
    encoder = EntityEmbeddingEncoder(**QUICK).fit_stream(frames(table), "y")
    whole = EntityEmbeddingEncoder(**QUICK).fit(table.drop(columns="y"), table["y"])
    assert encoder.target_type_ == whole.target_type_ == kind
    assert (classes is None and encoder.classes_ is None) or (
        encoder.classes_.tolist() == whole.classes_.tolist() == classes
    )
    # A batch of one class only is no harm.
    ordered = table.sort_values("y")
    ordered = EntityEmbeddingEncoder(**QUICK).fit_stream(frames(ordered), "y")
    assert ordered.target_type_ == kind


@pytest.mark.parametrize(
    ("change", "params", "match"),
    [
        (lambda t: frames(t), {"multivalued": ["entity_0"]}, "multivalued as given"),
        (lambda t: frames(t), {"cv": [(0, 1)]}, "cv as given"),
        (lambda t: frames(t), {"early_stopping": True}, "early_stopping as given"),
        (lambda t: frames(t.rename(columns={"y": "z"})), {}, "no such column"),
        (lambda t: [], {}, "no rows"),
        (lambda t: t, {}, "For one frame use fit"),
        (lambda t: [1], {}, "batch of type int"),
        (lambda t: 3, {}, "got a int"),
        (lambda t: frames(t.assign(y=np.nan)), {}, "Input y contains NaN"),
        (lambda t: frames(t.assign(y=np.inf)), {}, "contains infinity"),
        (lambda t: frames(t.assign(y=range(len(t)))), {}, "different integers"),
        (lambda t: [t[:50], t[:50].assign(y="a")], {}, "a label in others"),
        (lambda t: frames(t[["y", "z_1"]]), {}, "no categorical column"),
        (lambda t: [t[:50], t[:50].drop(columns="z_1")], {}, "feature names"),
    ],
)
def test_wrong_streams(table, change, params, match):
    encoder = EntityEmbeddingEncoder(**QUICK | params)
    table = table.drop(columns=["w", "g"])
    with pytest.raises((ValueError, TypeError, ColumnError), match=match):
        encoder.fit_stream(change(table), "y")
