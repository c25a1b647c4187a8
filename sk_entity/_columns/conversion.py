"""A batch's keys -> those of fit: what is lossless is converted, the rest is told."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._columns.keys import (
    LARGEST_EXACT,
    Keys,
    as_decimal,
    narrowed,
    places,
)
from sk_entity._columns.kinds import Kind
from sk_entity.exceptions import ColumnError

#: A whole number as `str` writes it, and any text that reads as a number.
_WHOLE = re.compile(r"-?[1-9][0-9]*|0")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
#: Kinds of which any cell may be one, and kinds that are compared as numbers.
_OPEN = (Kind.MIXED, Kind.NOTHING)
_NUMERIC = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)
#: What a value becomes that has no counterpart.
_LOST = object()


@dataclass(frozen=True, eq=False)
class Known:
    """What fit learned of a column's values.

    Attributes
    ----------
    values : Index
    kind : Kind
    narrow : bool
        Whether they were float32 or narrower.
    """

    values: pd.Index
    kind: Kind
    narrow: bool = False


def conform(
    keys: Keys, known: Known, name: Hashable
) -> tuple[Keys, NDArray[np.bool_] | None]:
    """Return keys of a batch as fit's type has them, and those that it cannot have.

    Parameters
    ----------
    keys : Keys
    known : Known
    name : str
        The column, for messages.

    Returns
    -------
    keys : Keys
    lost : ndarray of shape (n_keys,), bool, or None
        None: none is lost.

    Raises
    ------
    ColumnError
        If a float stands for several whole numbers of which fit knows one.
    """
    if keys.kind is Kind.FLOAT:
        _refuse_rounded(keys, known, name)
        keys = _of_width(keys, known)
    if keys.kind is known.kind or known.kind in _OPEN or keys.kind is Kind.NOTHING:
        return keys, None
    convert = _converter(known)
    found = [convert(value) for value in keys.values.tolist()]
    lost = np.asarray([value is _LOST for value in found], dtype=bool)
    index = pd.Index([None if x is _LOST else x for x in found], dtype=object)
    if known.kind in _NUMERIC and not lost.any():
        index = index.infer_objects()  # int64 or float64 again
    return Keys(index, known.kind), lost if lost.any() else None


def _of_width(keys: Keys, known: Known) -> Keys:
    """Return floats as fit's are: float32 and float64 of one number meet."""
    if known.narrow and keys.values.dtype == np.float64:
        wide = keys.values if keys.exact is None else keys.exact
        return Keys(narrowed(wide), keys.kind)
    if keys.exact is None:
        return keys
    # float64 in fit, narrower now: made from it, or once made of such a column.
    by_text = places(known.values, keys.values) >= 0
    by_value = places(known.values, keys.exact) >= 0
    values = np.where(by_value & ~by_text, keys.exact, keys.values)
    return Keys(pd.Index(values), keys.kind)


def _refuse_rounded(keys: Keys, known: Known, name: Hashable) -> None:
    """Raise a `ColumnError` if a whole number of fit rounds to a float of the batch."""
    floats = keys.values.to_numpy().astype(np.float64)
    large = floats[np.abs(floats) >= LARGEST_EXACT]
    if not len(large) or known.kind not in (Kind.INTEGER, Kind.MIXED):
        return
    whole = known.values
    if whole.dtype == object:
        cells = [x for x in whole if isinstance(x, int) and not isinstance(x, bool)]
        whole = pd.Index(cells, dtype=object)
    rounded = np.isin(large, whole.to_numpy().astype(np.float64))
    if rounded.any():
        raise ColumnError(
            f"Column {name!r} was of whole numbers in fit, and holds floats now, for "
            f"example {float(large[rounded][0])!r}, which stands for several whole "
            "numbers: beyond 2**53 float64 rounds them. Pass the column in an integer "
            "dtype; with missing cells, nullable 'Int64'."
        )


def _converter(known: Known) -> Callable[[Any], Any]:
    if known.kind is Kind.TEXT:
        return _to_text if plainly_written(known.values) else _to_text_only
    if known.kind in _NUMERIC:
        return {
            Kind.INTEGER: _to_number,
            Kind.FLOAT: _to_float,
            Kind.DECIMAL: _to_decimal,
        }[known.kind]
    return _to_boolean if known.kind is Kind.BOOLEAN else _to_bytes


def plainly_written(texts: pd.Index) -> bool:
    """Whether each text that reads as a whole number is as `str` writes it."""
    return not any(
        text and not _WHOLE.fullmatch(text) and _is_whole(text) for text in texts
    )


def _is_whole(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and float(text).is_integer()


def _to_text_only(value: Any) -> Any:
    return value if isinstance(value, str) else _LOST


def _to_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return _LOST
    whole = _whole(value)
    return _LOST if whole is None else str(whole)


def _whole(value: Any) -> int | None:
    """Return a number as an int if it is exactly one; None: it may not be."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        exact = value.is_integer() and abs(value) < LARGEST_EXACT
        return int(value) if exact else None
    return int(value) if value.is_finite() and value == value.to_integral() else None


def _to_number(value: Any) -> Any:
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else _LOST
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, (int, float, Decimal)):
        return _LOST
    whole = _whole(value)
    return value if whole is None else whole


def _to_float(value: Any) -> Any:
    number = _to_number(value)
    if isinstance(number, int) and abs(number) <= LARGEST_EXACT:
        return float(number)
    if isinstance(number, Decimal) and number.is_finite():
        near = float(number)
        return near if Decimal(repr(near)) == number else number
    return number


def _to_decimal(value: Any) -> Any:
    number = _to_number(value)
    return number if number is _LOST else as_decimal(number)


def _to_boolean(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, Decimal)) else _LOST


def _to_bytes(value: Any) -> Any:
    return value if isinstance(value, bytes) else _LOST
