"""The net's trained heads in numpy: predictions without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sk_entity._numeric import NumericScaler

#: Rows predicted at a time, to bound the memory of the hidden layers.
_CHUNK = 65_536

#: Weights of shape (n_heads, n_in, n_out), and biases of shape (n_heads, 1, n_out).
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Predictor:
    """Perceptrons with a linear skip, on vectors and numeric columns, one a fold.

    Attributes
    ----------
    scaler : NumericScaler
        Makes inputs of the numeric columns.
    order : list of int
        The order in which the net reads the categorical columns.
    layers : list of (weight, bias)
        Hidden layers, each followed by a ReLU, and the output layer. Head k never saw
        the rows of fold k, the last one saw all rows.
    skip : ndarray of shape (n_heads, n_inputs, n_outputs)
        The linear path.
    classify : bool
        Whether the raw outputs are logits.
    center, scale : float
        Mean and standard deviation of the target of a regression.
    """

    scaler: NumericScaler
    order: list[int]
    layers: list[Layer]
    skip: NDArray[np.float64]
    classify: bool
    center: float = 0.0
    scale: float = 1.0

    def final(self) -> "Predictor":
        """Return the predictor with the head that saw all rows only."""
        layers = [(weight[-1:], bias[-1:]) for weight, bias in self.layers]
        return replace(self, layers=layers, skip=self.skip[-1:])

    def predict(
        self,
        vectors: Sequence[NDArray[np.float32]],
        numeric: NDArray[np.float64],
        head: int | NDArray[np.int64] = -1,
    ) -> NDArray[np.float64]:
        """Return the net's predictions.

        Parameters
        ----------
        vectors : list of ndarray of shape (n_rows, dim)
            The vectors of each categorical column.
        numeric : ndarray of shape (n_rows, n_numeric)
            NaN where missing.
        head : int or ndarray of shape (n_rows,), default=-1
            The head of each row; the last one saw all rows.

        Returns
        -------
        prediction : ndarray of shape (n_rows, n_outputs), float64
            The mean of the target; the probability of the second of two classes; or
            the probability of each class.
        """
        raw = np.empty((len(numeric), self.skip.shape[2]))
        heads = np.broadcast_to(head, len(numeric))
        for k in np.unique(heads):
            of_head = np.flatnonzero(heads == k)
            for start in range(0, len(of_head), _CHUNK):
                rows = of_head[start : start + _CHUNK]
                inputs = [vectors[j][rows] for j in self.order]
                x = np.hstack([*inputs, self.scaler.transform(numeric[rows])])
                raw[rows] = self._decode(x.astype(np.float64), k)
        if not self.classify:
            return self.center + self.scale * raw
        if raw.shape[1] == 1:
            return _probability(np.hstack([np.zeros_like(raw), raw]))[:, 1:]
        return _probability(raw)

    def _decode(self, x: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        hidden = x
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight[k] + bias[k], 0.0)
        weight, bias = self.layers[-1]
        return np.asarray(hidden @ weight[k] + bias[k] + x @ self.skip[k])


def _probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
