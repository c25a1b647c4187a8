"""Sums at knots -> curves: Gaussian processes along a line, of all categories at once.

A Markov random field (Rue & Held 2005, "Gaussian Markov random fields", chapter 3),
whose equations are tridiagonal. SciPy solves one band matrix at a time; there is one
for each category, table and target, so that they are factored together, knot by knot.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

#: Where curves have their knots, in units of the scaled number; constant beyond.
KNOTS = np.linspace(-2.0, 2.0, 17)
#: The precision of a curve around that of all rows, in rows: of its height, and of its
#: steps from knot to knot. The likelihood chooses one of each.
HEIGHTS = (0.1, 1.0, 10.0, 100.0)
STEPS = (0.3, 1.0, 4.0, 16.0, 64.0)

_Arrays = list[NDArray[np.float64]]


def curves_of(
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
        Empty: all.
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
