"""The net's trained heads: predictions without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._compiled import Perceptron
from sk_entity._features.scaling import NumericScaler
from sk_entity._target import Objective, Units

#: Weights of shape (n_heads, n_in, n_out), and biases of shape (n_heads, 1, n_out).
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Predictor:
    """Perceptrons with a linear skip, on vectors and numeric columns, one a fold.

    Attributes
    ----------
    scaler : NumericScaler
        Makes inputs of the numeric columns.
    layers : list of (weight, bias)
        Hidden layers, each followed by a ReLU, and the output layer. Head k never saw
        the rows of fold k, the last one saw all rows.
    skip : ndarray of shape (n_heads, n_inputs, n_outputs)
        The linear path. Inputs are the vectors, column by column, then the numbers.
    objective : Objective
        What the raw outputs mean.
    units : tuple of Units
    """

    scaler: NumericScaler
    layers: list[Layer]
    skip: NDArray[np.float32]
    objective: Objective
    units: tuple[Units, ...]

    def final(self) -> "Predictor":
        """Return the predictor with the head that saw all rows only."""
        return self.of_head(-1)

    def of_head(self, k: int) -> "Predictor":
        """Return the predictor with one of its heads."""
        one = slice(k, k + 1 or None)
        layers = [(weight[one], bias[one]) for weight, bias in self.layers]
        return replace(self, layers=layers, skip=self.skip[one])

    def predict(
        self,
        vectors: Sequence[NDArray[np.float32]],
        numeric: NDArray[np.float64],
        head: int | NDArray[Any] = -1,
    ) -> NDArray[np.float64]:
        """Return the net's predictions.

        Parameters
        ----------
        vectors : list of ndarray of shape (n_rows, dim), float32
            The vectors of each categorical column.
        numeric : ndarray of shape (n_rows, n_numeric)
            NaN where missing.
        head : int or ndarray of shape (n_rows,), default=-1
            The head of each row; the last one saw all rows.

        Returns
        -------
        prediction : ndarray of shape (n_rows, n_outputs), float64
            As `Objective.to_prediction`.
        """
        inputs = np.hstack([*vectors, self.scaler.transform(numeric)])
        if isinstance(head, int):
            raw = self._perceptrons[head](inputs)
        else:
            raw = np.empty((len(inputs), self.skip.shape[2]), dtype=np.float32)
            for k in np.unique(head):
                rows = np.flatnonzero(head == k)
                raw[rows] = self._perceptrons[k](inputs[rows])
        return self.objective.to_prediction(raw.astype(np.float64), self.units)

    @cached_property
    def _perceptrons(self) -> list[Perceptron]:
        """The heads, one a fold and one of all rows."""
        return [
            Perceptron(
                [(weight[k], bias[k, 0]) for weight, bias in self.layers], self.skip[k]
            )
            for k in range(len(self.skip))
        ]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is found again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
