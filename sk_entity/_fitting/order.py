"""Whether rows depend on their order: what early rows say of later ones.

Neighbours are alike where rows stand in the order of time, or those of one customer
stand together. Random folds then hold out rows whose neighbours they keep, which later
rows will not have: training features are better than those of new rows ever are, and a
model leans on them too much. Splits of time do not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._choices import Choice
from sk_entity._fitting.folds import AUTO_FOLDS
from sk_entity._fitting.trees import Trees
from sk_entity._warnings import warn
from sk_entity.exceptions import OrderedRowsWarning

#: Rows that a trial reads, at most and at least: fewer would tell too little.
_MOST_ROWS, _LEAST_ROWS = 30_000, 6_000
#: Rows whose neighbours are looked at, at most.
_MOST_NEIGHBOURS = 500_000
#: Trees of a trial, and their learning rate.
_N_TREES, _RATE = 60, 0.1
#: The last rows, and the share of those before that are held out at random.
_LATE, _RANDOM = 0.2, 0.2
#: Standard errors by which neighbours are alike, and late rows are harder.
_CLEAR = 4.0
#: How much harder they are, relative to rows held out at random.
_HARDER = 1.1
#: Blocks of rows, how much of the target's variance they explain at most, and how many
#: late rows may have a category that no earlier row has: more, and rows are sorted by
#: the target or by a category, of which splits of time would learn nothing.
_BLOCKS, _MOST_DRIFT, _MOST_NEW = 6, 0.1, 0.25
#: What is said of rows that depend on their order.
_ADVICE = (
    "If rows stand in the order of time and you will predict later ones, pass "
    "cv=TimeSeriesSplit(5); if rows of one customer or place stand together, pass "
    "groups; if rows to be predicted are drawn from among these, pass cv=5; if the "
    "order means nothing, shuffle the rows."
)


@dataclass(frozen=True)
class Order:
    """What was found of the order of rows.

    Attributes
    ----------
    alike : float
        By how many standard errors the targets of neighbours are correlated; NaN of few
        rows.
    random, late : float
        Mean loss on rows held out at random, and on the last ones; NaN if it was not
        tried.
    z : float
        By how many standard errors late rows are harder; NaN likewise.
    drift : float
        The share of the target's variance that is between blocks of the order.
    new : float
        The share of late rows that have a category of no earlier row, of the column
        where that is largest.
    """

    alike: float = np.nan
    random: float = np.nan
    late: float = np.nan
    z: float = np.nan
    drift: float = np.nan
    new: float = np.nan

    @property
    def matters(self) -> bool:
        """Whether late rows are clearly harder than rows held out at random."""
        return self.z > _CLEAR and self.late > _HARDER * self.random

    @property
    def can_split(self) -> bool:
        """Whether earlier rows are of the same kind, so that they can teach."""
        return self.drift < _MOST_DRIFT and self.new < _MOST_NEW

    def choices(self, *, split: bool) -> list[Choice]:
        """Return what became of the folds, if it was tried.

        Parameters
        ----------
        split : bool
            Whether splits of time are taken.
        """
        if np.isnan(self.z):
            return []
        kept = f"TimeSeriesSplit({AUTO_FOLDS})" if split else "random folds"
        harder = self.late / max(self.random, np.finfo(float).tiny) - 1
        return [Choice("folds", "order of rows", harder, self.z, kept)]

    def tell(self, *, split: bool) -> None:
        """Warn if the order matters.

        Parameters
        ----------
        split : bool
            Whether splits of time are taken for it.
        """
        if not self.matters:
            return
        taken = (
            f"TimeSeriesSplit({AUTO_FOLDS}) therefore makes training features from "
            "earlier rows alone."
            if split
            else "Random folds make training features better than those of new rows "
            "will be."
        )
        warn(
            f"Rows depend on their order: trees that learned from earlier rows have a "
            f"loss {self.late / self.random - 1:.0%} higher on the last rows than on "
            f"earlier rows held out at random. {taken} {_ADVICE}",
            OrderedRowsWarning,
        )


def find_order(
    target: NDArray[np.float64],
    classes: NDArray[np.intp] | None,
    codes: NDArray[np.int32],
    numbers: NDArray[np.float64],
    counts: NDArray[np.bool_],
    seed: int,
) -> Order:
    """Find out whether rows depend on their order.

    Parameters
    ----------
    target : ndarray of shape (n_rows, n_outputs)
        As `Objective.statistics` gives it.
    classes : ndarray of shape (n_rows,), int, or None
        The class of each row; None for numbers, of which there is one a row.
    codes : ndarray of shape (n_rows, n_categorical), int32
    numbers : ndarray of shape (n_rows, n_numeric)
    counts : ndarray of shape (n_rows,), bool
        The others are as if they were not there.
    seed : int

    Returns
    -------
    order : Order
        Trees are grown only if neighbours are alike, as they are not in rows that have
        been shuffled.
    """
    there = np.flatnonzero(counts)
    if len(there) < _LEAST_ROWS:
        return Order()
    spread = np.linspace(0, len(there) - 1, min(len(there), _MOST_ROWS))
    first, rows = there[:_MOST_NEIGHBOURS], there[spread.astype(np.intp)]
    alike = _neighbours(target[first], np.zeros(len(first), np.int32))
    for column in codes[rows].T:
        alike = max(alike, _neighbours(target[rows], column))
    if not alike > _CLEAR:
        return Order(alike)
    inputs = np.hstack([codes[rows], numbers[rows]])
    own: Any = target[rows, 0] if classes is None else classes[rows]
    early, random, late = _parts(inputs, np.random.default_rng(seed))
    one_class = classes is not None and len(np.unique(own[early])) < 2
    if not len(random) or not len(late) or one_class:
        return Order(alike)  # nothing can be learned, or judged
    trees = Trees(_N_TREES, _RATE, classes is not None, seed)
    judges = ((inputs[judge], own[judge]) for judge in (random, late))
    at_random, later = trees.losses(inputs[early], own[early], *judges)
    error = np.sqrt(at_random.var() / len(random) + later.var() / len(late))
    harder = later.mean() - at_random.mean()
    z = float(harder / max(error, np.finfo(float).tiny))
    return Order(
        alike,
        float(at_random.mean()),
        float(later.mean()),
        z,
        _drift(target[there]),
        max((_new(column) for column in codes[there].T), default=0.0),
    )


def _drift(target: NDArray[np.float64]) -> float:
    """Return the share of the target's variance that is between blocks of rows."""
    parts = np.array_split(target - target.mean(axis=0), _BLOCKS)
    between = sum(len(part) * part.mean(axis=0) ** 2 for part in parts)
    total = sum((part**2).sum(axis=0) for part in parts)
    return float((between / np.maximum(total, np.finfo(float).tiny)).max())


def _new(code: NDArray[np.int32]) -> float:
    """Return the share of late rows with a category that no earlier row has."""
    n_early = int(len(code) * (1 - _LATE))
    known = np.zeros(code.max(initial=0) + 1, dtype=bool)
    known[code[:n_early]] = True
    return float(1 - known[code[n_early:]].mean())


def _neighbours(target: NDArray[np.float64], code: NDArray[np.int32]) -> float:
    """Return how clearly each row is like the next one of its category.

    The correlation of the targets, less their mean in the category, in standard errors
    of rows in random order.
    """
    order = np.argsort(code, kind="stable")
    own, target = code[order], target[order]
    starts = np.append(True, own[1:] != own[:-1])
    category = np.cumsum(starts) - 1
    means = np.add.reduceat(target, np.flatnonzero(starts), axis=0)
    means /= np.bincount(category)[:, None]
    apart = target - means[category]
    pair = ~starts[1:]
    together = (apart[1:] * apart[:-1])[pair].sum()
    total = (apart**2).sum()
    if total <= 1e-12 * (target**2).sum():
        return 0.0  # rounding is all that is left
    return float(together / total * len(target) / np.sqrt(max(pair.sum(), 1)))


def _parts(
    inputs: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return early rows, early rows held out at random, and late ones.

    Rows that are held out equal none of those that teach.
    """
    n_early = int(len(inputs) * (1 - _LATE))
    order, n_random = rng.permutation(n_early), int(n_early * _RANDOM)
    early, random = np.sort(order[n_random:]), np.sort(order[:n_random])
    late = np.arange(n_early, len(inputs))
    key = pd.util.hash_pandas_object(pd.DataFrame(inputs), index=False).to_numpy()
    unseen = ~np.isin(key, key[early])
    return early, random[unseen[random]], late[unseen[late]]
