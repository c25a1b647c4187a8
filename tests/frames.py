"""One column in every container that can hold it, from Python values."""

from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

#: Distinct values of each type, and what holds them beside Python objects.
VALUES = {
    "text": ["NA", "", "007", "7", "ä日", "x y"],
    "int8": [-3, 0, 5, 127],
    "int64": [-(2**60), 2**53, 2**53 + 1, 2**60 + 1, 7],
    "uint64": [7, 2**53 + 1, 2**63 + 5, 2**63 + 6],
    "float64": [0.1, -2.5, float("inf"), 0.0, 3.0],
    "float32": [0.1, -2.5, float("inf"), 0.0, 3.0],
    "decimal": [Decimal("1.50"), Decimal("1.99"), Decimal("12345678901234.01")],
    "boolean": [True, False],
    "binary": [b"a", b"\xff", b""],
    "mixed": [1, "1", 2.5, "x", UUID(int=5)],
}
ARROW = {
    "text": pa.string(),
    "int8": pa.int8(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float64": pa.float64(),
    "float32": pa.float32(),
    "decimal": pa.decimal128(20, 2),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
}
POLARS = {
    "text": pl.String,
    "int8": pl.Int8,
    "int64": pl.Int64,
    "uint64": pl.UInt64,
    "float64": pl.Float64,
    "float32": pl.Float32,
    "decimal": pl.Decimal(20, 2),
    "boolean": pl.Boolean,
    "binary": pl.Binary,
}
NULLABLE = {
    "text": "string",
    "int8": "Int8",
    "int64": "Int64",
    "uint64": "UInt64",
    "float64": "Float64",
    "float32": "Float32",
    "boolean": "boolean",
}
NUMPY = {"int8", "int64", "uint64", "float64", "float32"}


def containers(kind, values):
    """Return the column ``c`` of some values in every container that holds them."""
    holes = any(value is None for value in values)
    cells = pd.Series(values, dtype=object)
    found = {
        "object": pd.DataFrame({"c": cells}),
        "rows": [[value] for value in values],
        "object array": cells.to_numpy()[:, None],
    }
    if kind != "float32":  # levels would be Python floats
        found["category"] = pd.DataFrame({"c": cells.astype("category")})
    if kind in NULLABLE:
        found["nullable"] = pd.DataFrame({"c": pd.array(values, dtype=NULLABLE[kind])})
    if kind in ARROW:
        arrow = pa.array(values, ARROW[kind])
        found["arrow table"] = pa.table({"c": arrow})
        found["arrow dtype"] = pd.DataFrame(
            {"c": pd.Series(arrow, dtype=pd.ArrowDtype(ARROW[kind]))}
        )
        found["polars"] = pl.DataFrame({"c": pl.Series(values, dtype=POLARS[kind])})
    if kind in ("text", "int64", "uint64", "binary"):
        found["arrow dictionary"] = pa.table({"c": arrow.dictionary_encode()})
    if kind == "text":
        found["str"] = pd.DataFrame({"c": pd.Series(values, dtype="str")})
        found["polars categorical"] = pl.DataFrame(
            {"c": pl.Series(values, dtype=pl.Categorical)}
        )
    if kind in NUMPY and (not holes or kind.startswith("float")):
        plain = [np.nan if value is None else value for value in values]
        found["numpy"] = pd.DataFrame({"c": np.array(plain, dtype=kind)})
        found["array"] = np.array(plain, dtype=kind)[:, None]
    return found
