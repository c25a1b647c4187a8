"""What stands beside the vectors: target statistics, support, crosses, prediction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sk_entity._crosses import choose_crosses
from sk_entity._prediction import Predictor
from sk_entity._statistics import TargetStatistic


@dataclass(frozen=True, eq=False)
class Extras:
    """The extra output columns of one fitted encoder.

    Everything is looked up by fold, as vectors are: a training row gets what never saw
    its target.

    Attributes
    ----------
    singles : list of TargetStatistic
        One for each categorical column, if statistics or support are asked for.
    add_statistics, add_support : bool
    crosses : list of TargetStatistic
    predictor : Predictor or None
    """

    singles: list[TargetStatistic]
    add_statistics: bool
    add_support: bool
    crosses: list[TargetStatistic]
    predictor: Predictor | None

    def final(self) -> "Extras":
        """Return what new rows need: the tables that saw all rows."""
        return replace(
            self,
            singles=[statistic.final() for statistic in self.singles],
            crosses=[statistic.final() for statistic in self.crosses],
            predictor=self.predictor and self.predictor.final(),
        )

    def of_column(
        self, j: int, codes: NDArray[np.int64], table: int | NDArray[np.int64]
    ) -> list[NDArray[np.float64]]:
        """Return the statistic and the support of categorical column ``j``."""
        blocks = []
        if self.add_statistics:
            blocks.append(self.singles[j].look_up(codes, table))
        if self.add_support:
            blocks.append(self.singles[j].look_up_support(codes, table))
        return blocks

    def of_rows(
        self,
        codes: NDArray[np.int64],
        table: int | NDArray[np.int64],
        vectors: Sequence[NDArray[np.float32]],
        numeric: NDArray[np.float64],
    ) -> list[NDArray[np.float64]]:
        """Return the statistics of the crosses, then the prediction."""
        blocks = [cross.look_up(codes, table) for cross in self.crosses]
        if self.predictor is not None:
            blocks.append(self.predictor.predict(vectors, numeric, table))
        return blocks


def learn_extras(
    codes: NDArray[np.int64],
    n_codes: Sequence[int],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    fold: NDArray[np.int64],
    n_folds: int,
    *,
    prediction: NDArray[np.float64] | None,
    predictor: Predictor | None,
    crosses: Sequence[tuple[int, int]],
    add_statistics: bool,
    add_support: bool,
) -> Extras:
    """Learn the statistics that are asked for.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_categorical), int64
    n_codes : sequence of int
        Number of codes of each column.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or indicators of classes.
    weight : ndarray of shape (n_rows,)
    fold : ndarray of shape (n_rows,), int64
    n_folds : int
        0: no cross-fitting.
    prediction : ndarray of shape (n_rows, n_outputs) or None
        Out-of-fold prediction of the net, which chosen crosses must improve on; None
        if none are to be chosen.
    predictor : Predictor or None
        None: no prediction in the output.
    crosses : list of pairs of columns
        Statistics of these, if there is no prediction to choose by.
    add_statistics, add_support : bool
    """
    data = (codes, n_codes, target, weight, fold, n_folds)
    if prediction is None:
        chosen = [TargetStatistic.fit(pair, *data) for pair in crosses]
    else:
        chosen = choose_crosses(*data, prediction)
    singles = []
    if add_statistics or add_support:
        singles = [TargetStatistic.fit([j], *data) for j in range(codes.shape[1])]
    return Extras(singles, add_statistics, add_support, chosen, predictor)
