"""What a column is: the type of its values, whatever dtype holds them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types as pdt


class Kind(StrEnum):
    """The type of a column's values."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    BINARY = "binary"
    MIXED = "mixed"
    NOTHING = "nothing"
    TEMPORAL = "date or time"
    NESTED = "nested"
    COMPLEX = "complex"
    SPARSE = "sparse"


#: What may be an input of the net and pass through.
NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.BOOLEAN})

#: What `pandas.api.types.infer_dtype` says of cells.
_OF_CELLS = {
    "string": Kind.TEXT,
    "integer": Kind.INTEGER,
    "floating": Kind.FLOAT,
    "mixed-integer-float": Kind.FLOAT,
    "decimal": Kind.DECIMAL,
    "boolean": Kind.BOOLEAN,
    "bytes": Kind.BINARY,
    "empty": Kind.NOTHING,
    "complex": Kind.COMPLEX,
    "date": Kind.TEMPORAL,
    "datetime": Kind.TEMPORAL,
    "datetime64": Kind.TEMPORAL,
    "time": Kind.TEMPORAL,
    "timedelta": Kind.TEMPORAL,
    "timedelta64": Kind.TEMPORAL,
    "period": Kind.TEMPORAL,
}
_OF_NUMPY = {
    "i": Kind.INTEGER,
    "u": Kind.INTEGER,
    "f": Kind.FLOAT,
    "b": Kind.BOOLEAN,
    "c": Kind.COMPLEX,
    "M": Kind.TEMPORAL,
    "m": Kind.TEMPORAL,
    "U": Kind.TEXT,
    "S": Kind.BINARY,
    "V": Kind.NESTED,
}
#: Cells that hold several values.
CONTAINERS = (dict, list, set, tuple, frozenset, np.ndarray, pd.Series, pd.Index)
_REAL = (int, float, Decimal, np.integer, np.floating)


@dataclass(frozen=True)
class ColumnType:
    """The type of a column.

    Attributes
    ----------
    kind : Kind
        Of its values; of its levels, for a category dtype.
    is_category : bool
        Whether the dtype says that it is a category.
    dtype : str
        What holds it, for messages.
    """

    kind: Kind
    is_category: bool
    dtype: str

    def __str__(self) -> str:
        return self.kind if self.kind == self.dtype else f"{self.kind} ({self.dtype})"


def read_type(values: "pd.Series | pd.Index") -> ColumnType:
    """Return the type of a column; cells are looked at if the dtype is object."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = dtype.categories
        kind = Kind.NOTHING if not len(levels) else kind_of(levels)
        return ColumnType(kind, True, f"category of {levels.dtype}")
    if isinstance(dtype, pd.ArrowDtype) and _is_dictionary(dtype):
        kind = _kind_of_arrow(dtype.pyarrow_dtype.value_type)
        return ColumnType(kind, True, str(dtype))
    return ColumnType(kind_of(values), False, str(dtype))


def kind_of(values: "pd.Series | pd.Index") -> Kind:
    """Return the kind of values that are not of a category dtype."""
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return _kind_of_arrow(dtype.pyarrow_dtype)
    if isinstance(dtype, pd.SparseDtype):
        return Kind.SPARSE
    if pdt.is_object_dtype(dtype):
        return kind_of_cells(values)
    if isinstance(dtype, np.dtype):
        return _OF_NUMPY[dtype.kind]
    if pdt.is_bool_dtype(dtype):
        return Kind.BOOLEAN
    if pdt.is_integer_dtype(dtype):
        return Kind.INTEGER
    if pdt.is_float_dtype(dtype):
        return Kind.FLOAT
    if pdt.is_string_dtype(dtype):
        return Kind.TEXT
    if isinstance(dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        return Kind.TEMPORAL
    return Kind.MIXED  # intervals, and what others register


def kind_of_cells(values: Any) -> Kind:
    """Return what the cells of an object column are."""
    inferred = pdt.infer_dtype(values, skipna=True)
    found = _OF_CELLS.get(inferred)
    if found is Kind.TEMPORAL and pd.isna(values).all():
        return Kind.NOTHING  # NaT alone
    if found is not None:
        return found
    cells = np.asarray(values, dtype=object)
    types = set(map(type, cells[~_missing(cells)]))
    if any(issubclass(kind, CONTAINERS) for kind in types):
        return Kind.NESTED
    # Decimals and other numbers: JSON read with decimals has whole numbers, too.
    if types and all(issubclass(t, _REAL) and t is not bool for t in types):
        return Kind.DECIMAL
    return Kind.MIXED


def are_numbers(values: Any) -> bool:
    """Whether all cells of an object column are real numbers, bools included."""
    cells = np.asarray(values, dtype=object)
    types = set(map(type, cells[~_missing(cells)]))
    return all(issubclass(t, (*_REAL, np.bool_)) for t in types)


def _missing(cells: Any) -> Any:
    """Which cells are missing; cells that are containers are not."""
    return np.fromiter(
        (
            not isinstance(x, CONTAINERS)
            and pd.isna(x) is not False
            and bool(pd.isna(x))
            for x in cells
        ),
        dtype=bool,
        count=len(cells),
    )


def _is_dictionary(dtype: pd.ArrowDtype) -> bool:
    return str(dtype.pyarrow_dtype).startswith("dictionary")


def _kind_of_arrow(arrow: Any) -> Kind:
    import pyarrow.types as pt

    tests = (
        (pt.is_string, Kind.TEXT),
        (pt.is_large_string, Kind.TEXT),
        (pt.is_integer, Kind.INTEGER),
        (pt.is_floating, Kind.FLOAT),
        (pt.is_boolean, Kind.BOOLEAN),
        (pt.is_decimal, Kind.DECIMAL),
        (pt.is_temporal, Kind.TEMPORAL),
        (pt.is_nested, Kind.NESTED),
        (pt.is_null, Kind.NOTHING),
        (pt.is_binary, Kind.BINARY),
        (pt.is_large_binary, Kind.BINARY),
        (pt.is_fixed_size_binary, Kind.BINARY),
    )
    for test, kind in tests:
        if test(arrow):
            return kind
    return Kind.TEXT if "string" in str(arrow) else Kind.MIXED
