"""Containers x types x nulls x methods: each row gets the vector of its exact value.

The reference is a Python dictionary by value.
"""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from frames import ARROW, VALUES, containers

from sk_entity import EntityEmbeddingEncoder

FAST = {
    "max_epochs": 1,
    "cv": None,
    "random_state": 0,
    "embedding_dim": 3,
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
}
N = 40
#: In training, and in the rows that are transformed.
NULLS = {"none": (0, 0), "fit": (1, 0), "transform": (0, 1), "both": (1, 1)}


def cells(kind, holes, *, new=0):
    """Return rows that hold each value, missing ones, and ``new`` unseen values."""
    known = VALUES[kind][: len(VALUES[kind]) - 1] or VALUES[kind]
    if kind == "boolean":
        known = VALUES[kind]
    values = [*known, *([None] if holes else []), *VALUES[kind][-1:] * new]
    return [values[i % len(values)] for i in range(N)]


def reference(table, kind, values):
    """Return vectors by value, after a check of the values that the table knows."""
    frame = table.to_frame()
    found = {}
    for key, row in zip(frame.index, frame.to_numpy(), strict=True):
        missing = not isinstance(key, (str, bytes)) and pd.isna(key)
        found[None if missing else key] = row
    wanted = pd.Series(values, dtype=object)
    counts = {v: sum(w == v and w is not None for w in values) for v in set(values)}
    counts[None] = int(wanted.isna().sum())
    assert set(found) - {None} == set(values) - {None}, kind
    for key, row in found.items():
        assert row[-1] == counts[key], (key, counts)
    vectors = [tuple(row[:-1]) for row in found.values()]
    assert len(set(vectors)) == len(vectors), "vectors tell values apart"
    return {key: row[:-1] for key, row in found.items()}


def fitted(method, kind, name, values):
    X = containers(kind, values)[name]
    y = np.arange(float(N))
    columns = ["c"] if hasattr(X, "columns") or hasattr(X, "column_names") else [0]
    encoder = EntityEmbeddingEncoder(columns, **FAST)
    if method == "fit":
        return encoder.fit(X, y)
    if method == "partial_fit":
        parts = [containers(kind, part)[name] for part in (values[:20], values[20:])]
        return encoder.fit(parts[0], y[:20]).partial_fit(parts[1], y[20:])
    frames = [containers(kind, part)[name] for part in (values[:20], values[20:])]
    return encoder.fit_stream([with_target(f, y[:20]) for f in frames], "y")


def with_target(frame, y):
    if isinstance(frame, pl.DataFrame):
        return frame.with_columns(y=pl.Series(y))
    if isinstance(frame, pa.Table):
        return frame.append_column("y", pa.array(y))
    return frame.assign(y=y)


def cases():
    for kind in VALUES:
        for name in containers(kind, cells(kind, holes=False)):
            for nulls, (in_fit, _) in NULLS.items():
                if name not in containers(kind, cells(kind, holes=bool(in_fit))):
                    continue
                yield "fit", kind, name, nulls
                if nulls == "fit" and name not in ("rows", "object array", "array"):
                    yield "fit_stream", kind, name, nulls
                    yield "partial_fit", kind, name, nulls


CASES = list(cases())


def test_the_matrix_is_large():
    assert len(CASES) > 350


@pytest.mark.parametrize(("method", "kind", "name", "nulls"), CASES)
def test_each_row_gets_the_vector_of_its_value(method, kind, name, nulls):
    in_fit, in_transform = NULLS[nulls]
    training = cells(kind, bool(in_fit))
    encoder = fitted(method, kind, name, training)
    table = next(iter(encoder.embeddings_.values()))
    # In place, for all that read it: after one epoch vectors hardly differ.
    table.vectors[:] = np.random.default_rng(0).normal(size=table.vectors.shape)
    by_value = reference(table, kind, training)
    rows = cells(kind, bool(in_transform), new=kind != "boolean")
    want = np.array([by_value.get(value, table.unknown) for value in rows])
    tried = 0
    for other, X in containers(kind, rows).items():
        frames = hasattr(X, "columns") or hasattr(X, "column_names")
        if frames != (list(encoder.embeddings_) == ["c"]):
            continue  # names of columns against none
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = encoder.transform(X)
        np.testing.assert_array_equal(
            got.astype("f4"), want.astype("f4"), err_msg=other
        )
        tried += 1
    assert tried >= 2
    columns = [rows, pd.Series(rows, dtype=object)]
    if kind in ARROW:
        columns += [pa.array(rows, ARROW[kind]), pl.Series(rows, dtype=pl.Object)]
        columns.append(containers(kind, rows)["polars"])
    for column in columns:
        np.testing.assert_array_equal(table.look_up(column), want.astype("f4"))
