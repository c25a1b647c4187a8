"""Folders of Parquet files: partitions, types of all files, errors with their names."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity.exceptions import ColumnError

FAST = {"max_epochs": 1, "random_state": 0, "cv": 2}
BIG = 2**60


def write(folder, *columns):
    folder.mkdir(exist_ok=True)
    for k, some in enumerate(columns):
        n = len(next(iter(some.values())))
        table = pa.table(some | {"y": np.arange(n) + 0.5})
        pq.write_table(table, folder / f"part_{k}.parquet")
    return folder


def fit(folder, columns="all", **params):
    return EntityEmbeddingEncoder(columns, **(FAST | params)).fit_stream(folder, "y")


def counts(encoder, column):
    return encoder.embeddings_[column].to_frame()["count"].to_dict()


def test_hive_partitions_are_columns(tmp_path):
    rows = pa.table(
        {"c": list("ab") * 20, "y": np.arange(40.0), "year": [2024, 2025] * 20}
    )
    pq.write_to_dataset(rows, tmp_path / "t", partition_cols=["year"])
    encoder = fit(tmp_path / "t", ["c", "year"])
    assert counts(encoder, "year") == {2024: 20, 2025: 20}
    assert counts(encoder, "c") == {"a": 20, "b": 20}


def test_types_are_agreed_before_the_first_batch(tmp_path):
    folder = write(
        tmp_path / "t",
        {"id": pa.array([1, 2] * 10, pa.int32()), "c": pa.nulls(20)},
        {"id": pa.array([BIG, None] * 10), "c": pa.array(["x", "y"] * 10)},
        {"id": pa.array([BIG] * 20), "c": pa.array(["x"] * 20).dictionary_encode()},
    )
    encoder = fit(folder)
    table = encoder.embeddings_["id"].to_frame()
    assert table.index[:3].tolist() == [1, 2, BIG]
    assert table["count"].tolist() == [10, 10, 30, 10]
    assert counts(encoder, "c")["x"] == 30


@pytest.mark.parametrize(
    "second",
    [
        pa.array(["x"] * 20),
        pa.array([float(BIG)] * 20),
        pa.array([b"x"] * 20),
    ],
)
def test_types_that_do_not_agree_name_the_file(tmp_path, second):
    folder = write(tmp_path / "t", {"id": pa.array([1, 2] * 10)}, {"id": second})
    with pytest.raises(ColumnError, match=r"part_1\.parquet"):
        fit(folder)


def test_errors_name_the_file(tmp_path):
    folder = write(tmp_path / "t", {"c": ["a"] * 20}, {"c": ["a"] * 20})
    broken = pa.table({"c": ["a"] * 20, "y": [np.nan] * 20})
    pq.write_table(broken, folder / "part_1.parquet")
    with pytest.raises(ValueError, match=r"part_1.parquet: Input y contains NaN"):
        fit(folder)


def test_batches_of_zero_weight():
    frame = pd.DataFrame({"c": ["a", "b"] * 50, "y": np.arange(100.0)})
    late = frame.assign(c="late", w=0.0)
    encoder = EntityEmbeddingEncoder(**FAST)
    encoder.fit_stream([frame.assign(w=1.0), late], "y", sample_weight="w")
    assert "late" not in encoder.embeddings_["c"]
    with pytest.raises(ValueError, match="all zero"):
        encoder.fit_stream([late, late], "y", sample_weight="w")


def test_batches_that_read_a_column_otherwise():
    first = pd.DataFrame({"id": [1, 2] * 20, "y": np.arange(40.0)})
    with_null = first.assign(id=[1.0, np.nan] * 20)
    encoder = EntityEmbeddingEncoder(["id"], **FAST).fit_stream([first, with_null], "y")
    assert encoder.embeddings_["id"].to_frame()["count"].tolist() == [40, 20, 20]
    text = first.assign(id=["1", "A"] * 20)
    with pytest.raises(ColumnError, match=r"batch 2.*'id' was of type integer.*'A'"):
        EntityEmbeddingEncoder(["id"], **FAST).fit_stream([first, text], "y")


def test_a_column_without_a_value_yet():
    y = np.arange(40.0)
    first = pd.DataFrame({"c": ["a", "b"] * 20, "n": [None] * 40, "y": y})
    encoder = EntityEmbeddingEncoder(**FAST)
    encoder.fit_stream([first, first.assign(n="x")], "y")
    assert counts(encoder, "n")["x"] == 40
    numbers = first.assign(n=1.5)
    with pytest.raises(ColumnError, match=r"batch 2: Column 'n' held only missing"):
        encoder.fit_stream([first, numbers], "y")
    chosen = EntityEmbeddingEncoder(["c", "n"], **FAST)
    chosen.fit_stream([first, numbers], "y")
    assert counts(chosen, "n")[1.5] == 40
