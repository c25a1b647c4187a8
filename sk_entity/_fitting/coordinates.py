"""How many coordinates of each column are output: those that earn their place.

A table may hold more than a booster should get. Tables have their principal axes for
coordinates, so that the first ones hold most of what the column says.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._choices import Choice
from sk_entity._features import Evidence, worth_of_columns
from sk_entity._features.worth import MOST_ROWS
from sk_entity._fitting.plan import Plan

if TYPE_CHECKING:
    from sk_entity._learning.task import Trained

#: Numbers of training rows, and maybe a column of which nothing is to be known -> their
#: out-of-fold predictions, shape (n, n_outputs).
Predictions = Callable[..., NDArray[np.float64]]

#: The part of a table's variance that an output coordinate holds at least.
_LEAST_SHARE = 0.1
#: Standard errors from which on a column says something.
_CLEAR = 2.0
#: The same of the clearest of all columns: of thirty of noise, chance makes some clear.
_SPEAKS = 4.0


def choose_coordinates(
    plan: Plan, trained: "Trained", evidence: Evidence, predictions: Predictions | None
) -> tuple[list[int], list[Choice], bool]:
    """Return how many coordinates of each table are output, and why.

    Parameters
    ----------
    plan : Plan
    trained : Trained
    evidence : Evidence
    predictions : Predictions or None
        None: there are none.

    Returns
    -------
    shown : list of int
        Of tables whose dimension the user gave, all.
    choices : list of Choice
    some_speak : bool
        Whether any column says something; True where nobody can tell: of rare classes
        and counts, the squared error shows too little.
    """
    dims = plan.layout.dims
    shown = [
        _leading(shares) if auto else dim
        for shares, dim, auto in zip(trained.shares, dims, plan.automatic, strict=True)
    ]
    nothing = float("nan")
    worth = [(nothing, nothing)] * len(plan.names)
    if predictions is not None and plan.objective.predicts_means:
        weighted = np.flatnonzero(evidence.weight > 0)
        index = weighted[:: -(-len(weighted) // MOST_ROWS)]
        worth = worth_of_columns(
            evidence.take(index), lambda without: predictions(index, without)
        )
        shown = _without_noise(plan, shown, [z for _, z in worth])
    choices = [
        Choice("coordinates", name, *of_column, f"{shown[t]} of {dims[t]}")
        for name, t, of_column in zip(
            plan.names, plan.layout.table_of, worth, strict=True
        )
        if plan.automatic[t]
    ]
    speak = max((z for _, z in worth), default=nothing)
    return shown, choices, not (plan.objective.is_squared and speak < _SPEAKS)


def _leading(shares: NDArray[np.float64]) -> int:
    """Return the number of coordinates that hold enough of the variance.

    All of those that are in no order; one at least.
    """
    if np.isnan(shares).any():
        return len(shares)
    return max(1, int((shares >= _LEAST_SHARE).sum()))


def _without_noise(plan: Plan, shown: Sequence[int], z: Sequence[float]) -> list[int]:
    """Return one for tables of which no column says anything that is clear."""
    columns = zip(plan.layout.table_of, z, strict=True)
    says = {t for t, of_column in columns if of_column >= _CLEAR}
    return [n if t in says or not plan.automatic[t] else 1 for t, n in enumerate(shown)]
