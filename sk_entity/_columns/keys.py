"""Cells -> keys: the exact values of a column, one of each."""

from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import Any
from weakref import ref

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as pdt

from sk_entity._columns.containers import plain
from sk_entity._columns.kinds import (
    CONTAINERS,
    ColumnType,
    Kind,
    kind_of_cells,
    read_type,
)
from sk_entity._columns.refusals import refuse_kind
from sk_entity.exceptions import CellTypeError

#: From here on, neighbouring whole numbers share one float64.
LARGEST_EXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class Keys:
    """The distinct values of a column, without missing ones.

    Attributes
    ----------
    values : Index
        int64, uint64 or float64 where that holds them exactly, else Python objects.
    kind : Kind
    exact : Index or None
        Of narrow floats, float64 of what they are in binary; ``values`` are then the
        shortest decimals that tell them apart: the float32 nearest to 0.1 is 0.1.
    """

    values: pd.Index
    kind: Kind
    exact: pd.Index | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: NDArray[Any]) -> "Keys":
        """Return some of the keys."""
        exact = None if self.exact is None else self.exact[index]
        return Keys(self.values[index], self.kind, exact)


def factorize(values: pd.Series) -> tuple[NDArray[Any], Keys]:
    """Return each row's place among the keys (-1: missing), and the keys.

    Each cell is hashed once; what it is, is asked of the distinct ones.

    Raises
    ------
    ColumnError
        If the column is of dates, or of another type that is no category.
    CellTypeError
        If a cell is a container, or cannot be hashed.
    """
    values = plain(values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        keys = _keys(values.name, values.cat.categories, values)
        return values.cat.codes.to_numpy(), keys
    # Dates and the like are refused before they are hashed.
    if not pdt.is_object_dtype(values.dtype):
        refuse_kind(values.name, read_type(values))
    try:
        row, uniques = pd.factorize(values, use_na_sentinel=True)
    except TypeError as error:
        _refuse_containers(values.name, values)
        raise CellTypeError(
            f"Column {values.name!r} holds cells that cannot be hashed: {error}. Each "
            "argument must be a string or a number, one a cell."
        ) from error
    return row, _keys(values.name, pd.Index(uniques), values)


def _keys(name: Hashable, index: pd.Index, column: pd.Series) -> Keys:
    dtype = index.dtype
    if pdt.is_object_dtype(dtype):
        kind = kind_of_cells(index)
        if kind in (Kind.NESTED, Kind.MIXED):
            _refuse_containers(name, index)
        refuse_kind(name, ColumnType(kind, False, str(column.dtype)))
        return Keys(_of_cells(index, kind), kind)
    kind = read_type(index).kind
    refuse_kind(name, ColumnType(kind, False, str(column.dtype)))
    if kind is Kind.INTEGER:
        return Keys(_integers(index), kind)
    if kind is Kind.FLOAT:
        width: Any = getattr(dtype, "numpy_dtype", dtype)
        narrow = np.dtype(width)
        floats = index.to_numpy(dtype=narrow, na_value=np.nan)
        return floats_to_keys(floats)
    return Keys(index.astype(object), kind)


def floats_to_keys(floats: NDArray[Any]) -> Keys:
    """Return the keys of distinct floats of any width."""
    exact = pd.Index(floats.astype(np.float64) + 0.0)  # -0.0 is 0.0
    if floats.dtype == np.float64:
        return Keys(exact, Kind.FLOAT)
    return Keys(shortest(floats), Kind.FLOAT, exact)


def shortest(floats: NDArray[Any]) -> pd.Index:
    """Return the shortest decimals that tell narrow floats apart, as float64."""
    return pd.Index(np.asarray(floats.astype(str).astype(np.float64) + 0.0))


def narrowed(floats: pd.Index) -> pd.Index:
    """Return float64 keys as those of float32, where they are float32 numbers."""
    wide = floats.to_numpy(dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    return pd.Index(np.where(narrow == wide, shortest(narrow), wide))


def _integers(index: pd.Index) -> pd.Index:
    """Return whole numbers as int64, or uint64 if one is beyond."""
    if pdt.is_unsigned_integer_dtype(index.dtype):
        wide = index.to_numpy(dtype=np.uint64)
        fits = not len(wide) or wide.max() <= np.iinfo(np.int64).max
        return pd.Index(wide.astype(np.int64) if fits else wide)
    return pd.Index(index.to_numpy(dtype=np.int64))


def _of_cells(index: pd.Index, kind: Kind) -> pd.Index:
    """Return the distinct cells of an object column, in a dtype that holds them."""
    cells = _exact(index.to_numpy(dtype=object), kind)
    found: pd.Index = pd.Index(cells, dtype=cells.dtype)  # text stays as objects
    return found


def _exact(cells: NDArray[Any], kind: Kind) -> NDArray[Any]:
    if kind is Kind.INTEGER:
        for dtype in (np.int64, np.uint64):
            bounds = np.iinfo(dtype)
            if all(bounds.min <= x <= bounds.max for x in cells):
                return np.asarray(cells, dtype=dtype)
        return np.asarray([int(x) for x in cells], dtype=object)
    if kind is Kind.FLOAT:
        floats = cells.astype(np.float64)
        if all(x == y for x, y in zip(floats.tolist(), cells.tolist(), strict=True)):
            return np.asarray(floats + 0.0)
    if kind is Kind.DECIMAL:
        return np.asarray([as_decimal(x) for x in cells], dtype=object)
    return cells


def as_decimal(value: Any) -> Any:
    """Return a number as a decimal; a float is what it prints as."""
    if isinstance(value, (float, np.floating)):
        return Decimal(repr(float(value)))
    return value if isinstance(value, Decimal) else Decimal(int(value))


def places(known: pd.Index, values: pd.Index) -> NDArray[np.intp]:
    """Return the place of each value among known ones, -1 where it is none.

    Values are equal if they are the same number or object, exactly: pandas would round
    whole numbers to compare them with floats.
    """
    if not len(known) or not len(values):
        return np.full(len(values), -1, dtype=np.intp)
    if known.dtype == values.dtype:
        return np.asarray(hashed(known).get_indexer(values))
    return np.asarray(known.astype(object).get_indexer(values.astype(object)))


def place_of(known: pd.Index, value: Any) -> int:
    """Return the place of one value among known ones of its own type, or -1."""
    try:
        place: Any = hashed(known).get_loc(value)
    except KeyError:
        return -1
    return int(place)


_lock = Lock()
#: References without callbacks, by id: an interrupt that a callback hears is lost.
_hashed: "dict[int, ref[pd.Index]]" = {}
#: References that are kept before those to nothing are dropped.
_MOST_HASHED = 4096


def hashed(index: pd.Index) -> pd.Index:
    """Return an index that several threads may search: its hash table is built.

    pandas 2 shows other threads a table that is still being filled.
    """
    known = _hashed.get(id(index))
    if known is None or known() is not index:
        with _lock:
            index.get_indexer(index[:1])
            if len(_hashed) >= _MOST_HASHED:
                for key in [key for key, to in _hashed.items() if to() is None]:
                    del _hashed[key]
            _hashed[id(index)] = ref(index)
    return index


def order_of(index: pd.Index) -> NDArray[np.intp]:
    """Sort by value; values of several types by type first."""
    try:
        return np.argsort(index.to_numpy(), kind="stable")
    except TypeError:
        keys = [(type(value).__name__, str(value)) for value in index]
        return np.asarray(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def joined(first: pd.Index, second: pd.Index) -> pd.Index:
    """Return two indexes one after the other, without loss."""
    if not len(first) or not len(second):
        return first if len(first) else second
    if first.dtype != second.dtype:
        first, second = first.astype(object), second.astype(object)
    return first.append(second)


def _refuse_containers(name: Hashable, values: Any) -> None:
    for value in values:
        if isinstance(value, CONTAINERS):
            raise CellTypeError(
                f"Column {name!r} holds {value!r}, a {type(value).__name__}: each "
                "argument must be a string or a number, one a cell. If cells hold "
                f"several values, pass multivalued=[{name!r}]; otherwise join or drop "
                "the column."
            )
