"""A category and a number -> the target's curve in each category, out-of-fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._features.scaling import NumericScaler
from sk_entity._features.smoothing import KNOTS, curves_of
from sk_entity._features.statistics import CellSums, Evidence

#: Between two knots.
_STEP = float(KNOTS[1] - KNOTS[0])


@dataclass(frozen=True, eq=False)
class TargetCurve:
    """The mean of the target as a curve over a number, for each category of a column.

    Curves are linear between knots. Each is a Gaussian process around the curve of all
    rows, of two variances that have the highest likelihood of a few: mixed-model
    smoothing (Ruppert, Wand & Carroll 2003, "Semiparametric regression", chapter 9) by
    a Markov random field (Rue & Held 2005), whose equations are tridiagonal. Like the
    embedding tables there is one table for each fold, which never sees the targets of
    that fold, not in the variances either, and one for all rows.

    Attributes
    ----------
    columns : tuple of (int, int)
        Positions of the category and of the number; numbers count after all categories.
    number : int
        Position of the number among the numeric columns.
    scaler : NumericScaler
        Of this number.
    tables : ndarray of shape (n_tables, n_codes * n_knots, n_outputs), float64
        Values at the knots, code by code; the unknown value, code 0, has the curve of
        all rows if none of them holds it.
    sums : ndarray of shape (4 * n_outputs, n_codes * n_knots), float64
        Of all rows, at knots: how much they count squared, the target, how much they
        count at this knot and the next, the target squared.
    exponent : int
        Targets in the sums are in units of two to this power: their squares do not
        overflow.
    """

    columns: tuple[int, int]
    number: int
    scaler: NumericScaler
    tables: NDArray[np.float64]
    sums: NDArray[np.float64]
    exponent: int

    @classmethod
    def fit(
        cls,
        columns: Sequence[int],
        evidence: Evidence,
        precisions: Sequence[tuple[float, float]] = (),
    ) -> "TargetCurve":
        """Learn the curves of a category and a number.

        Parameters
        ----------
        columns : (int, int)
        evidence : Evidence
        precisions : list of (float, float)
            Of heights and steps, those that are tried; none: all.
        """
        category, number = columns[0], columns[1] - len(evidence.n_codes)
        scaler = evidence.scaler.of(number)
        knot, share = _between(scaler, evidence.numeric[:, number])
        exponent = int(np.frexp(np.abs(evidence.target).max(initial=0.0))[1])
        y = np.ldexp(evidence.target, -exponent)
        cell = evidence.codes[:, category].astype(np.int64) * len(KNOTS) + knot
        n_cells, n_outputs = evidence.n_codes[category] * len(KNOTS), y.shape[1]
        # A row says something of the knots on either side.
        left, right = 1.0 - share[:, None], share[:, None]
        one = np.ones_like(y)
        sums = _sums(
            evidence, n_cells, cell, one * left**2, left * y, one * left * right, y**2
        )
        for mine, other in zip(
            sums,
            _sums(evidence, n_cells, cell + 1, one * right**2, right * y),
            strict=True,
        ):
            mine[: 2 * n_outputs] += other
        by_table, total = sums
        tables = np.ldexp(curves_of(by_table, n_outputs, precisions), exponent)
        return cls((category, columns[1]), number, scaler, tables, total, exponent)

    @property
    def n_outputs(self) -> int:
        """Columns of the statistic."""
        return int(self.tables.shape[2])

    def final(self) -> "TargetCurve":
        """Return the statistic with the table that saw all rows only."""
        return replace(self, tables=self.tables[-1:])

    def merged(self, other: "TargetCurve") -> "TargetCurve":
        """Return the statistic of the rows of both, of all rows only.

        ``other`` may know more codes, not fewer.
        """
        exponent = max(self.exponent, other.exponent)
        sums = other._in_units(exponent)
        sums[:, : self.sums.shape[1]] += self._in_units(exponent)
        tables = np.ldexp(curves_of(sums[:, None], self.n_outputs), exponent)
        return replace(other, tables=tables, sums=sums, exponent=exponent)

    def _in_units(self, exponent: int) -> NDArray[np.float64]:
        """Return the sums with targets in other units."""
        powers = np.repeat([0, 1, 0, 2], self.n_outputs)[:, None]
        return np.asarray(np.ldexp(self.sums, powers * (self.exponent - exponent)))

    def trimmed(self, most: int) -> "TargetCurve":
        """Return itself: there are not more curves than vectors."""
        return self

    def of_row(
        self, codes: Sequence[int], numbers: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return the statistic of one new row, shape (n_outputs,)."""
        code = np.array([codes[self.columns[0]]])
        value: NDArray[np.float64] = self._on(code, -1, [numbers[self.number]])[0]
        return value

    def look_up(
        self,
        codes: NDArray[np.int32],
        table: int | NDArray[Any],
        numeric: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the statistics of rows, shape (n_rows, n_outputs).

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_categorical), int32
        table : int or ndarray of shape (n_rows,)
            The table of each row; the last one saw all rows.
        numeric : ndarray of shape (n_rows, n_numeric)
        """
        return self._on(codes[:, self.columns[0]], table, numeric[:, self.number])

    def of_all(
        self, table: int | NDArray[Any], numeric: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what a row of an unknown category has, shape (n_rows, n_outputs)."""
        unknown = np.zeros(len(numeric), dtype=np.int64)
        return self._on(unknown, table, numeric[:, self.number])

    def _on(
        self,
        code: NDArray[Any],
        table: int | NDArray[Any],
        numbers: NDArray[np.float64] | list[float],
    ) -> NDArray[np.float64]:
        knot, share = _between(self.scaler, np.asarray(numbers))
        cell, share = code.astype(np.int64) * len(KNOTS) + knot, share[:, None]
        left, right = self.tables[table, cell], self.tables[table, cell + 1]
        return np.asarray(left * (1.0 - share) + right * share)


def scores_of_curves(
    evidence: Evidence,
    residual: NDArray[np.float64],
    candidates: Sequence[tuple[int, int]],
) -> NDArray[np.float64]:
    """Return how much residuals of a category agree where a number is alike.

    The score test of a variance component (Lin 1997, "Variance component testing in
    generalised linear models with random effects"), of curves over the number: at a
    fraction of what the curves themselves cost.

    Parameters
    ----------
    evidence : Evidence
    residual : ndarray of shape (n_rows, n_outputs)
        What is not explained of the target, out-of-fold.
    candidates : list of (int, int)
        Categories and numbers, as `TargetCurve` has them.

    Returns
    -------
    scores : ndarray of shape (n_candidates,)
        About standard normal where there is nothing.
    """
    n_numbers = evidence.numeric.shape[1]
    knots = [
        np.rint(_place(evidence.scaler.of(i), evidence.numeric[:, i])).astype(np.int64)
        for i in range(n_numbers)
    ]
    found = np.empty(len(candidates))
    weighted = residual * evidence.weight[:, None]
    for i, (category, number) in enumerate(candidates):
        code = evidence.codes[:, category].astype(np.int64)
        knot = knots[number - len(evidence.n_codes)]
        cell = code * len(KNOTS) + knot
        n, n_codes = np.bincount(code), evidence.n_codes[category]
        alike = np.bincount(cell, minlength=n_codes * len(KNOTS))
        # Pairs of rows of a category, and those of them that are alike.
        pairs = np.maximum(n * (n - 1.0), 1.0)
        alike = (alike * (alike - 1.0)).reshape(n_codes, -1).sum(axis=1)[: len(n)]
        more, spread = 0.0, 0.0
        for r in weighted.T:
            own = r - _means(knot, r)[knot]
            own = own - _means(code, own)[code]
            squares = np.bincount(code, own**2)
            agree = (np.bincount(cell, own) ** 2).sum() - squares.sum()
            # Around their mean, two residuals of a category differ in sign by chance.
            more += agree + (squares / pairs * alike).sum()
            spread += 2 * (alike * (squares / np.maximum(n, 1)) ** 2).sum()
        found[i] = more / np.sqrt(max(spread, np.finfo(float).tiny))
    return found


def _means(place: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[Any]:
    return np.bincount(place, values) / np.maximum(np.bincount(place), 1)


def _place(scaler: NumericScaler, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where numbers are among the knots, from 0 to the last."""
    z = scaler.scaled(numbers[:, None])[:, 0]
    return np.asarray((np.clip(z, KNOTS[0], KNOTS[-1]) - KNOTS[0]) / _STEP)


def _between(
    scaler: NumericScaler, numbers: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the knot to the left of each number, and how far it is to the next."""
    place = _place(scaler, numbers)
    knot = np.minimum(place.astype(np.int64), len(KNOTS) - 2)
    return knot, place - knot


def _sums(
    evidence: Evidence,
    n_cells: int,
    cell: NDArray[np.int64],
    *values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sums of values of each target, by table, and of all rows.

    Parameters
    ----------
    evidence : Evidence
    n_cells : int
    cell : ndarray of shape (n_rows,), int64
    *values : ndarray of shape (n_rows, n_outputs)
    """
    shares = evidence.shares
    given = replace(
        evidence,
        target=np.hstack(values),
        shares=None if shares is None else np.tile(shares, len(values)),
    )
    sums = CellSums(n_cells, given)
    sums.add(slice(None), cell)
    some = slice(1, 1 + given.target.shape[1])  # beside the weight, and what has shares
    return sums.by_table()[some], sums.total()[some]
