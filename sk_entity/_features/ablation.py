"""The prediction of rows as it is, and as it is when a column says nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Bags, by_column
from sk_entity._features.lookup import look_up
from sk_entity._features.prediction import Predictor


class Ablation:
    """Predictions with and without a column's vectors.

    Parameters
    ----------
    tables : list of ndarray of shape (n_tables, n_codes, dim), float32
        One entry an embedding table.
    table_of : sequence of int
        The embedding table of each column.
    bags : sequence of Bags or None
        What the cells of each column stand for.
    predictor : Predictor
    """

    def __init__(
        self,
        tables: Sequence[NDArray[np.float32]],
        table_of: Sequence[int],
        bags: Sequence[Bags | None],
        predictor: Predictor,
    ) -> None:
        self._cells = by_column(tables, table_of, bags)
        self._predictor = predictor

    def predict(
        self,
        cells: NDArray[np.int32],
        numeric: NDArray[np.float64],
        table: int | NDArray[Any] = -1,
        without: int | None = None,
    ) -> NDArray[np.float64]:
        """Return the predictions of some rows.

        Parameters
        ----------
        cells : ndarray of shape (n_rows, n_categorical), int32
        numeric : ndarray of shape (n_rows, n_numeric)
        table : int or ndarray of shape (n_rows,), default=-1
            What each row reads; -1: what saw all rows.
        without : int or None, default=None
            A column of which all cells have the mean of their vectors.

        Returns
        -------
        predictions : ndarray of shape (n_rows, n_outputs)
        """
        vectors = look_up(self._cells, cells, table)
        if without is not None:
            # Not the unknown one, which would move predictions as a whole.
            mean = vectors[without].mean(axis=0)
            vectors[without] = np.broadcast_to(mean, vectors[without].shape)
        return self._predictor.predict(vectors, numeric, table)
