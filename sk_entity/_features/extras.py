"""What stands beside the vectors: target statistics, support, crosses, prediction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._features.crosses import (
    Tried,
    choose_crosses,
    fit_cross,
    merged_cross,
    sample_rows,
)
from sk_entity._features.curves import TargetCurve
from sk_entity._features.prediction import Predictor
from sk_entity._features.statistics import Evidence, TableStatistics, TargetStatistic


@dataclass(frozen=True, eq=False)
class Extras:
    """The extra output columns of one fitted encoder.

    Everything is looked up by fold, as vectors are: a training row gets what never saw
    its target.

    Attributes
    ----------
    singles : list of TableStatistics
        One for each embedding table, if statistics or support are asked for.
    crosses : list of TargetStatistic and TargetCurve
        Of two categories, and of a category and a number.
    predictor : Predictor or None
    """

    singles: list[TableStatistics]
    crosses: list[TargetStatistic | TargetCurve]
    predictor: Predictor | None

    def final(self) -> "Extras":
        """Return what new rows need: the tables that saw all rows."""
        return Extras(
            singles=[single.final() for single in self.singles],
            crosses=[statistic.final() for statistic in self.crosses],
            predictor=self.predictor and self.predictor.final(),
        )

    def merged(self, other: "Extras") -> "Extras":
        """Return the extras of the rows of both, with the other's predictor."""
        singles = zip(self.singles, other.singles, strict=True)
        crosses = zip(self.crosses, other.crosses, strict=True)
        return Extras(
            singles=[old.merged(new) for old, new in singles],
            crosses=[merged_cross(old, new) for old, new in crosses],
            predictor=other.predictor and other.predictor.final(),
        )

    def scaled(self, weight: float) -> "Extras":
        """Return the extras with support as if there were rows of so much weight."""
        return replace(self, singles=[single.scaled(weight) for single in self.singles])

    def trimmed(self, most: int) -> "Extras":
        """Return the extras with at most so many cells of each cross."""
        return replace(self, crosses=[cross.trimmed(most) for cross in self.crosses])

    def of_rows(
        self,
        codes: NDArray[np.int32],
        table: int | NDArray[Any],
        vectors: Sequence[NDArray[np.float32]],
        numeric: NDArray[np.float64],
    ) -> list[NDArray[np.float64]]:
        """Return the statistics of the crosses, then the prediction."""
        blocks = [cross.look_up(codes, table, numeric) for cross in self.crosses]
        if self.predictor is not None:
            blocks.append(self.predictor.predict(vectors, numeric, table))
        return blocks


def learn_extras(
    evidence: Evidence,
    *,
    predict: Callable[[NDArray[np.intp]], NDArray[np.float64]] | None,
    predictor: Predictor | None,
    crosses: Sequence[tuple[int, int]],
    curves: bool,
    add_statistics: bool,
    add_support: bool,
) -> tuple[Extras, list[Tried]]:
    """Learn the statistics that are asked for.

    Parameters
    ----------
    evidence : Evidence
    predict : callable or None
        Row numbers to the net's out-of-fold predictions, shape (n, n_outputs), which
        chosen crosses must improve on; None if none are to be chosen.
    predictor : Predictor or None
        None: no prediction in the output.
    crosses : list of pairs of columns
        Statistics of these, if none are to be chosen.
    curves : bool
        Whether curves of categories over numbers may be chosen.
    add_statistics, add_support : bool

    Returns
    -------
    extras : Extras
    tried : list of Tried
        What came of each pair, if crosses are chosen.
    """
    # Rows of weight zero are as if they were not there.
    weighted = np.flatnonzero(evidence.weight > 0)
    if len(weighted) < len(evidence):
        evidence = evidence.take(weighted)
    tried = list[Tried]()
    if predict is None:
        chosen = [fit_cross(pair, evidence) for pair in crosses]
    else:
        prediction = predict(weighted[sample_rows(evidence)])
        chosen, tried = choose_crosses(evidence, prediction, curves=curves)
    singles = []
    if add_statistics or add_support:
        singles = [
            TableStatistics.fit(
                table, evidence, statistic=add_statistics, support=add_support
            )
            for table in range(len(evidence.layout.n_codes))
        ]
    return Extras(singles, chosen, predictor), tried
