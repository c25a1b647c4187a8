"""Messy frames in any container: a right result, or a documented error.

Right is what a slow look-up by exact value gives. `make fuzz` tries 10,000 examples.
"""

import os
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from frames import ARROW, POLARS, VALUES, containers
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sk_entity import EntityEmbeddingEncoder
from sk_entity.exceptions import (
    CategoryError,
    CellTypeError,
    ColumnError,
    ColumnTypeWarning,
    RoundedIdentifiersWarning,
    UnknownCategoriesWarning,
)

EXAMPLES = int(os.environ.get("SK_ENTITY_FUZZ", "40"))
DOCUMENTED = (ColumnError, CategoryError, CellTypeError)
FRAMES = ("pandas", "polars", "arrow", "rows")
#: A value beside those of `VALUES`, so that there are unknown ones.
ALSO = {"text": "new", "mixed": "new", "binary": b"new"}


@st.composite
def columns(draw, kinds=None):
    """Draw the kinds and the cells of a frame's columns."""
    if kinds is None:
        kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=3))
    n = draw(st.integers(6, 24))
    found = []
    for kind in kinds:
        values = [*VALUES[kind], None, *([ALSO[kind]] if kind in ALSO else [])]
        some = draw(st.lists(st.sampled_from(values), min_size=n, max_size=n))
        found.append(some)
    return kinds, found


def build(draw, family, kinds, cells):
    """Return a frame of a family, and the container of each column."""
    if family == "rows":
        return [list(row) for row in zip(*cells, strict=True)], family
    names = [f"c{j}" for j in range(len(kinds))]
    if family == "polars" and not set(kinds) <= set(POLARS):
        family = "pandas"
    if family == "arrow" and not set(kinds) <= set(ARROW):
        family = "pandas"
    if family == "polars":
        parts = zip(names, cells, kinds, strict=True)
        return pl.DataFrame({m: pl.Series(v, dtype=POLARS[k]) for m, v, k in parts}), ""
    if family == "arrow":
        parts = zip(names, cells, kinds, strict=True)
        return pa.table({m: pa.array(v, ARROW[k]) for m, v, k in parts}), family
    chosen, series = [], {}
    for name, kind, some in zip(names, kinds, cells, strict=True):
        held = {
            key: frame
            for key, frame in containers(kind, some).items()
            if isinstance(frame, pd.DataFrame)
        }
        key = draw(st.sampled_from(sorted(held)))
        chosen.append(key)
        series[name] = held[key]["c"]
    return pd.DataFrame(series), chosen


@st.composite
def targets(draw, n):
    kind = draw(st.sampled_from(["float", "int", "text", "Int64", "bool"]))
    numbers = np.arange(n) % 3
    if kind == "float":
        return numbers + 0.5
    if kind == "text":
        return np.array(list("pqr"))[numbers]
    if kind == "Int64":
        return pd.array(numbers, dtype="Int64")
    return numbers > 0 if kind == "bool" else numbers


# Mostly vectors: errors end an example early.
UNKNOWN = ["value", "value", "warn", "return_nan", "error"]
MISSING = ["value", "value", "value", "return_nan", "error"]
PARAMS = st.fixed_dictionaries(
    {
        "handle_unknown": st.sampled_from(
            ["value", "value", "warn", "return_nan", "error"]
        ),
        "handle_missing": st.sampled_from(
            ["value", "value", "value", "return_nan", "error"]
        ),
        "min_frequency": st.sampled_from([None, 2, 0.2]),
        "max_categories": st.sampled_from([None, 2, 4]),
        "cv": st.sampled_from([None, None, 2]),
        "remainder": st.sampled_from(["passthrough", "drop"]),
    }
)


def equal(key, value):
    return isinstance(key, str) == isinstance(value, str) and key == value


def look_up(table, value, params):
    """Return the vector of a value, slowly; None: an error is due."""
    frame = table.to_frame()
    nan = np.full(table.dim, np.nan)
    for key, row in zip(frame.index, frame.to_numpy(float), strict=True):
        missing = not isinstance(key, (str, bytes)) and pd.isna(key)
        if missing if value is None else not missing and equal(key, value):
            if value is None and params["handle_missing"] != "value":
                return nan if params["handle_missing"] == "return_nan" else None
            return row[: table.dim]
    what = "handle_missing" if value is None else "handle_unknown"
    if params[what] == "return_nan":
        return nan
    return None if params[what] == "error" else table.unknown


def check(encoder, kinds, cells, features, params):
    """Compare all vectors with the slow look-up."""
    position = 0
    for (name, table), kind, some in zip(
        encoder.embeddings_.items(), kinds, cells, strict=True
    ):
        block = features[:, position : position + table.dim]
        position += table.dim
        for value, row in zip(some, block, strict=True):
            want = look_up(table, value, params)
            assert want is not None, f"{name} ({kind}): {value!r} is to be an error"
            np.testing.assert_array_equal(
                row.astype("f4"), want.astype("f4"), err_msg=f"{name} {kind} {value!r}"
            )


def attempt(action, names):
    """Return a result, or None after a documented error that names a column."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for known in (ColumnTypeWarning, UnknownCategoriesWarning):
            warnings.simplefilter("ignore", known)
        warnings.simplefilter("ignore", RoundedIdentifiersWarning)
        try:
            return action()
        except DOCUMENTED as error:
            assert any(repr(name) in str(error) for name in names), error  # noqa: PT017
            event(f"refused: {type(error).__name__}")
            return None


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 100,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_a_frame_gets_the_vectors_of_its_values_or_a_documented_error(data):
    kinds, cells = data.draw(columns())
    X, how = build(data.draw, data.draw(st.sampled_from(FRAMES)), kinds, cells)
    y = data.draw(targets(len(cells[0])))
    params = data.draw(PARAMS)
    names = [f"{letter}{j}" for letter in "cx" for j in range(len(kinds))]
    encoder = EntityEmbeddingEncoder(
        "all",
        embedding_dim=2,  # all coordinates of a given dimension are output
        max_epochs=1,
        random_state=0,
        crosses=None,
        add_support=False,
        add_prediction=False,
        **params,
    )
    if attempt(lambda: encoder.fit(X, y), names) is None:
        return
    for table in encoder.embeddings_.values():
        table.vectors[:] = np.random.default_rng(0).normal(size=table.vectors.shape)
    features = attempt(lambda: encoder.transform(X), names)
    assert features is not None, (how, params)
    check(encoder, kinds, cells, features, params)
    same = data.draw(st.booleans())
    later, new = data.draw(columns(kinds if same else None))
    if len(later) != len(kinds):
        return
    named = not isinstance(X, list)
    families = FRAMES[:3] if named else FRAMES[3:]
    batch, how = build(data.draw, data.draw(st.sampled_from(families)), later, new)
    features = attempt(lambda: encoder.transform(batch), names)
    if features is not None and same:
        event("compared")
        check(encoder, kinds, new, features, params)
    if features is None and same:
        strict = {params["handle_unknown"], params["handle_missing"]}
        assert "error" in strict, (how, "what is of the same types was refused")


def test_a_fault_would_be_found():
    X = pd.DataFrame({"c0": ["a", "b"] * 5})
    encoder = EntityEmbeddingEncoder(
        max_epochs=1, crosses=None, add_support=False, add_prediction=False
    ).fit(X, np.arange(10.0))
    params = {"handle_unknown": "value", "handle_missing": "value"}
    table = encoder.embeddings_["c0"]
    table.vectors[:] = np.arange(table.vectors.size)[:, None]
    wrong = encoder.transform(X)[::-1]
    with pytest.raises(AssertionError):
        check(encoder, ["text"], [X["c0"].tolist()], wrong, params)
