"""Whether the net's prediction is worth a column to a booster.

Where a booster finds by itself what the net has found, a column that says most of it
leaves the others unread, and the booster ends up worse. Where the net knows more, of
combinations of many values above all, nothing replaces it. Trees on out-of-fold
features tell which it is.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._choices import Choice
from sk_entity._features import Folds
from sk_entity._fitting.trees import Trees
from sk_entity._target import Objective

#: Rows of a trial, at most and at least: fewer would tell too little.
_MOST_ROWS, _LEAST_ROWS = 10_000, 2_000
#: Trees, few and steep: they tell as much as three times as many.
_N_TREES, _RATE = 20, 0.3
#: One in so many rows judges.
_JUDGES = 4
#: Standard errors by which trees are better without the prediction.
_CLEAR = 1.5


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


def worth_of_prediction(
    objective: Objective,
    values: NDArray[np.float64],
    weight: NDArray[np.float64],
    inputs: NDArray[np.float64],
    prediction: slice,
    like: NDArray[np.intp],
    *,
    in_time: bool,
    seed: int,
) -> Choice | None:
    """Find out whether trees are better with the prediction.

    Parameters
    ----------
    objective : Objective
    values : ndarray of shape (n_rows,) or (n_rows, n_columns)
        The target.
    weight : ndarray of shape (n_rows,)
    inputs : ndarray of shape (n_rows, n_inputs)
        Out-of-fold features, and numbers.
    prediction : slice
        Those that are the prediction.
    like : ndarray of shape (n_rows,), int
        Rows of one number either teach or judge: equal ones, or those of one group.
    in_time : bool
        Whether the last rows judge, and not random ones.
    seed : int

    Returns
    -------
    choice : Choice or None
        Kept is "yes" or "no". None if nothing was tried.
    """
    target, shares = objective.statistics(values)
    classify = objective.classes is not None
    own = target[:, 0]
    if classify:
        own = values.reshape(len(values), -1)[:, 0].astype(np.intp)
    judges = _judging(len(own), like, in_time=in_time, seed=seed)
    teach = ~judges
    if not judges.any() or len(np.unique(own[teach])) < 2:
        return None
    counts = weight / weight.mean()
    counts = counts if shares is None else counts * shares[:, 0]
    trees = Trees(_N_TREES, _RATE, classify, seed)

    def losses(x: NDArray[np.float64]) -> NDArray[np.float64]:
        judge = (x[judges], own[judges])
        (found,) = trees.losses(x[teach], own[teach], judge, weight=counts[teach])
        return np.asarray(found * counts[judges])

    whole = losses(inputs)
    rise = losses(np.delete(inputs, prediction, axis=1)) - whole
    error = rise.std() / np.sqrt(len(rise))
    z = float(rise.mean() / max(error, np.finfo(float).tiny))
    worth = float(rise.mean() / max(whole.mean(), np.finfo(float).tiny))
    kept = "no" if z < -_CLEAR else "yes"
    return Choice("prediction", "prediction", worth, z, kept)


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
    drawn = np.random.default_rng(seed).permutation(like.max() + 1)
    return np.asarray((drawn % _JUDGES == 0)[like])
