"""Fits on a Dask cluster: the same learned state, whoever holds which rows."""

import os
import pickle
import signal
import threading
import warnings

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import sklearn
from distributed import Client, LocalCluster
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from sk_entity import EntityEmbeddingEncoder
from sk_entity.dask import DaskEntityEmbeddingEncoder, _cluster
from sk_entity.datasets import make_entities
from sk_entity.exceptions import ColumnError, DistributedFitError

pytestmark = pytest.mark.filterwarnings("default")

N = 6000
DATA = make_entities(N, n_categories=(60, 20), noise=0.3, random_state=0)
FRAME = DATA.X.assign(
    x=np.random.default_rng(1).normal(size=N),
    y=DATA.y,
    w=np.random.default_rng(2).integers(0, 3, N).astype(float),
    g=np.arange(N) // 3,
)
COLUMNS = [*DATA.X, "x"]
QUICK = {"max_epochs": 4, "random_state": 0}
#: Kills of a worker in a fit; `SK_ENTITY_DASK_KILLS=10` makes it what the notes report.
KILLS = int(os.environ.get("SK_ENTITY_DASK_KILLS", "2"))


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit="2GiB"
    ) as found:
        yield found


@pytest.fixture
def client(cluster):
    with Client(cluster) as found:
        yield found


def frame(n_partitions=4, table=FRAME):
    return dd.from_pandas(table, npartitions=n_partitions)


def test_workers_learn_what_one_process_learns(client):
    """The same vocabulary, counts and statistics, and vectors that are as good."""
    params = {"add_statistics": True, "crosses": [("entity_0", "entity_1")]}
    encoder = DaskEntityEmbeddingEncoder(random_state=0, client=client, **params)
    lazy = frame()
    features = encoder.fit_transform(lazy[COLUMNS], lazy["y"])
    assert features.npartitions == 4
    assert features.divisions == lazy.divisions
    found = features.compute()
    np.testing.assert_array_equal(found.index, FRAME.index)
    assert (
        list(found) == list(features.columns) == list(encoder.get_feature_names_out())
    )
    plain = EntityEmbeddingEncoder(random_state=0, **params).set_output(
        transform="pandas"
    )
    expected = plain.fit_transform(FRAME[COLUMNS], FRAME["y"])
    for name, table in encoder.embeddings_.items():
        counts = plain.embeddings_[name].to_frame()["count"]
        pd.testing.assert_series_equal(table.to_frame()["count"], counts)
    new, old = encoder.transform(FRAME[COLUMNS]), plain.transform(FRAME[COLUMNS])
    same = [c for c in new if "statistic" in c or "support" in c or "*" in c]
    assert len(same) == 5
    np.testing.assert_allclose(new[same], old[same], rtol=1e-5)
    scores = [
        LinearRegression().fit(train, FRAME["y"]).score(test, FRAME["y"])
        for train, test in ((found, new), (expected, old))
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert scores[0] > 0.5


def test_who_holds_which_partition_makes_no_difference(cluster, client):
    """One worker, two, and partitions that lie where they should not: the same bits."""
    lazy = frame(5)
    workers = sorted(client.nthreads())
    uneven = lazy.persist(workers=workers[:1])
    spread = client.persist(lazy)
    fitted = [
        DaskEntityEmbeddingEncoder(client=client, **QUICK).fit(some[COLUMNS], some["y"])
        for some in (lazy, uneven, spread)
    ]
    first = fitted[0].transform(FRAME[COLUMNS])
    for other in fitted[1:]:
        pd.testing.assert_frame_equal(other.transform(FRAME[COLUMNS]), first)


def test_features_of_a_row_do_not_see_its_target(client):
    """Vectors of an identifier that is noise say nothing of their rows' targets."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": rng.integers(0, 1500, N).astype(str), "x": 1.0})
    table["y"] = rng.normal(size=N)
    lazy = frame(3, table)
    encoder = DaskEntityEmbeddingEncoder(client=client, embedding_dim=1, **QUICK)
    found = encoder.fit_transform(lazy[["id", "x"]], lazy["y"]).compute()
    assert abs(np.corrcoef(found["id_00"], table["y"])[0, 1]) < 0.05
    seen = encoder.transform(table[["id", "x"]])["id_00"]
    assert abs(np.corrcoef(seen, table["y"])[0, 1]) > 0.2


@pytest.mark.parametrize("kind", ["binary", "labels", "integers"])
def test_classes_weights_and_groups(client, kind):
    table = FRAME.copy()
    kinds = {
        "binary": table["y"] > 0,
        "labels": np.where(table["y"] > 0, "up", "down"),
        "integers": np.digitize(table["y"], [-1, 1]),
    }
    table["y"] = kinds[kind]
    lazy = frame(4, table)
    encoder = DaskEntityEmbeddingEncoder(client=client, **QUICK)
    given = {"sample_weight": lazy["w"], "groups": lazy["g"]}
    features = encoder.fit_transform(lazy[COLUMNS], lazy["y"], **given).compute()
    plain = EntityEmbeddingEncoder(**QUICK)
    plain.fit(table[COLUMNS], table["y"], sample_weight=table["w"])
    assert encoder.target_type_ == plain.target_type_
    np.testing.assert_array_equal(encoder.classes_, plain.classes_)
    table_0 = encoder.embeddings_["entity_0"]
    expected = plain.embeddings_["entity_0"].to_frame()["count"]
    pd.testing.assert_series_equal(table_0.to_frame()["count"], expected)
    assert np.isfinite(features.to_numpy()).all()
    # Rows of one group are in one fold, so that equal cells have equal features.
    both = features.assign(g=table["g"], a=table["entity_0"]).groupby(["g", "a"])
    assert (both["entity_0_00"].nunique() == 1).all()


def test_empty_partitions_and_categories_of_one_partition(client):
    table = FRAME.sort_values("entity_0").reset_index(drop=True)
    lazy = frame(6, table)
    lazy = lazy[lazy["entity_0"] > "a05"]
    lazy = dd.concat([lazy, lazy[lazy["x"] > 1e9]])
    lengths = lazy.map_partitions(len).compute()
    assert 0 in list(lengths)
    encoder = DaskEntityEmbeddingEncoder(client=client, **QUICK)
    features = encoder.fit_transform(lazy[COLUMNS], lazy["y"])
    assert list(features.map_partitions(len).compute()) == list(lengths)
    kept = table[table["entity_0"] > "a05"]
    counts = encoder.embeddings_["entity_0"].to_frame()["count"]
    assert counts.to_dict() == kept["entity_0"].value_counts().to_dict()
    again = encoder.transform(lazy[COLUMNS])
    assert list(again._meta.dtypes) == list(again.compute().dtypes)
    local = encoder.to_local().set_output(transform="pandas")
    expected = local.transform(kept[COLUMNS])
    np.testing.assert_array_equal(again.compute(), expected)


@pytest.mark.parametrize("limits", [{"min_frequency": 90}, {"max_categories": 9}])
def test_limits_of_vocabularies_are_exact(client, limits):
    lazy = frame(7)
    encoder = DaskEntityEmbeddingEncoder(client=client, **limits, **QUICK)
    encoder.fit(lazy[COLUMNS], lazy["y"])
    plain = EntityEmbeddingEncoder(**limits, **QUICK).fit(FRAME[COLUMNS], FRAME["y"])
    for name, table in encoder.embeddings_.items():
        expected = plain.embeddings_[name].vocabulary
        np.testing.assert_array_equal(table.vocabulary.codes, expected.codes)
        assert table.vocabulary.infrequent_code == expected.infrequent_code
        assert list(table.vocabulary.categories) == list(expected.categories)


def test_numbers_missing_cells_and_buckets(client):
    rng = np.random.default_rng(0)
    table = FRAME.assign(
        code=pd.array(rng.integers(2**60, 2**60 + 30, N), dtype="Int64"),
        half=rng.integers(0, 9, N) / 2,
    )
    table.loc[::7, "code"] = pd.NA
    table.loc[::5, "x"] = np.nan
    columns = ["code", "half", "x"]
    for params in ({}, {"hash_buckets": 8}):
        encoder = DaskEntityEmbeddingEncoder(
            ["code", "half"], client=client, **params, **QUICK
        )
        lazy = frame(4, table)
        encoder.fit(lazy[columns], lazy["y"])
        plain = EntityEmbeddingEncoder(["code", "half"], **params, **QUICK)
        plain.fit(table[columns], table["y"])
        for name in ("code", "half"):
            ours = encoder.embeddings_[name].vocabulary
            expected = plain.embeddings_[name].vocabulary
            assert list(ours.categories) == list(expected.categories)
            np.testing.assert_allclose(ours.code_counts, expected.code_counts)
            assert ours.missing_code == expected.missing_code


def test_the_local_encoder_saves_clones_and_serves(client, tmp_path):
    lazy = frame(3)
    encoder = DaskEntityEmbeddingEncoder(client=client, **QUICK)
    encoder.fit(lazy[COLUMNS], lazy["y"])
    local = encoder.to_local()
    assert type(local) is EntityEmbeddingEncoder
    encoder.save(tmp_path / "encoder")
    loaded = EntityEmbeddingEncoder.load(tmp_path / "encoder")
    np.testing.assert_array_equal(
        loaded.transform(FRAME[COLUMNS]), local.transform(FRAME[COLUMNS])
    )
    again = pickle.loads(pickle.dumps(encoder))
    assert again.client is None
    np.testing.assert_array_equal(
        again.transform(FRAME[COLUMNS]), local.transform(FRAME[COLUMNS])
    )
    copy = clone(encoder)
    assert copy.client is client
    assert copy.max_epochs == 4
    assert not hasattr(copy, "embeddings_")
    assert "client" in encoder.get_params()
    with pytest.raises(TypeError, match="max_epochs"):
        DaskEntityEmbeddingEncoder(max_epoch=3)
    strict = clone(encoder).set_params(handle_unknown="error")
    with sklearn.config_context(transform_output="pandas"):
        features = strict.fit_transform(lazy[COLUMNS], lazy["y"])
        assert features.npartitions == strict.transform(lazy[COLUMNS]).npartitions == 3


@pytest.mark.parametrize("unknown", ["value", "warn", "error"])
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_a_plain_encoder_transforms_dask_frames(output, unknown, monkeypatch):
    plain = EntityEmbeddingEncoder(handle_unknown=unknown, **QUICK)
    plain.set_output(transform=output).fit(FRAME[COLUMNS], FRAME["y"])
    lazy = frame(3)[COLUMNS]
    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("error")  # no values are made up to look at
        patched.setattr(type(lazy), "compute", None)  # nothing is computed
        features = plain.transform(lazy)
    assert features.npartitions == 3
    expected = plain.set_output(transform="pandas").transform(FRAME[COLUMNS])
    found = features.compute()
    np.testing.assert_array_equal(found, expected)
    assert list(found) == list(features.columns) == list(expected)


def test_a_persisted_fit_leaves_no_files_and_no_group(client):
    lazy = frame(3)

    def files():
        return client.run(lambda dask_worker: os.listdir(dask_worker.local_directory))

    before = files()
    encoder = DaskEntityEmbeddingEncoder(client=client, **QUICK)
    encoder.fit(lazy[COLUMNS], lazy["y"])
    assert files() == before
    encoder.fit(lazy[COLUMNS], lazy["y"])  # once more, in the same processes


def test_a_cluster_without_workers_is_told(monkeypatch):
    monkeypatch.setattr(_cluster, "_MOST_ALONE", 1)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as own,
        Client(own) as client,
    ):
        lazy, encoder = frame(2), DaskEntityEmbeddingEncoder(client=client, **QUICK)
        with pytest.raises(DistributedFitError, match="no workers for 1 s"):
            encoder.fit(lazy[COLUMNS], lazy["y"])


def test_wrong_collections_are_told(client):
    lazy, encoder = frame(3), DaskEntityEmbeddingEncoder(client=client, **QUICK)
    with pytest.raises(TypeError, match=r"X, y must be Dask collections"):
        encoder.fit(FRAME[COLUMNS], FRAME["y"])
    with pytest.raises(ValueError, match="the same partitions"):
        encoder.fit(lazy[COLUMNS], frame(2)["y"])
    several = clone(encoder).set_params(multivalued={"entity_0": "|"})
    with pytest.raises(ValueError, match=r"fit of a Dask collection .*multivalued"):
        several.fit(lazy[COLUMNS], lazy["y"])
    none = lazy[lazy["x"] > 1e9]
    with pytest.raises(ValueError, match="all partitions are empty"):
        encoder.fit(none[COLUMNS], none["y"])
    with pytest.raises(ValueError, match="NaN"):
        encoder.fit(lazy[COLUMNS], lazy["y"].where(lazy["x"] > 0))
    other = dd.from_map(
        lambda i: FRAME[COLUMNS][:90].astype({"x": [float, str][i]}),
        [0, 1],
        meta=FRAME[COLUMNS][:0],
        enforce_metadata=False,
    )
    y = dd.from_map(lambda i: FRAME["y"][:90], [0, 1], meta=FRAME["y"][:0])
    with pytest.raises(ColumnError, match=r"different types: 'x'"):
        encoder.fit(other, y)
    assert not hasattr(encoder, "embeddings_")


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_fit_whose_worker_dies_ends(seed):
    """With an error, or fitted, if the work could be done again; never later."""
    rng = np.random.default_rng(seed)
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit="2GiB",
        ) as own,
        Client(own) as client,
    ):
        pids = list(client.run(os.getpid).values())
        lazy = frame(4)
        encoder = DaskEntityEmbeddingEncoder(random_state=0, client=client)
        ended = threading.Event()

        def fit():
            try:
                encoder.fit(lazy[COLUMNS], lazy["y"])
                outcome.append("fitted")
            except DistributedFitError as error:
                outcome.append(str(error))
            finally:
                ended.set()

        outcome = []
        thread = threading.Thread(target=fit, daemon=True)
        thread.start()
        ended.wait(rng.uniform(0.2, 12))
        os.kill(pids[rng.integers(2)], signal.SIGKILL)
        assert ended.wait(150)
        (found,) = outcome
        assert found == "fitted" or "gone" in found or "lost the others" in found
        assert (found == "fitted") == hasattr(encoder, "embeddings_")


def test_partitions_of_files_stay_as_they_are(client, tmp_path):
    """Dask would join partitions of files, of y more than of X."""
    for k, part in enumerate(np.array_split(np.arange(N), 6)):
        FRAME.iloc[part].assign(**{f"wide_{i}": 0.5 for i in range(30)}).to_parquet(
            tmp_path / f"part_{k}.parquet"
        )
    rows = dd.read_parquet(tmp_path)
    encoder = DaskEntityEmbeddingEncoder(client=client, **QUICK)
    features = encoder.fit_transform(
        rows[COLUMNS], rows["y"], sample_weight=rows["w"], groups=rows["g"]
    )
    assert features.npartitions == 6
    found = features.compute()
    np.testing.assert_array_equal(found.index, FRAME.index)
    lazy = frame(6)
    same = DaskEntityEmbeddingEncoder(client=client, **QUICK).fit_transform(
        lazy[COLUMNS], lazy["y"], sample_weight=lazy["w"], groups=lazy["g"]
    )
    pd.testing.assert_frame_equal(found, same.compute())


def test_graphs_do_not_carry_what_was_learned(client):
    """Whoever looks features up finds the tables on the workers."""
    data = make_entities(20_000, n_categories=(15_000,), random_state=0)
    lazy = dd.from_pandas(data.X.assign(y=data.y), npartitions=2).persist()
    encoder = DaskEntityEmbeddingEncoder(client=client, max_epochs=1, random_state=0)
    features = encoder.fit_transform(lazy[list(data.X)], lazy["y"])
    size = len(pickle.dumps(encoder.to_local()))
    for some in (features, encoder.transform(lazy[list(data.X)])):
        graph = some.optimize().__dask_graph__()
        assert len(pickle.dumps(dict(graph))) < size / 4
        assert len(some) == 20_000


def test_a_fitted_encoder_needs_no_cluster(cluster):
    """Its lazy features carry what they read, where no client is, or a closed one."""
    lazy = frame()
    with Client(cluster) as own:
        encoder = DaskEntityEmbeddingEncoder(client=own, **QUICK)
        encoder.fit(lazy[COLUMNS], lazy["y"])
    expected = encoder.transform(FRAME[COLUMNS])
    for client in (own, None):
        found = encoder.set_params(client=client).transform(lazy[COLUMNS])
        pd.testing.assert_frame_equal(found.compute(), expected)
