"""Codes -> target statistics, out-of-fold: of a column, or of a cross of columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import UNKNOWN

#: A statistic counts the mean of all rows as this many rows of each category.
PRIOR_ROWS = 10.0


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
    cells : ndarray of shape (n_cells,), int64
        Sorted keys of the cells that training held; cell i has row ``i + 1``.
    tables : ndarray of shape (n_tables, n_cells + 1, n_outputs), float64
        Row 0 stands for cells not seen in training.
    support : ndarray of shape (n_tables, n_cells + 1), float64
        Logarithm of one plus the weight of each cell. A fold's table counts the other
        folds' rows, scaled up to all rows: a training row's support does not tell
        its own row apart.
    """

    columns: tuple[int, ...]
    n_codes: tuple[int, ...]
    cells: NDArray[np.int64]
    tables: NDArray[np.float64]
    support: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        columns: Sequence[int],
        codes: NDArray[np.int64],
        n_codes: Sequence[int],
        target: NDArray[np.float64],
        weight: NDArray[np.float64],
        fold: NDArray[np.int64],
        n_folds: int,
    ) -> "TargetStatistic":
        """Learn the statistic.

        Parameters
        ----------
        columns : sequence of int
            The columns whose values make a cell.
        codes : ndarray of shape (n_rows, n_categorical), int64
        n_codes : sequence of int
            Number of codes of each categorical column.
        target : ndarray of shape (n_rows, n_outputs)
            Values, or indicators of the classes.
        weight : ndarray of shape (n_rows,)
        fold : ndarray of shape (n_rows,), int64
        n_folds : int
            0: one table, which sees all rows.
        """
        sizes = tuple(n_codes[j] for j in columns)
        keys = _keys(codes[:, list(columns)], sizes)
        cells, cell = np.unique(keys[weight > 0], return_inverse=True)
        n_cells, n_parts = len(cells) + 1, max(n_folds, 1)
        part = (cell + 1) * n_parts + fold[weight > 0]

        def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
            """Sum by table and cell: all folds but the table's own, then all."""
            by_fold = np.bincount(part, values[weight > 0], n_cells * n_parts)
            by_fold = by_fold.reshape(n_cells, n_parts).T
            total = by_fold.sum(axis=0, keepdims=True)
            return np.concatenate([total - by_fold, total]) if n_folds else total

        count = sums(weight)[:, :, None]
        total = np.stack([sums(weight * column) for column in target.T], axis=2)
        rows = np.maximum(count.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        prior = total.sum(axis=1, keepdims=True) / rows
        tables = (total + PRIOR_ROWS * prior) / (count + PRIOR_ROWS)
        support = np.log1p(count * (rows[-1:] / rows))[:, :, 0]
        return cls(tuple(columns), sizes, cells, tables, support)

    def final(self) -> "TargetStatistic":
        """Return the statistic with the table that saw all rows only."""
        return replace(self, tables=self.tables[-1:], support=self.support[-1:])

    def encode(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the table row of each row's cell.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int64
            Unknown values have code 0; so has a cell that holds one.
        """
        keys = _keys(codes[:, list(self.columns)], self.n_codes)
        if not len(self.cells):
            return np.full(len(codes), UNKNOWN, dtype=np.int64)
        place = np.searchsorted(self.cells, keys).clip(max=len(self.cells) - 1)
        return np.where(self.cells[place] == keys, place + 1, UNKNOWN)

    def look_up(
        self, codes: NDArray[np.int64], table: int | NDArray[np.int64] = -1
    ) -> NDArray[np.float64]:
        """Return the statistics of rows, shape (n_rows, n_outputs).

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int64
        table : int or ndarray of shape (n_rows,), default=-1
            The table of each row; the last one saw all rows.
        """
        values: NDArray[np.float64] = self.tables[table, self.encode(codes)]
        return values

    def look_up_support(
        self, codes: NDArray[np.int64], table: int | NDArray[np.int64] = -1
    ) -> NDArray[np.float64]:
        """Return the support of rows, shape (n_rows, 1); arguments of `look_up`."""
        values: NDArray[np.float64] = self.support[table, self.encode(codes)]
        return values[:, None]


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


def _keys(codes: NDArray[np.int64], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return one integer for each combination of codes."""
    keys = np.zeros(len(codes), dtype=np.int64)
    for column, size in zip(codes.T, sizes, strict=True):
        keys = keys * size + column
    return keys
