"""Batches of a stream -> inputs, target, weight and fold, spooled."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Hashing
from sk_entity._fitting.sources import FileError, frames_of, take_column
from sk_entity._fitting.spool import OwnFile, Spool
from sk_entity._target.log import TargetLog

#: Sets the folds' chance apart from others of the same seed.
_OF_FOLDS = 0x70_6C_69_65


class StreamReader:
    """Splits batches into inputs, target, weight and fold, and spools them.

    Parameters
    ----------
    target : str
    sample_weight, groups : str or None
        Columns.
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
    place : str
        Where the batch at hand is from.
    """

    def __init__(
        self,
        target: str,
        sample_weight: str | None,
        groups: str | None,
        n_folds: int,
        seed: int,
        *,
        numbers: bool,
    ) -> None:
        self._names = (target, sample_weight, groups)
        self._n_folds, self._seed = n_folds, seed
        # Not the seed alone: whoever draws data from it would find folds in the data.
        self._generator = np.random.default_rng([seed, _OF_FOLDS])
        self._log = TargetLog(numbers)
        self._file = OwnFile()
        self.weight = 0.0
        self.place = "the source"

    def __enter__(self) -> "StreamReader":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._file.close()
        finally:  # again, if an interrupt came
            self._file.close()

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Say in errors from which batch they are."""
        try:
            yield
        except (ValueError, TypeError) as error:
            if isinstance(error, FileError):
                raise
            kind = type(error)
            if kind.__module__.split(".")[0] not in ("builtins", "sk_entity"):
                kind = ValueError
            raise kind(f"In {self.place}: {error}") from error

    def open(self, n_categorical: int, n_numeric: int) -> None:
        """Make the spool."""
        self.spool = Spool(self._file.open(), n_categorical, n_numeric)

    def batches(self, source: Any) -> Iterator[tuple[pd.DataFrame, Any]]:
        """Return the inputs and weights of each batch."""
        target, sample_weight, groups = self._names
        for frame, self.place in frames_of(source):
            self._target = self._log.encode(take_column(frame, target, "target"))
            self._fold = self._folds(frame, groups)
            weight = None
            if sample_weight is not None:
                weight = take_column(frame, sample_weight, "sample_weight")
            names = [name for name in self._names if name is not None]
            yield frame.drop(columns=names), weight

    def _folds(self, frame: pd.DataFrame, groups: str | None) -> NDArray[np.int64]:
        if not self._n_folds:
            return np.zeros(len(frame), dtype=np.int64)
        if groups is None:
            return self._generator.integers(self._n_folds, size=len(frame))
        # A group has the same fold in every batch.
        column = take_column(frame, groups, "groups")
        buckets = Hashing(self._n_folds, self._seed).buckets(column)
        return buckets.fillna(0).to_numpy(dtype=np.int64)

    def write(
        self,
        codes: NDArray[np.int32],
        numeric: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> None:
        """Spool the batch that was returned last."""
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
