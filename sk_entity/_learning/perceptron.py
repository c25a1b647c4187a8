"""Perceptrons with a linear skip, one or a stack, and their gradients, written out.

What autograd would do, in half as many operations, and in stacks of equal parts: each
part is one thread's, so that sums do not depend on how many threads there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Layers:
    """The numbers of a perceptron, or of a stack of them.

    Attributes
    ----------
    weights : list of Tensor of shape (n_out, n_in), or (n_stacked, n_out, n_in)
        The last layer has no ReLU.
    biases : list of Tensor of shape (n_out,), or (n_stacked, 1, n_out)
    skip : Tensor of shape (n_out, n_in), or (n_stacked, n_out, n_in)
        From the inputs to the outputs.
    """

    weights: Sequence[Tensor]
    biases: Sequence[Tensor]
    skip: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs, and the inputs of each layer, which `backward` needs.

        Parameters
        ----------
        x : Tensor of shape (n_stacked, n_rows, n_in)
            Of one perceptron: parts of its rows.
        """
        inputs = [x]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            inputs.append(_affine(inputs[-1], weight, bias).relu_())
        output = _affine(inputs[-1], self.weights[-1], self.biases[-1])
        return output.baddbmm_(x, _stacked(self.skip, x).mT), inputs

    def backward(
        self, inputs: Sequence[Tensor], slope: Tensor, n_learn: int, into: "Layers"
    ) -> Tensor:
        """Return the gradient of the inputs; put that of the numbers into others.

        Parameters
        ----------
        inputs : list of Tensor
            As `forward` gives them.
        slope : Tensor of shape (n_stacked, n_rows, n_out)
            Gradient of the outputs.
        n_learn : int
            The numbers learn from so many parts, the first.
        into : Layers
            Overwritten.
        """
        x = inputs[0]
        ones = slope.new_ones(1, 1, 1).expand(n_learn, 1, slope.shape[1])
        of_inputs = slope @ _stacked(self.skip, x)
        _join(slope[:n_learn].mT, x[:n_learn], into.skip)
        for i in reversed(range(len(self.weights))):
            own = slope[:n_learn]
            _join(own.mT, inputs[i][:n_learn], into.weights[i])
            _join(ones, own, into.biases[i])
            if i:
                slope = slope @ _stacked(self.weights[i], x)
                # Where the ReLU was zero, nothing comes back.
                slope = torch.ops.aten.threshold_backward(slope, inputs[i], 0)
        return of_inputs.baddbmm_(slope, _stacked(self.weights[0], x))


def _join(left: Tensor, right: Tensor, into: Tensor) -> None:
    """Write the products of parts: those of one perceptron are added up."""
    if into.ndim == 3:
        torch.bmm(left, right, out=into)
    else:
        torch.sum((left @ right).view(len(left), *into.shape), dim=0, out=into)


def _stacked(numbers: Tensor, x: Tensor) -> Tensor:
    """Return matrices for each part of x: those of one perceptron are all parts'."""
    return numbers if numbers.ndim == 3 else numbers.expand(len(x), *numbers.shape)


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if bias.ndim == 1:
        bias = bias.expand(len(x), 1, len(bias))
    return torch.baddbmm(bias, x, _stacked(weight, x).mT)
