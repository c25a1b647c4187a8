"""The trained decoder in numpy: predictions of the net without torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sk_entity._numeric import NumericScaler

#: Rows predicted at a time, to bound the memory of the hidden layers.
_CHUNK = 65_536

#: Weights of shape (n_out, n_in), and biases of shape (n_out,).
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A perceptron with a linear skip, on vectors and numeric columns.

    Attributes
    ----------
    scaler : NumericScaler
        Makes inputs of the numeric columns.
    order : list of int
        The order in which the net reads the categorical columns.
    layers : list of (weight, bias)
        Hidden layers, each followed by a ReLU, and the output layer.
    skip : (weight, bias)
        The linear path.
    classify : bool
        Whether the raw outputs are logits.
    center, scale : float
        Mean and standard deviation of the target of a regression.
    """

    scaler: NumericScaler
    order: list[int]
    layers: list[Layer]
    skip: Layer
    classify: bool
    center: float = 0.0
    scale: float = 1.0

    def predict(
        self, vectors: Sequence[NDArray[np.float32]], numeric: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the net's predictions.

        Parameters
        ----------
        vectors : list of ndarray of shape (n_rows, dim)
            The vectors of each categorical column.
        numeric : ndarray of shape (n_rows, n_numeric)
            NaN where missing.

        Returns
        -------
        prediction : ndarray of shape (n_rows, n_outputs), float64
            The mean of the target; the probability of the second of two classes; or
            the probability of each class.
        """
        outputs = [np.empty((0, len(self.skip[1])))]
        for start in range(0, len(numeric), _CHUNK):
            rows = slice(start, start + _CHUNK)
            inputs = [vectors[j][rows] for j in self.order]
            x = np.hstack([*inputs, self.scaler.transform(numeric[rows])])
            outputs.append(self._decode(x.astype(np.float64)))
        raw = np.concatenate(outputs)
        if not self.classify:
            return self.center + self.scale * raw
        if raw.shape[1] == 1:
            return _probability(np.hstack([np.zeros_like(raw), raw]))[:, 1:]
        return _probability(raw)

    def _decode(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        hidden = x
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight.T + bias, 0.0)
        weight, bias = self.layers[-1]
        straight = x @ self.skip[0].T + self.skip[1]
        return np.asarray(hidden @ weight.T + bias + straight)


def _probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
