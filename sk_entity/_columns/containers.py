"""Containers -> pandas frames and columns that hold the same values, exactly.

What a pandas frame holds is not copied; Arrow data (polars, pyarrow) are viewed where
pandas can view them, and never go through floats.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sk_entity.exceptions import ColumnError


def read_frame(X: Any) -> pd.DataFrame | None:
    """Return a frame of the values of a container with named columns.

    Parameters
    ----------
    X : pandas, polars or pyarrow frame, or another that exports Arrow data

    Returns
    -------
    frame : DataFrame or None
        None if ``X`` is no such container.

    Raises
    ------
    TypeError
        If ``X`` is lazy.
    """
    if isinstance(X, pd.DataFrame):
        return X
    if _is_lazy(X):
        raise TypeError(
            f"X is a {type(X).__name__}, which holds no rows yet: pass X.collect()."
        )
    if _is_polars(X):
        return _from_columns(X.columns, [_from_polars(X[name]) for name in X.columns])
    if hasattr(X, "column_names") and hasattr(X, "schema"):  # pyarrow
        _refuse_twice(X.column_names)
        columns = [_from_arrow(X.column(i)) for i in range(len(X.column_names))]
        return _from_columns(X.column_names, columns)
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns"):
        import pyarrow as pa

        return read_frame(pa.table(X))
    return X.to_pandas() if hasattr(X, "to_pandas") else None


def read_rows(X: Any) -> pd.DataFrame | None:
    """Return a frame of a list of rows, or None if ``X`` is none.

    NumPy would make one type of all columns; here each cell stays what it is.
    """
    if not isinstance(X, (list, tuple)) or not X:
        return None
    if not all(isinstance(row, (list, tuple)) for row in X):
        return None
    lengths = {len(row) for row in X}
    if len(lengths) > 1:
        raise ValueError(
            f"X is a list of rows of different lengths, {sorted(lengths)[:5]}: each "
            "row must have one cell a column."
        )
    columns = [_objects(cells) for cells in zip(*X, strict=True)]
    return _from_columns(range(len(columns)), columns)


def read_series(values: Any, name: Any = None) -> pd.Series:
    """Return a column of some values.

    Parameters
    ----------
    values : Series, array, list, Arrow array, or frame of one column
    name : str or None
        Given to what has no name.
    """
    if isinstance(values, pd.Series):
        return values
    if isinstance(values, (pd.Index, pd.api.extensions.ExtensionArray)):
        return pd.Series(values, name=name)
    if _is_polars(values) and not hasattr(values, "columns"):
        return _from_polars(values).rename(name)
    if hasattr(values, "type") and hasattr(values, "null_count"):  # pyarrow
        return _from_arrow(values).rename(name)
    if hasattr(values, "__array__") and not hasattr(values, "columns"):
        values = np.asarray(values)
    frame = None if isinstance(values, np.ndarray) else read_frame(values)
    if frame is not None:
        if frame.shape[1] != 1:
            raise ColumnError(
                f"Values of column {name!r} were given as a frame of {frame.shape[1]} "
                "columns: pass one column."
            )
        return frame.iloc[:, 0].rename(name)
    if isinstance(values, np.ndarray):
        flat = values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values
        return pd.Series(flat, name=name)
    return _objects(list(values)).rename(name)


def plain(values: pd.Series) -> pd.Series:
    """Return Arrow numbers, bools and dictionaries in the dtypes that pandas computes.

    Others stay as they are.
    """
    if not isinstance(values.dtype, pd.ArrowDtype):
        return values
    import pyarrow as pa

    found = _from_arrow(pa.array(values.array))
    return pd.Series(found.array, index=values.index, name=values.name, copy=False)


def _objects(cells: Sequence[Any]) -> pd.Series:
    """Return cells as they are; pandas makes NaN of None, and rows of lists."""
    found = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        found[i] = cell
    return pd.Series(found, copy=False)


def _from_columns(names: Any, columns: Sequence[pd.Series]) -> pd.DataFrame:
    frame = pd.DataFrame(dict(enumerate(columns)), copy=False)
    if isinstance(names, range):
        return frame
    return frame.set_axis(pd.Index(list(names), dtype=object), axis=1)


def _refuse_twice(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        raise ColumnError(
            f"X has several columns of the same name: {twice!r}. Vectors are keyed by "
            "column: rename or drop the duplicates."
        )


def _is_polars(X: Any) -> bool:
    return type(X).__module__.split(".")[0] == "polars"


def _is_lazy(X: Any) -> bool:
    return hasattr(X, "collect") and not hasattr(X, "iloc") and not hasattr(X, "shape")


def _from_polars(column: Any) -> pd.Series:
    import pyarrow as pa

    if str(column.dtype) == "Object":  # Arrow would see pointers
        return _objects(column.to_list())
    try:
        return _from_arrow(column.to_arrow())
    except pa.ArrowException:  # 128-bit integers
        return _objects(column.to_list())


def _from_arrow(values: Any) -> pd.Series:
    """Return an Arrow array as a column without loss."""
    import pyarrow as pa
    import pyarrow.types as pt

    kind = values.type
    if pt.is_null(kind):
        return _objects([None] * len(values))
    if pt.is_dictionary(kind):
        return _from_dictionary(values)
    if pt.is_floating(kind):
        return pd.Series(_numpy(values), copy=False)
    if pt.is_boolean(kind) or pt.is_integer(kind):
        if not values.null_count:
            return pd.Series(_numpy(values), copy=False)
        name = "boolean" if pt.is_boolean(kind) else _nullable(str(kind))
        dtype: Any = pd.api.types.pandas_dtype(name)
        array = dtype.__from_arrow__(values)
        return pd.Series(array, copy=False)
    if str(kind).endswith("_view"):
        wide = pa.large_string() if "string" in str(kind) else pa.large_binary()
        values = values.cast(wide)
    return pd.Series(pd.arrays.ArrowExtensionArray(values), copy=False)


def _numpy(values: Any) -> Any:
    import pyarrow as pa

    chunked = isinstance(values, pa.ChunkedArray)
    return values.to_numpy() if chunked else values.to_numpy(zero_copy_only=False)


def _nullable(name: str) -> str:
    """Return pandas' name of a nullable integer dtype: Int8 of int8, UInt8 of uint8."""
    return name.replace("uint", "UInt") if name.startswith("u") else name.capitalize()


def _from_dictionary(values: Any) -> pd.Series:
    import pyarrow as pa

    try:
        found: pd.Series = values.to_pandas()
    except (pa.ArrowException, ValueError):  # levels that repeat, or that are null
        return _from_arrow(values.cast(values.type.value_type))
    return pd.Series(found.array, copy=False)
