"""Codes -> target statistics, out-of-fold: of a column, or of a cross of columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: A statistic counts the mean of all rows as this many rows of each category.
PRIOR_ROWS = 10.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """The training rows as statistics see them.

    Attributes
    ----------
    codes : ndarray of shape (n_rows, n_categorical), int32
    n_codes : sequence of int
        Number of codes of each categorical column.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or indicators of the classes.
    weight : ndarray of shape (n_rows,)
        Positive.
    fold : ndarray of shape (n_rows,), int
    n_folds : int
        0: one table, which sees all rows.
    """

    codes: NDArray[np.int32]
    n_codes: Sequence[int]
    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    fold: NDArray[Any]
    n_folds: int

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, index: NDArray[Any]) -> "Evidence":
        """Return the rows at ``index``."""
        return replace(
            self,
            codes=self.codes[index],
            target=self.target[index],
            weight=self.weight[index],
            fold=self.fold[index],
        )


@dataclass(frozen=True, eq=False)
class TargetStatistic:
    """Smoothed target means of the cells that one or more columns make.

    Like the embedding tables there is one table for each fold, which never sees the
    targets of that fold, and one for all rows. A cell that a table never saw has the
    mean of all rows that the table saw.

    Attributes
    ----------
    columns : tuple of int
        Positions of the columns among the categorical ones.
    n_codes : tuple of int
        Number of codes of each of these columns.
    cells : Index of shape (n_cells,)
        Keys of the cells that training held; cell i has row ``i + 1``.
    tables : ndarray of shape (n_tables, n_cells + 1, n_outputs), float64
        Row 0 stands for cells not seen in training.
    count : ndarray of shape (n_tables, n_cells + 1), float64
        Weight of the rows of each cell that each table saw.
    """

    columns: tuple[int, ...]
    n_codes: tuple[int, ...]
    cells: pd.Index
    tables: NDArray[np.float64]
    count: NDArray[np.float64]

    @classmethod
    def fit(cls, columns: Sequence[int], evidence: Evidence) -> "TargetStatistic":
        """Learn the statistic of the cells that some columns make.

        Parameters
        ----------
        columns : sequence of int
        evidence : Evidence
        """
        n_folds, weight = evidence.n_folds, evidence.weight
        sizes = tuple(evidence.n_codes[j] for j in columns)
        cell, cells = pd.factorize(_keys(evidence.codes, columns, sizes))
        n_cells, n_parts = len(cells) + 1, max(n_folds, 1)
        part = (cell + 1) * n_parts + evidence.fold

        def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
            """Sum by table and cell: all folds but the table's own, then all."""
            by_part = np.bincount(part, values, n_cells * n_parts).astype(np.float64)
            by_fold = by_part.reshape(n_cells, n_parts).T
            return _others(by_fold) if n_folds else by_fold

        count = sums(weight)
        total = np.stack([sums(weight * y) for y in evidence.target.T], axis=2)
        rows = np.maximum(count.sum(axis=1)[:, None, None], np.finfo(float).tiny)
        prior = total.sum(axis=1, keepdims=True) / rows
        tables = (total + PRIOR_ROWS * prior) / (count[:, :, None] + PRIOR_ROWS)
        return cls(tuple(columns), sizes, pd.Index(cells), tables, count)

    def final(self) -> "TargetStatistic":
        """Return the statistic with the table that saw all rows only."""
        return replace(self, tables=self.tables[-1:], count=self.count[-1:])

    def support(self) -> NDArray[np.float64]:
        """Logarithm of one plus the weight behind each cell, shaped as ``count``.

        A fold's table counts the other folds' rows, scaled up to all rows: a training
        row's support does not tell its own row apart.
        """
        rows = np.maximum(self.count.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        return np.asarray(np.log1p(self.count * (rows[-1] / rows)))

    def encode(self, codes: NDArray[np.int32]) -> NDArray[np.intp]:
        """Return the table row of each row's cell.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int32
            Unknown values have code 0; so has a cell that holds one.
        """
        keys = _keys(codes, self.columns, self.n_codes)
        return np.asarray(self.cells.get_indexer(pd.Index(keys)) + 1)

    def look_up(
        self, codes: NDArray[np.int32], table: int | NDArray[Any] = -1
    ) -> NDArray[np.float64]:
        """Return the statistics of rows, shape (n_rows, n_outputs).

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int32
        table : int or ndarray of shape (n_rows,), default=-1
            The table of each row; the last one saw all rows.
        """
        values: NDArray[np.float64] = self.tables[table, self.encode(codes)]
        return values


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """What stands beside one column's vectors: a statistic, support, or both.

    Attributes
    ----------
    tables : ndarray of shape (n_tables, n_codes, n_values), float32
        By code; the statistic's values first, then the support.
    """

    tables: NDArray[np.float32]

    @classmethod
    def fit(
        cls, column: int, evidence: Evidence, *, statistic: bool, support: bool
    ) -> "ColumnStatistics":
        """Learn them for one categorical column."""
        learnt = TargetStatistic.fit([column], evidence)
        parts = [learnt.tables] if statistic else []
        parts += [learnt.support()[:, :, None]] if support else []
        codes = np.zeros((evidence.n_codes[column], column + 1), dtype=np.int32)
        codes[:, column] = np.arange(len(codes))
        by_code = np.concatenate(parts, axis=2)[:, learnt.encode(codes)]
        return cls(by_code.astype(np.float32))

    def final(self) -> "ColumnStatistics":
        """Return the table that saw all rows only."""
        return ColumnStatistics(self.tables[-1:])


def target_columns(
    target: NDArray[np.float64] | NDArray[np.int64], n_classes: int | None
) -> NDArray[np.float64]:
    """Return the target as columns of which means make sense.

    Parameters
    ----------
    target : ndarray of shape (n_rows,)
        Values, or positions among the classes.
    n_classes : int or None
        None for regression.

    Returns
    -------
    columns : ndarray of shape (n_rows, n_outputs), float64
        The values; the indicator of the second of two classes; or an indicator a class.

    Examples
    --------
    >>> import numpy as np
    >>> target_columns(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if n_classes is None or n_classes <= 2:
        return np.asarray(target, dtype=np.float64)[:, None]
    return np.asarray(target[:, None] == np.arange(n_classes), dtype=np.float64)


def _keys(
    codes: NDArray[np.int32], columns: Sequence[int], sizes: Sequence[int]
) -> NDArray[np.int64]:
    """Return one integer for each combination of codes."""
    keys = np.zeros(len(codes), dtype=np.int64)
    for j, size in zip(columns, sizes, strict=True):
        keys *= size
        keys += codes[:, j]
    return keys


def _others(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of all parts but each one, then of all: (n + 1, ...) from (n, ...).

    Not the sum of all less the part: rounding would leave a trace of it.
    """
    nothing = np.zeros_like(parts[:1])
    before = np.concatenate([nothing, parts.cumsum(axis=0)])
    after = np.concatenate([parts[:0:-1].cumsum(axis=0)[::-1], nothing])
    return np.concatenate([before[:-1] + after, before[-1:]])
