"""What each column's vectors are worth to the net's out-of-fold prediction."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sk_entity._features.statistics import Evidence, of_unit_size

#: Rows by which columns are judged, at most.
MOST_ROWS = 20_000


def worth_of_columns(
    evidence: Evidence, predict: Callable[[int | None], NDArray[np.float64]]
) -> list[tuple[float, float]]:
    """Return how much worse the prediction is without each column's vectors.

    The squared error, in units of the target's variance, rises by so much when a
    column's vectors give way to their mean: a permutation importance
    without the chance of a permutation.

    Parameters
    ----------
    evidence : Evidence
        The rows that judge.
    predict : callable
        Their out-of-fold predictions of the means of the target, shape (n_rows,
        n_outputs): with all columns (None), or without one, by its position.

    Returns
    -------
    worth : list of (float, float)
        The rise of each column, and the same in its standard errors.
    """
    root = np.sqrt(of_unit_size(evidence.weight))[:, None]
    if evidence.shares is not None:
        root = root * np.sqrt(evidence.shares)
    target = evidence.target * root
    mean = (target * root).sum(axis=0) / np.maximum((root**2).sum(axis=0), 1e-300)
    spread = ((target - mean * root) ** 2).mean(axis=0)
    scale = np.where(spread > 0, spread, 1.0)

    def errors(without: int | None) -> NDArray[np.float64]:
        apart = (target - predict(without) * root) ** 2 / scale
        return np.asarray(apart.mean(axis=1))

    whole, found = errors(None), []
    for j in range(evidence.numbers.shape[1]):
        rise = errors(j) - whole
        error = rise.std() / np.sqrt(evidence.n_effective)
        worth = float(rise.mean())
        found.append((worth, worth / float(max(error, 1e-300)) if worth else 0.0))
    return found
