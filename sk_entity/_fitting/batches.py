"""Batches of a stream -> inputs, target, weight and fold, spooled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Hashing
from sk_entity._fitting.sources import take_column
from sk_entity._fitting.spool import OwnFile, Spool
from sk_entity._target.log import TargetLog

#: Sets the folds' chance apart from others of the same seed.
_OF_FOLDS = 0x70_6C_69_65


@dataclass(frozen=True)
class Columns:
    """The columns of a stream that are no inputs, by name."""

    target: str
    sample_weight: str | None
    groups: str | None

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return all other columns of a batch."""
        names = (self.target, self.sample_weight, self.groups)
        return frame.drop(columns=[name for name in names if name is not None])


class DrawnFolds:
    """The folds of rows that come a batch at a time: the same when they come again.

    Parameters
    ----------
    groups : str or None
        A column; a group has the same fold in every batch.
    n_folds : int
        0: no folds.
    seed : int
    """

    def __init__(self, groups: str | None, n_folds: int, seed: int) -> None:
        self._groups, self._n_folds, self._seed = groups, n_folds, seed
        # Not the seed alone: whoever draws data from it would find folds in the data.
        self._generator = np.random.default_rng([seed, _OF_FOLDS])

    def of(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Return the fold of each row of the next batch."""
        if not self._n_folds:
            return np.zeros(len(frame), dtype=np.int64)
        if self._groups is None:
            return self._generator.integers(self._n_folds, size=len(frame))
        column = take_column(frame, self._groups, "groups")
        buckets = Hashing(self._n_folds, self._seed).buckets(column)
        return buckets.fillna(0).to_numpy(dtype=np.int64)


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Say in errors from which batch they are."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = type(error)
        if kind.__module__.split(".")[0] not in ("builtins", "sk_entity"):
            kind = ValueError
        raise kind(f"In {place}: {error}") from error


class StreamReader:
    """Splits batches into inputs, target, weight and fold, and spools them.

    Parameters
    ----------
    columns : Columns
    n_folds : int
        0: no folds.
    seed : int
        Draws the folds.
    numbers : bool
        Whether the loss is one of numbers.

    Attributes
    ----------
    spool : Spool
    weight : float
        Of all rows.
    """

    def __init__(
        self, columns: Columns, n_folds: int, seed: int, *, numbers: bool
    ) -> None:
        self._columns = columns
        self._folds = DrawnFolds(columns.groups, n_folds, seed)
        self._log = TargetLog(numbers)
        self._file = OwnFile()
        self.weight = 0.0

    def __enter__(self) -> "StreamReader":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._file.close()
        finally:  # again, if an interrupt came
            self._file.close()

    def open(self, n_categorical: int, n_numeric: int) -> None:
        """Make the spool."""
        self.spool = Spool(self._file.open(), n_categorical, n_numeric)

    def take(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
        """Return the inputs and weights of a batch, and keep its target and folds."""
        columns = self._columns
        self._target = self._log.encode(take_column(frame, columns.target, "target"))
        self._fold = self._folds.of(frame)
        weight = None
        if columns.sample_weight is not None:
            weight = take_column(frame, columns.sample_weight, "sample_weight")
        return columns.inputs(frame), weight

    def write(
        self,
        codes: NDArray[np.int32],
        numeric: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> None:
        """Spool the batch that was taken last."""
        self.weight += float(weight.sum())
        self.spool.append(
            codes=codes,
            numeric=numeric,
            target=self._target,
            weight=weight,
            fold=self._fold,
        )

    def finish(
        self, numbers: list[NDArray[np.int32]]
    ) -> tuple[str, NDArray[Any] | None, NDArray[np.float64]]:
        """Give codes and classes anew; return what is known of the target.

        Its kind, its classes, and its smallest and largest number.
        """
        kind, classes, of = self._log.finish()
        self.spool.recode(numbers, of)
        return kind, classes, self._log.extremes
