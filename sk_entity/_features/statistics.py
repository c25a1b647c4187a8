"""Codes -> target statistics, out-of-fold: of a table, or of a cross of columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Layout
from sk_entity._columns import hashed, place_of
from sk_entity._features.folds import Folds
from sk_entity._features.scaling import NumericScaler

#: A statistic counts the mean of all rows as this many rows of each category.
PRIOR_ROWS = 10.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """The training rows as statistics see them.

    Attributes
    ----------
    layout : Layout
    numbers : ndarray of shape (n_rows, n_categorical), int32
        The cells, as the layout knows them.
    codes : ndarray of shape (n_rows, n_categorical), int32
        The codes of whole cells, as crosses see them.
    numeric : ndarray of shape (n_rows, n_numeric)
        The numeric columns, NaN where missing.
    scaler : NumericScaler
        Of these.
    n_codes : sequence of int
        Number of these codes of each categorical column.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or indicators of the classes.
    shares : ndarray of shape (n_rows, n_outputs) or None
        What each target of a row counts, beside the row's weight; None: one.
    weight : ndarray of shape (n_rows,)
        Positive.
    fold : ndarray of shape (n_rows,), int
        The part of each row, as `folds` has them.
    folds : Folds
    group : ndarray of shape (n_rows,), int, or None
        Number of the group of each row; None: each row is one.
    """

    layout: Layout
    numbers: NDArray[np.int32]
    codes: NDArray[np.int32]
    numeric: NDArray[np.float64]
    scaler: NumericScaler
    n_codes: Sequence[int]
    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    fold: NDArray[Any]
    folds: Folds
    shares: NDArray[np.float64] | None = None
    group: NDArray[np.intp] | None = None

    @property
    def n_effective(self) -> float:
        """How many independent rows of equal weight these rows are worth.

        The effective sample size of L. Kish (1965), "Survey Sampling"; rows of one
        group are one row of their summed weight.
        """
        size: NDArray[Any] = self.weight
        if self.group is not None:
            size = np.bincount(self.group, self.weight)
        size = of_unit_size(size)
        return float(size.sum() ** 2 / (size**2).sum())

    @property
    def table(self) -> NDArray[Any]:
        """The table that each row reads."""
        return self.folds.table_of(self.fold)

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, index: NDArray[Any]) -> "Evidence":
        """Return the rows at ``index``."""
        return replace(
            self,
            numbers=self.numbers[index],
            codes=self.codes[index],
            numeric=self.numeric[index],
            target=self.target[index],
            weight=self.weight[index],
            fold=self.fold[index],
            shares=None if self.shares is None else self.shares[index],
            group=None if self.group is None else self.group[index],
        )


def of_unit_size(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values over a power of two, the largest about 1: squares do not overflow.

    To the last bit what they were, but for the unit.
    """
    exponent = np.frexp(np.abs(values).max())[1] if len(values) else 0
    return np.asarray(np.ldexp(values, -exponent))


@dataclass(frozen=True, eq=False)
class TargetStatistic:
    """Smoothed target means of the cells that one or more columns make.

    Like the embedding tables there is one table for each fold, which never sees the
    targets of that fold, and one for all rows. A cell that a table never saw has the
    mean of all rows that the table saw; a table that saw none, the mean of all rows.

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
    sums : ndarray of shape (n_values, n_cells + 1), float64
        Of all rows of each cell, as `CellSums` has them; first of cells that were given
        up.
    """

    columns: tuple[int, ...]
    n_codes: tuple[int, ...]
    cells: pd.Index
    tables: NDArray[np.float64]
    sums: NDArray[np.float64]

    @classmethod
    def fit(cls, columns: Sequence[int], evidence: Evidence) -> "TargetStatistic":
        """Learn the statistic of the cells that some columns make.

        Parameters
        ----------
        columns : sequence of int
        evidence : Evidence
        """
        sizes = tuple(evidence.n_codes[j] for j in columns)
        cell, cells = pd.factorize(_keys(evidence.codes, columns, sizes))
        sums = CellSums(len(cells) + 1, evidence)
        sums.add(slice(None), cell + 1)
        return cls(tuple(columns), sizes, pd.Index(cells), sums.means(), sums.total())

    @property
    def n_outputs(self) -> int:
        """Columns of the statistic."""
        return int(self.tables.shape[2])

    def final(self) -> "TargetStatistic":
        """Return the statistic with the table that saw all rows only."""
        return replace(self, tables=self.tables[-1:])

    def merged(self, other: "TargetStatistic") -> "TargetStatistic":
        """Return the statistic of the rows of both, of all rows only.

        ``other`` may know more codes of each column, not fewer.
        """
        keys = _rekeyed(self.cells.to_numpy(), self.n_codes, other.n_codes)
        cells = pd.Index(keys).append(other.cells).unique()
        sums = np.zeros((len(self.sums), len(cells) + 1))
        for known, given in ((pd.Index(keys), self.sums), (other.cells, other.sums)):
            sums[:, cells.get_indexer(known) + 1] += given[:, 1:]
            sums[:, 0] += given[:, 0]
        return replace(
            other,
            cells=cells,
            tables=_means(sums[:, None], self.tables.shape[2]),
            sums=sums,
        )

    def trimmed(self, most: int) -> "TargetStatistic":
        """Return the statistic of all rows with its ``most`` largest cells only.

        The others' rows together are what stands for an unknown cell.
        """
        if len(self.cells) <= most:
            return self
        size = self.sums[0, 1:]
        large = np.zeros(len(size), dtype=bool)
        large[np.argpartition(size, len(size) - most)[-most:]] = True
        kept = self.sums[:, np.append(True, large)]
        kept[:, 0] += self.sums[:, 1:][:, ~large].sum(axis=1)
        return replace(
            self,
            cells=self.cells[large],
            tables=_means(kept[:, None], self.tables.shape[2]),
            sums=kept,
        )

    def encode(self, codes: NDArray[np.int32]) -> NDArray[np.intp]:
        """Return the table row of each row's cell.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int32
            Unknown values have code 0; so has a cell that holds one.
        """
        keys = _keys(codes, self.columns, self.n_codes)
        return np.asarray(hashed(self.cells).get_indexer(pd.Index(keys)) + 1)

    def of_row(
        self, codes: Sequence[int], numbers: Sequence[float] = ()
    ) -> NDArray[np.float64]:
        """Return the statistic of one new row, shape (n_outputs,).

        As `look_up`, for a fraction of what it costs by itself.
        """
        key = 0
        for j, size in zip(self.columns, self.n_codes, strict=True):
            key = key * size + codes[j]
        values: NDArray[np.float64] = self.tables[-1, place_of(self.cells, key) + 1]
        return values

    def look_up(
        self,
        codes: NDArray[np.int32],
        table: int | NDArray[Any] = -1,
        numeric: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return the statistics of rows, shape (n_rows, n_outputs).

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int32
        table : int or ndarray of shape (n_rows,), default=-1
            The table of each row; the last one saw all rows.
        numeric : ndarray of shape (n_rows, n_numeric) or None, default=None
            Not read; curves do.
        """
        values: NDArray[np.float64] = self.tables[table, self.encode(codes)]
        return values


class CellSums:
    """Weight and target sums of cells, by table: of the rows that teach it.

    The values are the weight, the weighted sum of each target and, where targets have
    shares, what counts of each.

    Parameters
    ----------
    n_cells : int
    evidence : Evidence
    """

    def __init__(self, n_cells: int, evidence: Evidence) -> None:
        self._evidence = evidence
        folds = evidence.folds
        # Only where tables are all parts but one can they be made from parts.
        self._n_parts = max(folds.n_folds, 1) if folds.is_plain else folds.n_folds + 1
        self._n_outputs = evidence.target.shape[1]
        n_values = 1 + self._n_outputs * (1 if evidence.shares is None else 2)
        self._sums = np.zeros((n_values, n_cells * self._n_parts))

    def add(self, rows: NDArray[Any] | slice, cell: NDArray[Any]) -> None:
        """Add the rows behind some cells, an entry each."""
        fold, teaches = self._evidence.fold[rows], self._evidence.folds.teaches
        if teaches is None:
            part = cell.astype(np.int64) * self._n_parts + fold
            self._add(rows, part, self._sums)
            return
        by_table = self._sums.reshape(len(self._sums), -1, self._n_parts)
        rows = np.arange(len(self._evidence))[rows]
        for table, learns in enumerate(teaches.T):
            seen = learns[fold]
            self._add(rows[seen], cell[seen], by_table[:, :, table])

    def _add(
        self,
        rows: NDArray[Any] | slice,
        place: NDArray[Any],
        sums: NDArray[np.float64],
    ) -> None:
        """Add rows to places of some sums, shape (n_values, n_places)."""
        evidence, n_places = self._evidence, sums.shape[1]
        weight = evidence.weight[rows]
        sums[0] += np.bincount(place, weight, n_places)
        for k, target in enumerate(evidence.target[rows].T, start=1):
            own = weight
            if evidence.shares is not None:
                own = weight * evidence.shares[rows, k - 1]
                sums[self._n_outputs + k] += np.bincount(place, own, n_places)
            sums[k] += np.bincount(place, own * target, n_places)

    def _by_table(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        # Whole rows of each part: sums along them take a third of the time.
        by_part = np.ascontiguousarray(sums.reshape(-1, self._n_parts).T)
        folds = self._evidence.folds
        return _others(by_part) if folds.is_plain and folds.n_folds else by_part

    def total(self) -> NDArray[np.float64]:
        """Return the sums of all rows, shape (n_values, n_cells)."""
        by_part = self._sums.reshape(len(self._sums), -1, self._n_parts)
        if not self._evidence.folds.is_plain:
            return by_part[:, :, -1].copy()
        return np.asarray(by_part.sum(axis=2))

    def by_table(self) -> NDArray[np.float64]:
        """Return the sums that each table saw, shape (n_values, n_tables, n_cells)."""
        return np.stack([self._by_table(sums) for sums in self._sums])

    def means(self) -> NDArray[np.float64]:
        """Smoothed target means, shape (n_tables, n_cells, n_outputs)."""
        return _means(self.by_table(), self._n_outputs)

    def support(self) -> NDArray[np.float64]:
        """Log-counts, shape (n_tables, n_cells).

        A fold's table counts the rows that teach it, scaled up to all rows: a training
        row's support does not tell its own row apart.
        """
        count = self._by_table(self._sums[0])
        rows = count.sum(axis=1, keepdims=True)
        # Of a table that no row teaches, nothing is scaled.
        return np.asarray(np.log1p(count * (rows[-1] / np.where(rows, rows, 1.0))))


def _means(sums: NDArray[np.float64], n_outputs: int) -> NDArray[np.float64]:
    """Smoothed means: (n_values, n_tables, n_cells) -> (n_tables, n_cells, n_outputs).

    The prior is the mean of all cells, of a table without rows that of the last table.
    """
    total, seen = sums[1 : 1 + n_outputs], sums[1 + n_outputs :]
    count = seen if len(seen) else sums[:1]
    rows = count.sum(axis=2, keepdims=True)
    prior = total.sum(axis=2, keepdims=True) / np.maximum(rows, np.finfo(float).tiny)
    prior = np.where(rows > 0, prior, prior[:, -1:])
    means = (total + PRIOR_ROWS * prior) / (count + PRIOR_ROWS)
    return np.ascontiguousarray(np.moveaxis(means, 0, 2))


@dataclass(frozen=True, eq=False)
class TableStatistics:
    """What stands beside one table's vectors: a statistic, support, or both.

    Attributes
    ----------
    values : ndarray of shape (n_tables, n_codes, n_values), float32
        By code; the statistic's values first, then the support.
    sums : ndarray of shape (n_values, n_codes), float64
        Of all rows of each code, as `CellSums` has them.
    n_outputs : int
    statistic, support : bool
    """

    values: NDArray[np.float32]
    sums: NDArray[np.float64]
    n_outputs: int
    statistic: bool
    support: bool

    @classmethod
    def fit(
        cls, table: int, evidence: Evidence, *, statistic: bool, support: bool
    ) -> "TableStatistics":
        """Learn them from the columns of one table."""
        sums = CellSums(evidence.layout.n_codes[table], evidence)
        for rows, codes in evidence.layout.entries(table, evidence.numbers):
            sums.add(rows, codes)
        values = [sums.means()] if statistic else []
        values += [sums.support()[:, :, None]] if support else []
        both = np.concatenate(values, axis=2).astype(np.float32)
        n_outputs = evidence.target.shape[1]
        return cls(both, sums.total(), n_outputs, statistic, support)

    def final(self) -> "TableStatistics":
        """Return the table that saw all rows only."""
        return replace(self, values=self.values[-1:])

    def merged(self, other: "TableStatistics") -> "TableStatistics":
        """Return those of the rows of both; ``other`` may know more codes."""
        sums = other.sums.copy()
        sums[:, : self.sums.shape[1]] += self.sums
        values = [_means(sums[:, None], self.n_outputs)] if self.statistic else []
        values += [np.log1p(sums[0])[None, :, None]] if self.support else []
        both = np.concatenate(values, axis=2).astype(np.float32)
        return replace(other, values=both, sums=sums)

    def scaled(self, weight: float) -> "TableStatistics":
        """Return the support that rows of so much weight would have, of all rows."""
        if not self.support:
            return self
        values, rows = self.values.copy(), float(self.sums[0].sum())
        share = weight / rows if rows else 1.0
        values[-1, :, -1] = np.log1p(self.sums[0] * share)
        return replace(self, values=values)


def _keys(
    codes: NDArray[np.int32], columns: Sequence[int], sizes: Sequence[int]
) -> NDArray[np.int64]:
    """Return one integer for each combination of codes."""
    keys = np.zeros(len(codes), dtype=np.int64)
    for j, size in zip(columns, sizes, strict=True):
        keys *= size
        keys += codes[:, j]
    return keys


def _rekeyed(
    keys: NDArray[np.int64], old: Sequence[int], new: Sequence[int]
) -> NDArray[np.int64]:
    """Return the keys of the same combinations for other numbers of codes."""
    codes = np.unravel_index(keys, tuple(old))
    return np.asarray(np.ravel_multi_index(codes, tuple(new)), dtype=np.int64)


def _others(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of all parts but each one, then of all: (n + 1, ...) from (n, ...).

    Not the sum of all less the part: rounding would leave a trace of it.
    """
    nothing = np.zeros_like(parts[:1])
    before = np.concatenate([nothing, parts.cumsum(axis=0)])
    after = np.concatenate([parts[:0:-1].cumsum(axis=0)[::-1], nothing])
    return np.concatenate([before[:-1] + after, before[-1:]])
