"""Targets: labels are read as cells are, whatever dtype holds them."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as pdt

from sk_entity._columns.containers import plain, read_series
from sk_entity._columns.kinds import Kind, read_type


def read_labels(y: Any, what: str = "y") -> Any:
    """Return one column of a target with the type that its values have.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    what : str, default="y"
        The target, for messages.

    Returns
    -------
    labels : ndarray of shape (n_rows,), or ``y``
        Integers, floats and bools in NumPy's dtypes, text as objects; NaN or None where
        missing. What is no column is returned as it is, for scikit-learn to judge.

    Raises
    ------
    ValueError
        If the labels are dates, or of several types.
    """
    if isinstance(y, str):
        raise ValueError(
            f"The target is the name {y!r}: pass its values, y=X[{y!r}], and drop the "
            "column from X, which would tell the target."
        )
    if isinstance(y, np.ndarray) and y.dtype.kind not in "OMmSU":
        return y
    if isinstance(y, (np.ndarray, list, tuple)):
        array = _as_array(y)
        if array.ndim != 1 or array.dtype.kind not in "OMm":
            return array
        y = array
    column = plain(read_series(y))
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(
            column.cat.categories.dtype if not column.hasnans else object
        )
    return _typed(column, what)


def _as_array(y: Any) -> NDArray[Any]:
    if isinstance(y, np.ndarray):
        return y
    array = np.asarray(y)
    if array.ndim == 1 and array.dtype.kind in "US" and len(y):
        # NumPy makes text of numbers beside text: such labels are to be refused.
        cells = np.empty(len(y), dtype=object)
        cells[:] = y
        return cells
    return array


def _typed(column: pd.Series, what: str) -> NDArray[Any]:
    kind = read_type(column).kind
    if kind is Kind.TEMPORAL:
        raise ValueError(
            f"The target {what} holds dates or times ({column.dtype}), for example "
            f"{column.dropna().iloc[0]!r}. Make numbers of them, such as days since a "
            "date, or labels with astype(str)."
        )
    if kind in (Kind.MIXED, Kind.NESTED, Kind.COMPLEX):
        shown = {type(x).__name__: x for x in column.dropna().tolist()}
        raise ValueError(
            f"Unknown label type: the labels of the target {what} are of several types "
            f"or of one that is no label, for example {list(shown.values())[:3]!r} "
            f"({', '.join(sorted(shown))}). Labels must be strings, integers or bools, "
            "values must be floats: convert them to one type."
        )
    missing = column.isna().to_numpy()
    if kind is Kind.TEXT:
        cells = column.to_numpy(dtype=object)
        if missing.any():
            cells = cells.copy()
            cells[missing] = None
        return cells
    if kind is Kind.NOTHING:
        return np.full(len(column), np.nan)
    if pdt.is_object_dtype(column.dtype) or kind is Kind.DECIMAL:
        return _numbers(column, kind, missing)
    if missing.any() or kind is Kind.FLOAT:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    dtype: Any = getattr(column.dtype, "numpy_dtype", column.dtype)
    return np.asarray(column.to_numpy(dtype=dtype))


def _numbers(column: pd.Series, kind: Kind, missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Return cells that are numbers or bools in the dtype that holds them."""
    cells = column.to_numpy(dtype=object)
    if kind is Kind.BINARY:
        return cells
    if missing.any() or kind in (Kind.FLOAT, Kind.DECIMAL):
        found = np.full(len(cells), np.nan)
        found[~missing] = cells[~missing].astype(np.float64)
        return found
    if kind is Kind.BOOLEAN:
        return cells.astype(bool)
    try:
        return cells.astype(np.int64)
    except OverflowError:
        return cells.astype(np.float64)


def label_like_numbers(classes: NDArray[Any]) -> str | None:
    """Return what class labels look like if they look like numbers or dates.

    Returns
    -------
    what : {"integers", "numbers", "dates"} or None
    """
    if len(classes) <= 2:
        return None
    many = len(classes) > MANY_CLASSES
    if classes.dtype.kind in "iu":
        return "integers" if many else None
    if not all(isinstance(label, str) for label in classes):
        return None
    try:
        numbers = [Decimal(label.strip()) for label in classes]
    except ArithmeticError:
        return "dates" if _are_dates(classes) else None
    fractions = any(x.is_finite() and x != x.to_integral() for x in numbers)
    return "numbers" if many or fractions else None


def _are_dates(classes: NDArray[Any]) -> bool:
    found = pd.to_datetime(pd.Series(classes), format="ISO8601", errors="coerce")
    return bool(found.notna().all())


#: Whole numbers of more values than these are rather counts than labels.
MANY_CLASSES = 20
