"""Self-supervision: the target is the cells that training hides."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._target.objective import Goal, Objective


def hidden_objective(
    codes: NDArray[np.int32],
    weight: NDArray[np.float64],
    names: Sequence[str],
    max_classes: int,
) -> Objective:
    """Return the objective of telling hidden cells from the others of their row.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns), int32
    weight : ndarray of shape (n_rows,)
    names : list of str
    max_classes : int
        Codes of a column that are told apart; the others are the last class.
    """
    goals = []
    for name, column in zip(names, codes.T, strict=True):
        count = np.bincount(column, weight)
        order = np.argsort(-count, kind="stable")[: (count > 0).sum()]
        classes = np.append(order[: max_classes - 1], -1)
        if len(order) <= max_classes:
            classes = order
        goals.append(Goal(name, "multiclass", classes, "log_loss"))
    return Objective(tuple(goals))


def hidden_cells(codes: NDArray[np.int32], objective: Objective) -> NDArray[np.float64]:
    """Return the class of each cell, shape (n_rows, n_columns)."""
    found = np.empty(codes.shape)
    for j, goal in enumerate(objective.goals):
        assert goal.classes is not None
        place = pd.Index(goal.classes).get_indexer(codes[:, j])
        found[:, j] = np.where(place < 0, len(goal.classes) - 1, place)
    return found
