"""Whether the net's prediction, and curves, are worth their columns to a booster.

Where a booster finds by itself what such a column says, one that says most of it leaves
the others unread, and the booster ends up worse. Where the column knows more, of
combinations of many values above all, nothing replaces it. Trees on out-of-fold
features tell which it is.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._choices import Choice, yes_or_no
from sk_entity._features import Folds
from sk_entity._fitting.trees import Trees
from sk_entity._target import Objective

#: Rows of a trial, at most and at least: fewer would tell too little.
_MOST_ROWS, _LEAST_ROWS = 20_000, 2_000
#: Rows that teach trees, at most; it costs little to judge by more.
_MOST_TEACH = 6_000
#: Rows that teach and are not of the commonest class, at least: by a few, steep trees
#: are ten times as bad or as good by chance.
_LEAST_RARE = 100
#: Trees, few and steep: they tell as much as three times as many.
_N_TREES, _RATE = 20, 0.3
#: Levels of an input.
_N_BINS = 64
#: One in so many rows judges, at least.
_JUDGES = 4
#: Standard errors by which trees must be better with columns that are kept: those that
#: are there unless they cost, those that are the best of many, and what only numbers
#: can have taught.
COSTS_LITTLE, EARNS, CLEARLY = -3.0, 2.0, 4.0


def trial_rows(
    part: NDArray[np.int32], folds: Folds, weight: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return the rows of a trial, spread over all; none if there are too few.

    Parameters
    ----------
    part : ndarray of shape (n_rows,), int32
        Of each row, as ``folds`` has them.
    folds : Folds
    weight : ndarray of shape (n_rows,)
        Rows without weight, and those of which no table knows anything, are left out.
    """
    there = np.flatnonzero(folds.learned[folds.table_of(part)] & (weight > 0))
    if len(there) < _LEAST_ROWS or not folds.n_folds:
        return there[:0]
    spread = np.linspace(0, len(there) - 1, min(len(there), _MOST_ROWS))
    return there[spread.astype(np.intp)]


class Trial:
    """Trees that judge what columns are worth to trees that have all others.

    Parameters
    ----------
    objective : Objective
    values : ndarray of shape (n_rows,) or (n_rows, n_columns)
        The target.
    weight : ndarray of shape (n_rows,)
    inputs : ndarray of shape (n_rows, n_inputs)
        Out-of-fold features, and numbers.
    like : ndarray of shape (n_rows,), int
        Rows of one number either teach or judge: equal ones, or those of one group.
    in_time : bool
        Whether the last rows judge, and not random ones.
    seed : int
    """

    def __init__(
        self,
        objective: Objective,
        values: NDArray[np.float64],
        weight: NDArray[np.float64],
        inputs: NDArray[np.float64],
        like: NDArray[np.intp],
        *,
        in_time: bool,
        seed: int,
    ) -> None:
        target, shares = objective.statistics(values)
        classify = objective.classes is not None
        own = target[:, 0]
        if classify:
            own = values.reshape(len(values), -1)[:, 0].astype(np.intp)
        counts = weight / weight.mean()
        self._counts = counts if shares is None else counts * shares[:, 0]
        self._judges = _judging(len(own), like, in_time=in_time, seed=seed)
        earlier = np.flatnonzero(~self._judges)
        self._teach = earlier[:: -(-len(earlier) // _MOST_TEACH)]
        self._own, self._inputs = own, _binned(inputs, self._teach)
        self._trees = Trees(_N_TREES, _RATE, classify, seed)
        self._left = np.ones(inputs.shape[1], dtype=bool)
        self._whole: NDArray[np.float64] | None = None

    @property
    def says_something(self) -> bool:
        """Whether there are rows enough to learn from, and some to judge by."""
        taught = self._own[self._teach]
        if self._trees.classify:
            counts = np.bincount(taught, minlength=1)
            enough = counts.sum() - counts.max() >= _LEAST_RARE
        else:
            enough = len(np.unique(taught)) > 1
        return bool(self._judges.any() and enough)

    def try_without(self, columns: slice, what: str, least: float) -> Choice:
        """Find out whether trees are better with some columns.

        If they are not, these are left out of what follows.

        Parameters
        ----------
        columns : slice
        what : str
            What they are called.
        least : float
            By how many standard errors they must be.

        Returns
        -------
        choice : Choice
            Kept is "yes" or "no".
        """
        if self._whole is None:
            self._whole = self._losses(self._left)
        others = self._left.copy()
        others[columns] = False
        without = self._losses(others)
        rise, whole = without - self._whole, self._whole
        error = rise.std() / np.sqrt(len(rise))
        z = float(rise.mean() / max(error, np.finfo(float).tiny))
        worth = float(rise.mean() / max(whole.mean(), np.finfo(float).tiny))
        keeps = z >= least
        if not keeps:
            self._left, self._whole = others, without
        return Choice(what, what, worth, z, yes_or_no(keeps))

    def _losses(self, some: NDArray[np.bool_]) -> NDArray[np.float64]:
        judges, teach, inputs = self._judges, self._teach, self._inputs[:, some]
        (found,) = self._trees.losses(
            inputs[teach],
            self._own[teach],
            (inputs[judges], self._own[judges]),
            weight=self._counts[teach],
        )
        return np.asarray(found * self._counts[judges])


def _binned(
    inputs: NDArray[np.float64], teach: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the bin of each number, by quantiles of the rows that teach; NaN stays.

    Trees bin their inputs anyway, but each for itself, and slowly where rows have
    weights.
    """
    shares, found = np.linspace(0, 1, _N_BINS + 1)[1:-1], inputs.copy()
    for column in found.T:
        there = ~np.isnan(column)
        known = column[teach][there[teach]]
        if len(known):
            ends = np.unique(np.quantile(known, shares, method="lower"))
            column[there] = np.searchsorted(ends, column[there])
    return found


def alike(
    codes: NDArray[np.int32],
    numbers: NDArray[np.float64],
    group: NDArray[np.intp] | None,
) -> NDArray[np.intp]:
    """Return a number for each row: that of its group, or of all rows equal to it."""
    if group is not None:
        return group
    frame = pd.DataFrame(np.hstack([codes, numbers]))
    hashes = pd.util.hash_pandas_object(frame, index=False)
    return np.asarray(pd.factorize(hashes)[0], dtype=np.intp)


def _judging(
    n_rows: int, like: NDArray[np.intp], *, in_time: bool, seed: int
) -> NDArray[np.bool_]:
    if in_time:
        return np.arange(n_rows) >= n_rows - n_rows // _JUDGES
    n_alike = like.max() + 1
    drawn = np.random.default_rng(seed).permutation(n_alike) / n_alike
    teach = min(1 - 1 / _JUDGES, _MOST_TEACH / n_rows)
    return np.asarray((drawn >= teach)[like])
