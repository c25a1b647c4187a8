"""Features -> the container that ``set_output`` asks for, filled in place."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as pdt

from sk_entity._columns import Schema, exact_floats, for_booster
from sk_entity.exceptions import ColumnError

Class = TypeVar("Class", bound=type)


def makes_own_containers(cls: Class) -> Class:
    """Let ``transform`` and ``fit_transform`` of a class return what they make.

    scikit-learn wraps both to make what ``set_output`` asks for. `OutputContainer` has
    made it already; of a lazy frame, there would be one in memory, without a word.
    """
    for name in ("transform", "fit_transform"):
        setattr(cls, name, vars(cls)[name].__wrapped__)
    return cls


class OutputContainer:
    """The output of ``transform``, filled in place.

    Parameters
    ----------
    kind : {"default", "pandas", "polars"}
        As ``set_output`` says.
    names : list of str
        Of all output columns.
    X : any container
        The input as it was given.
    frame : DataFrame of shape (n_rows, n_columns)
        The input.
    schema : Schema
    passed : dict of int to str
        Positions and names of the columns that are part of the output as they are.

    Attributes
    ----------
    learned : ndarray of shape (n_rows, n_learned), float64 or float32
        To be filled: all columns before those that pass through. Arrays are float64, as
        scikit-learn's encoders give; frames hold float32.

    Raises
    ------
    ColumnError
        If an array would have to hold what is no number, or integers that float64
        would round.
    """

    def __init__(
        self,
        kind: str,
        names: Sequence[str],
        X: Any,
        frame: pd.DataFrame,
        schema: Schema,
        passed: Mapping[int, str],
    ) -> None:
        self.learned: NDArray[Any]
        self._kind, self._names, self._index = kind, names, frame.index
        n_learned = len(names) - len(passed)
        if kind == "default":
            check_output(kind, schema, passes=bool(passed))
            self._array = np.empty((len(frame), len(names)), dtype=np.float64)
            self.learned = self._array[:, :n_learned]
            for j, (i, name) in enumerate(passed.items()):
                self._array[:, n_learned + j] = exact_floats(name, frame.iloc[:, i])
            return
        # pandas keeps columns together.
        self.learned = np.empty((len(frame), n_learned), dtype=np.float32, order="F")
        numeric = set(schema.numeric)
        self._passed = [
            _as_number(name, frame.iloc[:, i]) if i in numeric else frame.iloc[:, i]
            for i, name in passed.items()
        ]
        self._given = [X[:, i] for i in passed] if is_polars(X) else None

    def finish(self) -> Any:
        """Return the filled output; a frame keeps the passed columns' own dtypes."""
        if self._kind == "default":
            return self._array
        if self._kind == "polars":
            return self._polars()
        learned = pd.DataFrame(self.learned, index=self._index, copy=False)
        # pandas makes UTF-8 of names, which not every name is.
        passed = [column.rename(None) for column in self._passed]
        frame = pd.concat([learned, *passed], axis=1)
        frame.columns = pd.Index(self._names)
        return frame

    def _polars(self) -> Any:
        import polars as pl

        passed = self._given
        if passed is None:
            passed = [pl.from_pandas(c.reset_index(drop=True)) for c in self._passed]
        columns = [pl.Series(values) for values in self.learned.T]
        columns += [c.cast(pl.Float64) if c.dtype.is_decimal() else c for c in passed]
        names = map(str, self._names)
        return pl.DataFrame(dict(zip(names, columns, strict=True)))


def _as_number(name: str, column: pd.Series) -> pd.Series:
    """Return a numeric column as boosters take it; raise if it is none."""
    exact = pdt.is_numeric_dtype(column.dtype) and isinstance(column.dtype, np.dtype)
    if not exact:
        exact_floats(name, column)
    return for_booster(name, column)


def check_output(kind: str, schema: Schema, *, passes: bool) -> None:
    """Raise a `ColumnError` if an array would have to hold what is no number."""
    wrong = [str(schema.labels[i]) for i in schema.others]
    if not wrong or kind != "default" or not passes:
        return
    types = ", ".join(sorted({str(schema.types[i].kind) for i in schema.others}))
    raise ColumnError(
        f"Columns {wrong[:10]!r} are not numeric ({types}) and not among "
        "categorical_features; an array of numbers cannot hold them. Add them there, "
        'let them pass through a frame with set_output(transform="pandas"), or leave '
        'them out with remainder="drop".'
    )


def is_polars(X: Any) -> bool:
    """Whether X is a polars frame."""
    return type(X).__module__.split(".")[0] == "polars"
