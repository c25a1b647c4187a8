"""A trained perceptron on rows of numbers."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._compiled.batch import MOST_LAYERS, Batch, kernel

#: Rows that numpy takes at a time, where it must.
_CHUNK = 4096


class Perceptron:
    """A perceptron with ReLUs and a linear skip, in compiled code or in numpy.

    What a row gets depends on the row alone, not on the rows around it nor on threads:
    a BLAS does not promise that of float32, so numpy computes in float64.

    Parameters
    ----------
    layers : sequence of (weight, bias)
        Weights of shape (n_in, n_out), biases of shape (n_out,).
    skip : ndarray of shape (n_inputs, n_outputs)

    Examples
    --------
    >>> one = np.ones((2, 1), dtype=np.float32)
    >>> perceptron = Perceptron([(one, np.zeros(1, dtype=np.float32))], one)
    >>> perceptron(np.array([[1, 2], [3, 4]], dtype=np.float32))[:, 0].tolist()
    [6.0, 14.0]
    """

    def __init__(
        self, layers: Sequence[tuple[NDArray[Any], NDArray[Any]]], skip: NDArray[Any]
    ) -> None:
        self._layers, self._skip = layers, skip
        self._batch: Batch | None = None
        if kernel is None or len(layers) > MOST_LAYERS:
            return
        # The kernel has weights as torch has them, (n_out, n_in).
        weights = [_rows(weight.T) for weight, _ in layers]
        biases = [_rows(bias) for _, bias in layers]
        across = _rows(skip.T)
        batch = Batch(n_layers=len(layers), n_numeric=len(skip))
        batch.size[: len(layers) + 1] = [
            len(skip),
            *(len(bias.ravel()) for bias in biases),
        ]
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            batch.matrix[i], batch.bias[i] = weight.ctypes.data, bias.ctypes.data
        batch.skip = across.ctypes.data
        self._batch, self._held = batch, [*weights, *biases, across]

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs of rows.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_inputs), float32

        Returns
        -------
        output : ndarray of shape (n_rows, n_outputs), float32
        """
        output = np.empty((len(x), self._skip.shape[1]), dtype=np.float32)
        if self._batch is None:
            for start in range(0, len(x), _CHUNK):
                rows = slice(start, start + _CHUNK)
                output[rows] = self._by_numpy(x[rows].astype(np.float64))
            return output
        assert kernel is not None
        x = _rows(x)
        # A copy: other threads may read at once.
        batch = Batch.from_buffer_copy(self._batch)
        batch.n_rows, batch.numeric = len(x), x.ctypes.data
        batch.output = output.ctypes.data
        kernel.predict(ctypes.addressof(batch), 0, len(x))
        return output

    def _by_numpy(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        hidden = x
        for weight, bias in self._layers[:-1]:
            hidden = np.maximum(hidden @ weight + bias, 0)
        weight, bias = self._layers[-1]
        return np.asarray(hidden @ weight + bias + x @ self._skip)


def _rows(numbers: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(numbers, dtype=np.float32)
