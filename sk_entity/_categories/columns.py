"""Which columns of a frame are categories and which are numbers."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types as pdt

from sk_entity.exceptions import ColumnError


@dataclass(frozen=True)
class ColumnSelection:
    """Positions of the categorical and of the numeric columns of a frame.

    ``nested`` are the categorical columns whose cells may hold several values.
    """

    categorical: tuple[int, ...]
    numeric: tuple[int, ...]
    nested: tuple[int, ...] = ()


def select_columns(
    frame: pd.DataFrame,
    choice: str | Sequence[Any] | Callable[[pd.DataFrame], Any],
    multivalued: Collection[str] = (),
) -> ColumnSelection:
    """Split the columns of ``frame`` by ``categorical_features``.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The input of the encoder.
    choice : {"from_dtype", "all"}, list of names, of positions, bool mask or callable
        As the encoder's ``categorical_features``.
    multivalued : collection of str
        Columns whose cells hold several values; ``"from_dtype"`` takes them, too.

    Returns
    -------
    selection : ColumnSelection

    Raises
    ------
    ColumnError
        If a column is unknown, chosen twice, or of a dtype that is neither a
        category nor a number.
    """
    if callable(choice):
        choice = choice(frame)
    if isinstance(choice, str) and choice == "all":
        chosen = list(range(frame.shape[1]))
    elif isinstance(choice, str) and choice == "from_dtype":
        chosen = [
            i
            for i, (name, dtype) in enumerate(
                zip(frame.columns, frame.dtypes, strict=True)
            )
            if _is_category(dtype) or str(name) in multivalued
        ]
    else:
        chosen = _positions(frame, choice)
    rest = [i for i in range(frame.shape[1]) if i not in set(chosen)]
    nested = [i for i in chosen if str(frame.columns[i]) in multivalued]
    selection = ColumnSelection(tuple(chosen), tuple(rest), tuple(nested))
    check_dtypes(frame, selection)
    return selection


def check_dtypes(frame: pd.DataFrame, selection: ColumnSelection) -> None:
    """Raise a `ColumnError` where a column's dtype does not fit its part.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    selection : ColumnSelection
    """
    for i, (name, dtype) in enumerate(zip(frame.columns, frame.dtypes, strict=True)):
        if i in selection.nested and _is_nested(dtype):
            continue
        _check_dtype(name, dtype, numeric=i in selection.numeric)


def _is_category(dtype: Any) -> bool:
    return (
        isinstance(dtype, pd.CategoricalDtype)
        or pdt.is_string_dtype(dtype)
        or pdt.is_object_dtype(dtype)
    )


def _positions(frame: pd.DataFrame, choice: Any) -> list[int]:
    if isinstance(choice, str):
        choice = [choice]
    items = list(choice)
    mask = [isinstance(item, (bool, np.bool_)) for item in items]
    if any(mask):
        if not all(mask) or len(items) != frame.shape[1]:
            raise ColumnError(
                "A boolean mask in categorical_features must hold one bool for each "
                f"of the {frame.shape[1]} columns, got {len(items)} items: {items!r}."
            )
        return [i for i, flag in enumerate(items) if flag]
    positions = sorted(_position(frame, item) for item in items)
    for left, right in pairwise(positions):
        if left == right:
            raise ColumnError(
                f"categorical_features names column {frame.columns[left]!r} twice: "
                f"{items!r}."
            )
    return positions


def _position(frame: pd.DataFrame, item: Hashable) -> int:
    names = list(frame.columns)
    if isinstance(item, (int, np.integer)):
        if not -len(names) <= item < len(names):
            raise ColumnError(
                f"categorical_features holds position {item}, but X has "
                f"{len(names)} columns (positions 0 to {len(names) - 1})."
            )
        return int(item) % len(names)
    if item not in names:
        close = get_close_matches(str(item), [str(name) for name in names], n=3)
        hint = f" Did you mean {', '.join(map(repr, close))}?" if close else ""
        raise ColumnError(
            f"categorical_features names {item!r}, which is not a column of X.{hint} "
            f"The columns are {names[:20]!r}{' ...' if len(names) > 20 else ''}."
        )
    return names.index(item)


def _is_nested(dtype: Any) -> bool:
    return str(dtype).startswith(("list", "large_list", "fixed_size_list"))


def _check_dtype(name: Hashable, dtype: Any, *, numeric: bool) -> None:
    if isinstance(dtype, pd.CategoricalDtype):
        values = dtype.categories.dtype
        if numeric:
            raise ColumnError(
                f"Column {name!r} has a category dtype but is not among "
                "categorical_features. Add it there, convert it to numbers, or drop it."
            )
        if pdt.is_string_dtype(values) or pdt.is_object_dtype(values):
            return
        dtype = values
    if pdt.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        raise ColumnError(
            f"Column {name!r} has dtype {dtype}. Dates are neither categories nor "
            "numbers here: derive what matters (for example "
            f"X[{name!r}].dt.month as a category, or days since a date as a number), "
            "convert it to strings, or drop it."
        )
    if pdt.is_timedelta64_dtype(dtype):
        raise ColumnError(
            f"Column {name!r} has dtype {dtype}. Convert durations to numbers first, "
            f"for example X[{name!r}].dt.total_seconds(), or drop the column."
        )
    if pdt.is_complex_dtype(dtype):
        raise ColumnError(
            f"Complex data not supported: column {name!r} has dtype {dtype}. Pass its "
            "real and imaginary parts as two columns, or drop it."
        )
    if _is_nested(dtype) or str(dtype).startswith(("struct", "map")):
        raise ColumnError(
            f"Column {name!r} has the nested dtype {dtype}. Each cell must be one "
            f"string or number. If cells are lists of values, pass multivalued="
            f"[{str(name)!r}]; otherwise explode, join or drop the column."
        )
    if isinstance(dtype, pd.SparseDtype):
        raise ColumnError(
            f"Column {name!r} has the sparse dtype {dtype}. Make it dense, "
            f"X[{str(name)!r}].sparse.to_dense(), or drop it."
        )
    if numeric and not pdt.is_numeric_dtype(dtype):
        raise ColumnError(
            f"Column {name!r} has dtype {dtype}, which is not numeric, and is not "
            "among categorical_features. Add it there, convert it, or drop it."
        )
