"""save and load: what survives, what is refused, and what a file is."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder, Pretrained
from sk_entity.datasets import make_entities
from sk_entity.exceptions import ColumnError, NotSavableError, SavedFileError
from sk_entity.inference import InferenceEncoder
from sk_entity.losses import Quantile, Tweedie

DATA = make_entities(150, n_categories=(9, 5), random_state=0)
QUICK = {"max_epochs": 2, "random_state": 0}
#: A file of each format that was released, with features that it gave.
FORMATS = Path(__file__).parent / "data"
#: Kills during save; `SK_ENTITY_KILLS=200` makes it what the notes report.
KILLS = int(os.environ.get("SK_ENTITY_KILLS", "6"))


def fitted(**params):
    return EntityEmbeddingEncoder(**QUICK, **params).fit(DATA.X, DATA.y)


def through_file(encoder, folder, **kwargs):
    encoder.save(folder / "encoder.safetensors", **kwargs)
    return EntityEmbeddingEncoder.load(folder / "encoder.safetensors")


@pytest.mark.parametrize(
    "params",
    [
        {"cv": KFold(3, shuffle=True, random_state=1)},
        {"cv": StratifiedKFold(3), "loss": "log_loss"},
        {"loss": Tweedie(1.4), "learning_rate": 0.02, "crosses": [("a", "b")]},
        {"loss": Quantile(0.3), "embedding_dim": {"a": 3}, "add_statistics": True},
        {"net": [8, 4], "net_params": {"module__dropout": 0.1}, "min_frequency": 0.1},
        {"pretrained": True},
    ],
    ids=str,
)
def test_parameters_and_what_was_learned_survive(params, tmp_path):
    names = {"entity_0": "a", "entity_1": "b"}
    X = DATA.X.rename(columns=names)
    if "pretrained" in params:
        values = sorted(X["a"].unique())
        vectors = {value: [i, 1.0] for i, value in enumerate(values)}
        params = {"pretrained": {"a": Pretrained(vectors, freeze=True)}}
    y = np.exp(DATA.y) if "Tweedie" in str(params) else np.asarray(DATA.y)
    y = (y > y.mean()).astype(int) if "log_loss" in str(params) else y
    encoder = EntityEmbeddingEncoder(**QUICK, **params).fit(X, y)
    loaded = through_file(encoder, tmp_path)
    assert repr(loaded.get_params()) == repr(encoder.get_params())
    np.testing.assert_array_equal(loaded.transform(X), encoder.transform(X))
    assert repr(loaded) == repr(encoder)
    assert loaded.net_ is None
    again = clone(loaded).fit(X, y)
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))


def test_pretrained_tables_and_frames_survive(tmp_path):
    table = fitted().embeddings_["entity_0"]
    for given in (table, Pretrained(table, freeze=True), table.to_frame()):
        encoder = fitted(pretrained={"entity_0": given})
        loaded = through_file(encoder, tmp_path)
        again = clone(loaded).fit(DATA.X, DATA.y)
        np.testing.assert_array_equal(
            again.transform(DATA.X), encoder.transform(DATA.X)
        )


def test_fits_go_on_after_loading_as_without(tmp_path):
    encoder = fitted()
    loaded = through_file(encoder, tmp_path)
    for one in (encoder, loaded):
        one.partial_fit(DATA.X[::2], DATA.y[::2])
        one.set_params(warm_start=True).fit(DATA.X, DATA.y)
    np.testing.assert_array_equal(loaded.transform(DATA.X), encoder.transform(DATA.X))


def test_the_output_container_survives(tmp_path):
    encoder = fitted().set_output(transform="pandas")
    found = through_file(encoder, tmp_path).transform(DATA.X)
    pd.testing.assert_frame_equal(found, encoder.transform(DATA.X))


class Odd:
    """A category that no file can hold."""

    def __repr__(self):
        return "Odd()"


VALUES = {
    "mixed": [1, 1.5, "1", True, Decimal("2.50"), b"1", "x"],
    "moments": [pd.Timestamp("2020-02-02 10:00"), "x", pd.Timedelta("1h")],
    "large": [2**70, 2**70 + 1, -5],
    "unsigned": [2**63 + 5, 2**63 + 6, 7],
    "surrogates": ["\ud800", "\x00", "", "é", "1"],
    "decimals": [Decimal("1.10"), Decimal("1.1e-30"), Decimal(7)],
    "floats": [0.1, np.inf, -0.5],
    "booleans": [True, False],
    "bytes": [b"a", b"\xff"],
}


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("kind", VALUES)
def test_categories_keep_their_types(kind, missing, tmp_path):
    values = [VALUES[kind][i % len(VALUES[kind])] for i in range(60)]
    X = pd.DataFrame({"c": pd.Series([*values, missing, missing], dtype=object)})
    y = np.random.default_rng(0).normal(size=len(X))
    params = {"categorical_features": ["c"], "handle_unknown": "error"}
    encoder = EntityEmbeddingEncoder(**QUICK, **params).fit(X, y)
    loaded = through_file(encoder, tmp_path)
    np.testing.assert_array_equal(loaded.transform(X), encoder.transform(X))
    table, again = encoder.embeddings_["c"], loaded.embeddings_["c"]
    pd.testing.assert_frame_equal(
        again.to_frame(spread=True), table.to_frame(spread=True)
    )
    types = [type(x) for x in table.vocabulary.categories]
    assert [type(x) for x in again.vocabulary.categories] == types
    again.save(tmp_path / "table")
    found = EmbeddingTable.load(tmp_path / "table")
    pd.testing.assert_frame_equal(found.to_frame(), table.to_frame())


def test_categories_that_are_code_are_refused(tmp_path):
    one, other = Odd(), Odd()
    X = pd.DataFrame({"c": pd.Series([one, other] * 20, dtype=object)})
    params = {"categorical_features": ["c"]}
    encoder = EntityEmbeddingEncoder(**QUICK, **params).fit(X, np.arange(40.0))
    with pytest.raises(NotSavableError, match=r"Odd\(\) is a Odd.*astype\(str\)"):
        encoder.save(tmp_path / "file")
    with pytest.raises(NotSavableError, match="table of 'c'"):
        encoder.embeddings_["c"].save(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_what_is_code_is_refused_or_left_out(tmp_path):
    import torch

    def columns(frame):
        return ["entity_0"]

    for params in (
        {"net": lambda n, m: torch.nn.Linear(n, m)},
        {"loss": torch.nn.HuberLoss, "add_prediction": False},
        {"categorical_features": columns, "remainder": "drop"},
        {"net_params": {"callbacks": []}, "embedding_dim": lambda n: 2},
    ):
        encoder = fitted(**params)
        with pytest.raises(NotSavableError, match="omit_code=True"):
            encoder.save(tmp_path / "encoder.safetensors")
        loaded = through_file(encoder, tmp_path, omit_code=True)
        features = encoder.transform(DATA.X)
        np.testing.assert_array_equal(loaded.transform(DATA.X), features)
        with pytest.raises(NotSavableError, match="cannot be learned further"):
            loaded.partial_fit(DATA.X, DATA.y)
        twice = through_file(loaded, tmp_path)
        with pytest.raises(NotSavableError, match="cannot be learned further"):
            twice.partial_fit(DATA.X, DATA.y)
        loaded.fit(DATA.X, DATA.y).partial_fit(DATA.X, DATA.y)


def test_only_fitted_encoders_are_saved(tmp_path):
    with pytest.raises(NotFittedError):
        EntityEmbeddingEncoder().save(tmp_path / "file")


def test_a_subclass_loads_its_own_files_and_says_what_others_lack(tmp_path):
    class Mine(EntityEmbeddingEncoder):
        def __init__(self, rate=0.02, max_epochs=2):
            super().__init__(learning_rate=rate, max_epochs=max_epochs, random_state=0)
            self.rate = rate

    Mine(0.03).fit(DATA.X, DATA.y).save(tmp_path / "file")
    assert Mine.load(tmp_path / "file").rate == 0.03
    with pytest.raises(SavedFileError, match=r"has parameters that EntityEmb.*'rate'"):
        EntityEmbeddingEncoder.load(tmp_path / "file")


def test_a_file_is_safetensors_and_json_and_no_pickle(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "encoder.safetensors"
    fitted().save(path)
    with safe_open(path, "numpy") as file:
        document = json.loads(file.metadata()["sk_entity"])
        assert len(file.keys()) > 5
    assert document["format"] == 2
    assert document["kind"] == "encoder"
    assert b"pickle" not in path.read_bytes()


def test_other_files_are_refused_by_name(tmp_path):
    path = tmp_path / "file"
    table = fitted().embeddings_["entity_0"]
    table.save(path)
    with pytest.raises(SavedFileError, match="'table', not 'encoder'"):
        EntityEmbeddingEncoder.load(path)
    fitted().save(path)
    with pytest.raises(SavedFileError, match="'encoder', not 'table'"):
        EmbeddingTable.load(path)
    path.write_bytes(pickle.dumps(fitted()))
    with pytest.raises(SavedFileError, match=f"{path.name}' cannot be loaded"):
        EntityEmbeddingEncoder.load(path)
    with pytest.raises(FileNotFoundError):
        EntityEmbeddingEncoder.load(tmp_path / "nothing")


def test_a_later_format_names_its_version(tmp_path, monkeypatch):
    path = tmp_path / "file"
    monkeypatch.setattr("sk_entity._files.container.FORMAT", 3)
    monkeypatch.setattr("sk_entity._files.container.__version__", "9.9")
    fitted().save(path)
    monkeypatch.undo()
    with pytest.raises(SavedFileError, match=r"format 3, written by sk-entity '9.9'"):
        EntityEmbeddingEncoder.load(path)


def test_serving_loads_no_scikit_learn():
    code = (
        "import sys, pandas as pd\n"
        "from sk_entity.inference import InferenceEncoder\n"
        "encoder = InferenceEncoder.load(sys.argv[1])\n"
        "X = pd.read_csv(sys.argv[2])[['city', 'code', 'size']]\n"
        "encoder.transform(X)\n"
        "assert not {'sklearn', 'torch'} & {*sys.modules}"
    )
    files = [str(FORMATS / f"format_1.{end}") for end in ("safetensors", "csv")]
    subprocess.run([sys.executable, "-c", code, *files], check=True)


@pytest.mark.parametrize("number", [1, 2])
def test_files_of_earlier_formats_load(number):
    encoder = EntityEmbeddingEncoder.load(FORMATS / f"format_{number}.safetensors")
    stored = pd.read_csv(FORMATS / f"format_{number}.csv")
    X = stored[["city", "code", "size"]]
    expected = stored.drop(columns=X.columns).to_numpy()
    np.testing.assert_allclose(encoder.transform(X), expected, rtol=1e-6, atol=1e-6)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "encoder.safetensors"
    encoder = fitted()
    encoder.save(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        encoder.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_new_file_may_be_read_by_whom_others_of_the_user_may(tmp_path):
    encoder, path = fitted(), tmp_path / "encoder.safetensors"
    (tmp_path / "other").touch()
    encoder.save(path)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    path.chmod(0o640)
    encoder.save(path)
    assert path.stat().st_mode & 0o777 == 0o640


SAVER = """
import sys, time
from sk_entity import EntityEmbeddingEncoder
first, second = map(EntityEmbeddingEncoder.load, sys.argv[2:])
print("ready", flush=True)
while True:
    first.save(sys.argv[1])
    second.save(sys.argv[1])
"""


def test_a_killed_save_leaves_the_old_file_or_the_new_one(tmp_path):
    sources = [tmp_path / "first", tmp_path / "second"]
    features = []
    for source, rate in zip(sources, (0.01, 0.02), strict=True):
        encoder = fitted(learning_rate=rate)
        encoder.save(source)
        features.append(encoder.transform(DATA.X))
    path, seen = tmp_path / "encoder", set()
    fitted(learning_rate=0.01).save(path)
    wait = random.Random(0)
    for _ in range(KILLS):
        command = [sys.executable, "-c", SAVER, *map(str, (path, *sources))]
        saver = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert saver.stdout.readline() == b"ready\n"
        time.sleep(wait.uniform(0, 0.05))
        saver.send_signal(signal.SIGKILL)
        saver.wait()
        saver.stdout.close()
        found = EntityEmbeddingEncoder.load(path).transform(DATA.X)
        (which,) = [i for i in (0, 1) if np.array_equal(found, features[i])]
        seen.add(which)
    print(f"{KILLS} kills, files of {sorted(seen)}")


def test_a_table_comes_back_from_its_frame():
    values = [None, "a", "b", "b", "c"] * 20
    X = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    encoder = EntityEmbeddingEncoder(**QUICK, embedding_dim=2)
    table = encoder.fit(X, np.arange(100.0)).embeddings_["c"]
    frame = table.to_frame(spread=True)
    again = EmbeddingTable.from_frame(frame, unknown=table.unknown)
    pd.testing.assert_frame_equal(again.to_frame(spread=True), frame)
    np.testing.assert_array_equal(again.unknown, table.unknown)
    np.testing.assert_array_equal(
        again.look_up(["a", None, "z"]), table.look_up(["a", None, "z"])
    )
    assert again.name == "c"
    mean = np.average(frame.iloc[:, :2], axis=0, weights=frame["count"])
    found = EmbeddingTable.from_frame(frame, "other")
    np.testing.assert_allclose(found.unknown, mean, rtol=1e-6)
    assert found.name == "other"
    plain = pd.DataFrame([[1, 2], [3, 4]], index=pd.Index([5, 6], name="k"))
    assert EmbeddingTable.from_frame(plain)[6].tolist() == [3, 4]
    for wrong, what in (
        (pd.DataFrame([[1.0], [2.0]], index=["a", "a"]), "'a'.* twice"),
        (pd.DataFrame([["x"]], index=["a"]), "no numbers"),
        (pd.DataFrame([[np.nan]], index=["a"]), "finite"),
    ):
        with pytest.raises(ColumnError, match=what):
            EmbeddingTable.from_frame(wrong)


def test_inference_reads_what_the_encoder_reads(tmp_path):
    path = tmp_path / "encoder.safetensors"
    encoder = fitted()
    encoder.save(path)
    light = InferenceEncoder.load(path)
    features = encoder.transform(DATA.X)
    np.testing.assert_array_equal(light.transform(DATA.X), features)
    row = DATA.X.iloc[[3]]
    for _ in range(2):
        np.testing.assert_array_equal(light.transform(row), encoder.transform(row))
    assert light.get_feature_names_out() == [*encoder.get_feature_names_out()]
    assert list(light.embeddings_) == list(encoder.embeddings_)
    assert light.transform(DATA.X, output="polars").shape == features.shape
    array = EntityEmbeddingEncoder(**QUICK, categorical_features=[0, 1]).fit(
        DATA.X.to_numpy(), DATA.y
    )
    array.save(path)
    light = InferenceEncoder.load(path)
    rows = DATA.X.to_numpy()
    np.testing.assert_array_equal(light.transform(rows), array.transform(rows))
    np.testing.assert_array_equal(
        light.transform(rows.tolist()), array.transform(rows.tolist())
    )


def test_inference_refuses_other_columns(tmp_path):
    path = tmp_path / "encoder.safetensors"
    fitted().save(path)
    light = InferenceEncoder.load(path)
    with pytest.raises(ValueError, match="feature names should match"):
        light.transform(DATA.X.rename(columns={"entity_0": "other"}))
    with pytest.raises(ValueError, match="features, but the encoder is expecting"):
        light.transform(DATA.X.iloc[:, :1])
    with pytest.raises(ColumnError, match="several columns of the same name"):
        light.transform(pd.concat([DATA.X, DATA.X], axis=1))
    with pytest.raises(ValueError, match="output='numpy'"):
        light.transform(DATA.X, output="numpy")


#: What a pipeline with an encoder asks skops to trust.
TRUSTED = ["sk_entity._encoder.EntityEmbeddingEncoder"]


def test_skops_dumps_and_loads_a_pipeline():
    booster = HistGradientBoostingRegressor(max_iter=5)
    pipe = make_pipeline(EntityEmbeddingEncoder(**QUICK), booster)
    pipe.fit(DATA.X, DATA.y)
    data = skops.io.dumps(pipe)
    unknown = skops.io.get_untrusted_types(data=data)
    ours = [name for name in unknown if name.startswith("sk_entity")]
    assert ours == TRUSTED
    loaded = skops.io.loads(data, trusted=unknown)
    np.testing.assert_array_equal(loaded.predict(DATA.X), pipe.predict(DATA.X))
    pickled = pickle.loads(pickle.dumps(pipe))
    assert pickled[0].net_ is not None
    unfitted = skops.io.loads(
        skops.io.dumps(EntityEmbeddingEncoder(loss=Quantile(0.3))),
        trusted=[*TRUSTED, "sk_entity._target.losses.Quantile"],
    )
    assert unfitted.loss == Quantile(0.3)


def test_without_torch_a_fit_says_what_to_install(monkeypatch):
    monkeypatch.setattr("sk_entity._fitting.requirements.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "sk-entity\[train\]"'):
        fitted()
