"""A category and a number -> the target's curve in each category, out-of-fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._features.scaling import NumericScaler
from sk_entity._features.statistics import CellSums, Evidence

#: Where curves have their knots, in units of the scaled number; constant beyond.
KNOTS = np.linspace(-2.0, 2.0, 17)
#: The precision of a curve around that of all rows: of its height, and of its steps
#: from knot to knot over their width, in rows. The likelihood chooses one of each.
HEIGHTS = (0.1, 1.0, 10.0, 100.0)
STEPS = (0.3, 1.0, 4.0, 16.0, 64.0)

_Arrays = list[NDArray[np.float64]]
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
        tables = np.ldexp(_tables(by_table, n_outputs, precisions), exponent)
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
        tables = np.ldexp(_tables(sums[:, None], self.n_outputs), exponent)
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


def _tables(
    sums: NDArray[np.float64],
    n_outputs: int,
    precisions: Sequence[tuple[float, float]] = (),
) -> NDArray[np.float64]:
    """Return curves: (n_values, n_tables, n_cells) -> (n_tables, n_cells, n_outputs).

    Of a table without rows, those of the last table.
    """
    n_tables, n_cells = sums.shape[1:]
    shape = (4, n_outputs, n_tables, n_cells // len(KNOTS), len(KNOTS))
    square, y, beside, yy = np.ascontiguousarray(
        np.moveaxis(sums.reshape(shape), -1, 1)
    )
    # The curve of all rows first, around their mean; then each around that curve.
    count = (square + 2 * beside).sum(axis=(0, -1))
    rows = np.maximum(count, np.finfo(float).tiny)
    mean = (y.sum(axis=(0, -1)) / rows)[None, ..., None]
    level = np.repeat(mean, len(KNOTS), axis=0)
    squares, besides = (x.sum(axis=-1, keepdims=True) for x in (square, beside))
    of_all = y.sum(axis=-1, keepdims=True), yy.sum(axis=-1, keepdims=True)
    curve = level + _around(squares, besides, *of_all, level, count, precisions)
    values = curve + _around(square, beside, y, yy, curve, count, precisions)
    values = np.where(count[None, ..., None] > 0, values, 0.0)
    values = np.where(count[None, ..., None] > 0, values, values[:, :, -1:])
    return np.ascontiguousarray(
        values.transpose(2, 3, 0, 1).reshape(n_tables, n_cells, n_outputs)
    )


def _around(
    square: NDArray[np.float64],
    beside: NDArray[np.float64],
    y: NDArray[np.float64],
    yy: NDArray[np.float64],
    center: NDArray[np.float64],
    count: NDArray[np.float64],
    precisions: Sequence[tuple[float, float]],
) -> NDArray[np.float64]:
    """Return how curves differ from a given one, under the likeliest variances.

    Parameters
    ----------
    square, beside, y, yy : ndarray of shape (n_knots, n_outputs, n_tables, n_codes)
        Sums.
    center : ndarray of shape (n_knots, n_outputs, n_tables, 1)
    count : ndarray of shape (n_outputs, n_tables)
        Rows.
    precisions : list of (float, float)
        None: all.
    """
    apart = y - _times(square, beside, center)
    left = yy.sum(axis=(0, -1)) - (center * (y + apart)).sum(axis=(0, -1))
    best, found = np.full(y.shape[2], -np.inf), np.zeros_like(y)
    for precision in precisions or product(HEIGHTS, STEPS):
        factors = _factors(square, beside, precision)
        likelihood = _likelihood(factors, apart, left, count, precision)
        better = likelihood > best
        best[better] = likelihood[better]
        if better.any():
            found[:, :, better] = _solved(*factors, apart)[:, :, better]
    return found


def _times(
    square: NDArray[np.float64], beside: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Multiply by symmetric matrices with two diagonals, along the first axis."""
    found = square * x
    found[:-1] += beside[:-1] * x[1:]
    found[1:] += beside[:-1] * x[:-1]
    return found


def _prior(precision: tuple[float, float]) -> tuple[NDArray[np.float64], float]:
    """Return the diagonal of a curve's prior precision, and what stands beside it."""
    height, step = precision
    diagonal = np.full(len(KNOTS), height / len(KNOTS) + 2 * step)
    diagonal[[0, -1]] -= step
    return diagonal, -step


def _factors(
    square: NDArray[np.float64],
    beside: NDArray[np.float64],
    precision: tuple[float, float],
) -> tuple[_Arrays, _Arrays]:
    """Factor tridiagonal matrices: pivots, and the multipliers below them."""
    diagonal, other = _prior(precision)
    pivots, multipliers = [square[0] + diagonal[0]], _Arrays()
    for k in range(1, len(KNOTS)):
        above = beside[k - 1] + other
        multipliers.append(above / pivots[-1])
        pivots.append(square[k] + diagonal[k] - multipliers[-1] * above)
    return pivots, multipliers


def _forward(multipliers: _Arrays, target: NDArray[np.float64]) -> _Arrays:
    found = [target[0]]
    for multiplier, own in zip(multipliers, target[1:], strict=True):
        found.append(own - multiplier * found[-1])
    return found


def _solved(
    pivots: _Arrays, multipliers: _Arrays, target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve for curves, shape (n_knots, ...)."""
    found = [x / p for x, p in zip(_forward(multipliers, target), pivots, strict=True)]
    for k in range(len(found) - 2, -1, -1):
        found[k] = found[k] - multipliers[k] * found[k + 1]
    return np.stack(found)


def _likelihood(
    factors: tuple[_Arrays, _Arrays],
    apart: NDArray[np.float64],
    left: NDArray[np.float64],
    count: NDArray[np.float64],
    precision: tuple[float, float],
) -> NDArray[np.float64]:
    """Return how likely the targets of each table are, but for a constant.

    Parameters
    ----------
    factors : tuple
        As `_factors` gives them, each of shape (n_outputs, n_tables, n_codes).
    apart : ndarray of shape (n_knots, n_outputs, n_tables, n_codes)
        What the curve of all rows leaves of the target, summed at the knots.
    left : ndarray of shape (n_outputs, n_tables)
        The square of it.
    count : ndarray of shape (n_outputs, n_tables)
        Rows.
    precision : (float, float)
    """
    pivots, multipliers = factors
    explained, log_determinant = 0.0, 0.0
    for moved, pivot in zip(_forward(multipliers, apart), pivots, strict=True):
        explained = explained + (moved**2 / pivot).sum(axis=-1)
        log_determinant = log_determinant + np.log(pivot).sum(axis=-1)
    nothing = np.zeros((len(KNOTS), 1))
    own = np.log(np.concatenate(_factors(nothing, nothing, precision)[0])).sum()
    log_determinant = log_determinant - own * apart.shape[-1]
    errors = np.maximum(left - explained, np.finfo(float).tiny)
    likelihood = -(log_determinant + count * np.log(errors)).sum(axis=0)
    return np.asarray(likelihood)
