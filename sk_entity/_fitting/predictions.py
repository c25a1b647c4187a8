"""Training rows -> what the heads that never saw them predict."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import UNKNOWN, by_column
from sk_entity._features import Evidence, Predictor, look_up

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.task import Trained


class Predictions:
    """Out-of-fold predictions of the training rows, of some at a time.

    Parameters
    ----------
    rows : Rows
    trained : Trained
    evidence : Evidence
    predictor : Predictor
    """

    def __init__(
        self, rows: "Rows", trained: "Trained", evidence: Evidence, predictor: Predictor
    ) -> None:
        self._rows, self._evidence, self._predictor = rows, evidence, predictor
        layout = evidence.layout
        self._tables = [trained.tables[t] for t in layout.table_of]
        self._cells = by_column(trained.tables, layout.table_of, layout.bags)

    def __call__(
        self, index: NDArray[np.intp], without: int | None = None
    ) -> NDArray[np.float64]:
        """Return the predictions of some rows, shape (n, n_outputs).

        Parameters
        ----------
        index : ndarray of shape (n,)
            Their numbers.
        without : int or None, default=None
            A column of which all cells are as if they were unknown.
        """
        fold = self._evidence.folds.table_of(self._rows.fold[index])
        codes = self._rows.codes[index]
        vectors = look_up(self._cells, codes, fold)
        if without is not None:
            vectors[without] = self._tables[without][fold, UNKNOWN]
        return self._predictor.predict(vectors, self._rows.numeric[index], fold)
