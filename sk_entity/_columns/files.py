"""Files of vectors by category value -> keys that are the values of a column."""

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sk_entity._columns.containers import read_frame
from sk_entity._columns.conversion import Known
from sk_entity._columns.kinds import Kind
from sk_entity.exceptions import ColumnError


def read_keyed_file(path: Path) -> tuple[pd.Series, pd.DataFrame, bool]:
    """Read a CSV or Parquet file of vectors.

    Returns
    -------
    keys : Series of shape (n_values,)
        The values: of a CSV file, its text, None where missing.
    columns : DataFrame of shape (n_values, n_columns)
        All other columns; of a CSV file as text.
    is_text : bool
        Whether keys have no type of their own.

    Raises
    ------
    ValueError
        If the file is of another kind.
    """
    if path.suffix == ".parquet":
        return (*_read_parquet(path), False)
    if path.suffix == ".csv":
        return (*_read_csv(path), True)
    raise ValueError(f"{str(path)!r} is neither a .csv nor a .parquet file")


def _read_parquet(path: Path) -> tuple[pd.Series, pd.DataFrame]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    frame = read_frame(table)
    assert frame is not None
    about = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    index = [x for x in about.get("index_columns", ()) if isinstance(x, str)]
    named = [x for x in index if x in frame.columns]
    name = named[0] if named else frame.columns[0]
    return frame[name], frame.drop(columns=name)


def _read_csv(path: Path) -> tuple[pd.Series, pd.DataFrame]:
    """Read the first column as the text that it is, the others as numbers.

    CSV writes the empty string and a missing value alike. `EmbeddingTable.to_frame`
    puts missing values last, so an empty key is missing in the last row, else a string.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    keys = frame.iloc[:, 0].astype(object)
    if len(keys) and keys.iloc[-1] == "":
        keys.iloc[-1] = None
    # NumPy reads the nearest float, to the bit; what is none, `float` says later.
    numbers = frame.iloc[:, 1:].astype(object)
    return keys, numbers


def parse_keys(keys: pd.Series, known: Known, name: str) -> pd.Series:
    """Return the keys of a text file as values of the type of a column.

    Raises
    ------
    ColumnError
        If a key is no value of that type.
    """
    if known.kind in (Kind.TEXT, Kind.NOTHING):
        return keys
    parse = _parser(known)
    found = np.empty(len(keys), dtype=object)
    for i, key in enumerate(keys):
        try:
            found[i] = None if key is None else parse(key)
        except (ValueError, InvalidOperation) as error:
            raise ColumnError(
                f"pretrained for column {name!r} is a text file with the key {key!r}, "
                f"which is no value of a column of type {known.kind}. Remove its row, "
                "or give a DataFrame or a Parquet file, whose keys have types."
            ) from error
    return pd.Series(found, name=keys.name)


def _parser(known: Known) -> Callable[[str], Any]:
    if known.kind is Kind.MIXED:
        by_text: dict[str, Any] = {}
        for value in known.values:
            by_text.setdefault(str(value), value)
        return lambda text: by_text.get(text, text)
    parsers: dict[Kind, Callable[[str], Any]] = {
        Kind.INTEGER: int,
        Kind.FLOAT: float,
        Kind.DECIMAL: Decimal,
        Kind.BOOLEAN: _boolean,
        Kind.BINARY: _binary,
    }
    return parsers[known.kind]


def _boolean(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


def _binary(text: str) -> bytes:
    import ast

    value = ast.literal_eval(text)
    if not isinstance(value, bytes):
        raise ValueError(text)
    return value
