"""How many coordinates of each column are output: those that earn their place.

A table may hold more than a booster should get. Tables have their principal axes for
coordinates, so that the first ones hold most of what the column says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._choices import Choice
from sk_entity._features import Evidence, worth_of_columns
from sk_entity._features.worth import MOST_ROWS
from sk_entity._fitting.plan import Plan
from sk_entity._warnings import warn
from sk_entity.exceptions import SilentColumnsWarning

if TYPE_CHECKING:
    from sk_entity._learning.task import Trained

#: Numbers of training rows, and maybe a column of which nothing is to be known -> their
#: out-of-fold predictions, shape (n, n_outputs).
Predictions = Callable[..., NDArray[np.float64]]

#: The part of a table's variance that an output coordinate holds at least.
_LEAST_SHARE = 0.1
#: Standard errors from which on a column says something.
_CLEAR = 2.0
#: How often normal chance would make one of columns, which all say nothing, look as if
#: it did. What is measured spreads wider: folds know of each other by the decoder.
_CHANCE = 0.002


@dataclass(frozen=True)
class Coordinates:
    """How many coordinates are output, and why.

    Attributes
    ----------
    shown : list of int
        Of each table; of those whose dimension the user gave, all.
    worth : list of (float, float)
        What each column is worth to the prediction, and the same in standard errors.
    some_speak : bool
        Whether any column says something; True where nobody can tell: of rare classes
        and counts, the squared error shows too little.
    """

    shown: list[int]
    worth: list[tuple[float, float]]
    some_speak: bool

    def hidden(self, plan: Plan) -> "Coordinates":
        """Return none of all that are ours to choose, and say so."""
        table_of = plan.layout.table_of
        silent = [
            name
            for name, t in zip(plan.names, table_of, strict=True)
            if plan.automatic[t]
        ]
        if not silent:
            return self
        warn(
            f"Columns {silent[:10]!r} say nothing of the target that chance would not "
            "say: their support is output, and none of their coordinates (see "
            "choices_). Pass embedding_dim=1 or more to output vectors anyway.",
            SilentColumnsWarning,
        )
        pairs = zip(self.shown, plan.automatic, strict=True)
        return replace(self, shown=[0 if auto else n for n, auto in pairs])

    def choices(self, plan: Plan) -> list[Choice]:
        """Return what was chosen, of columns whose tables are ours to choose."""
        columns = zip(plan.names, plan.layout.table_of, self.worth, strict=True)
        dims = plan.layout.dims
        return [
            Choice("coordinates", name, *worth, f"{self.shown[t]} of {dims[t]}")
            for name, t, worth in columns
            if plan.automatic[t]
        ]


def choose_coordinates(
    plan: Plan, trained: "Trained", evidence: Evidence, predictions: Predictions | None
) -> Coordinates:
    """Return how many coordinates of each table are output, and why.

    Parameters
    ----------
    plan : Plan
    trained : Trained
    evidence : Evidence
    predictions : Predictions or None
        None: there are none.
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
    return Coordinates(shown, worth, _some_speak(plan, [z for _, z in worth]))


def _some_speak(plan: Plan, z: Sequence[float]) -> bool:
    """Whether the clearest of all columns is clearer than chance makes one of many."""
    from scipy.stats import norm

    if not plan.objective.is_squared or np.isnan(z).any():
        return True
    return bool(max(z, default=np.inf) >= norm.isf(_CHANCE / max(len(z), 1)))


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
