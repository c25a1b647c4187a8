"""Numeric columns -> float64 for the net, and dtypes that boosters take."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as pdt

from sk_entity._columns.containers import plain
from sk_entity._columns.keys import LARGEST_EXACT
from sk_entity._columns.kinds import NUMBERS, Kind, are_numbers, read_type
from sk_entity._columns.refusals import refuse_kind
from sk_entity.exceptions import ColumnError


def exact_floats(name: str, column: pd.Series) -> NDArray[np.float64]:
    """Return a numeric column as float64, NaN where missing.

    Raises
    ------
    ColumnError
        If it holds what is no number, or whole numbers that float64 would round.
    """
    column = plain(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = pd.Series(column.cat.categories)
        column = pd.Series(exact_floats(name, levels), dtype=float).reindex(
            column.cat.codes
        )
    dtype = column.dtype
    if pdt.is_object_dtype(dtype) or isinstance(dtype, pd.ArrowDtype):
        return _floats_of_cells(name, column)
    if not pdt.is_numeric_dtype(dtype) or pdt.is_complex_dtype(dtype):
        _refuse(name, column)
    floats = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if pdt.is_integer_dtype(dtype) and not np.isnan(floats).all():
        # As integers: 2**53 + 1 has become the float 2**53.
        _refuse_large(name, [column.min(), column.max()])
    return floats


def for_booster(name: str, column: pd.Series) -> pd.Series:
    """Return a numeric column in a dtype of its own that LightGBM takes.

    Arrow numbers become NumPy or nullable ones, decimals and objects floats.
    """
    if pdt.is_object_dtype(column.dtype):
        return pd.Series(exact_floats(name, column), index=column.index, copy=False)
    if not isinstance(column.dtype, pd.ArrowDtype) or pdt.is_bool_dtype(column.dtype):
        return column
    if read_type(column).kind is Kind.DECIMAL:
        return pd.Series(exact_floats(name, column), index=column.index, copy=False)
    return plain(column)


def _floats_of_cells(name: str, column: pd.Series) -> NDArray[np.float64]:
    """Return cells that are numbers, of an object or a decimal column."""
    kind = read_type(column).kind
    if kind not in NUMBERS and kind is not Kind.NOTHING and not are_numbers(column):
        _refuse(name, column)
    missing = column.isna().to_numpy()
    floats = np.full(len(column), np.nan)
    cells = column.to_numpy(dtype=object)[~missing]
    floats[~missing] = cells.astype(np.float64)
    exact = (int, np.integer, Decimal)
    _refuse_large(name, [x for x in cells if isinstance(x, exact)])
    return floats


def _refuse_large(name: str, numbers: Iterable[Any]) -> None:
    # Above 2**53 neighbouring integers share one float64.
    if any(math.isfinite(x) and abs(int(x)) > LARGEST_EXACT for x in numbers):
        raise ColumnError(
            f"Column {name!r} holds integers beyond 2**53, which float64 would round. "
            "If they are identifiers, make them a category (astype(str)); if numbers, "
            "convert them to float yourself; or drop the column."
        )


def _refuse(name: Any, column: pd.Series) -> None:
    found = read_type(column)
    refuse_kind(name, found)
    example = column.dropna()
    shown = f", for example {example.iloc[0]!r}" if len(example) else ""
    raise ColumnError(
        f"Column {name!r} was of numbers in fit, and is of type {found} now{shown}: "
        "that is not numeric. Convert it as the training rows were, or fit a new "
        "encoder with the column among categorical_features."
    )
