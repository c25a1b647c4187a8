"""How a batch goes through the decoder and back, in torch's operations.

`kernel` does the same in compiled code, where it can.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: Raw outputs, targets and weights -> the weighted mean loss.
MeanLoss = Callable[[Tensor, tuple[Tensor, Tensor]], Tensor]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the decoder reads of a batch, and what it should say.

    Attributes
    ----------
    vectors : Tensor of shape (batch, n_tables, n_coordinates)
        Of each row in all tables.
    own : Tensor of shape (batch,), int64
        The table from which the decoder learns.
    other : Tensor of shape (batch, n_views), int64
        Tables that are to learn; none: the row's own.
    numeric : Tensor of shape (batch, n_inputs)
    target : Tensor of shape (batch, ...)
    weight : Tensor of shape (batch,)
        Of each row in the loss that teaches the tables.
    own_weight : Tensor of shape (batch,)
        In the loss that teaches the decoder.
    """

    vectors: Tensor
    own: Tensor
    other: Tensor
    numeric: Tensor
    target: Tensor
    weight: Tensor
    own_weight: Tensor

    def inputs(self, table: Tensor) -> Tensor:
        """Return what the decoder reads of some tables.

        Parameters
        ----------
        table : Tensor of shape (batch, n_views), int64

        Returns
        -------
        x : Tensor of shape (n_views, batch, n_coordinates + n_inputs)
        """
        rows = torch.arange(len(table), device=table.device)[:, None]
        vectors = self.vectors[rows, table].transpose(0, 1)
        numeric = self.numeric.expand(len(vectors), *self.numeric.shape)
        return torch.cat([vectors, numeric], dim=2)

    def repeated(self, n_times: int) -> tuple[Tensor, Tensor]:
        """Return target and weight so many times, one after the other."""
        ones = [1] * (self.target.ndim - 1)
        return self.target.repeat(n_times, *ones), self.weight.repeat(n_times)


@dataclass(frozen=True, eq=False)
class Passed:
    """A batch that went through the decoder and back.

    Attributes
    ----------
    loss : Tensor
        Of the decoder.
    output : Tensor of shape (batch, n_outputs)
    own : Tensor of shape (batch, n_coordinates)
        Gradient of the vectors from which the decoder learned.
    gradient : Tensor of shape (batch, n_tables, n_coordinates)
        Of all vectors, in the mean loss over rows and tables.
    """

    loss: Tensor
    output: Tensor
    own: Tensor
    gradient: Tensor


def go(lesson: Lesson, decoder: nn.Module, loss: MeanLoss, *, straight: bool) -> Passed:
    """Go through the decoder and back: first to teach it, then to teach the tables.

    Parameters
    ----------
    lesson : Lesson
    decoder : Module
        Its parameters get their gradients.
    loss : callable
    straight : bool
        Decode one table that learns, and go to the others on a straight line: tables
        that have seen a row hold much the same of it. The decoder's rows must not know
        of each other.
    """
    n_coordinates = lesson.vectors.shape[2]
    own = lesson.inputs(lesson.own[:, None])[0].requires_grad_()
    output = decoder(own)
    value = loss(output, (lesson.target, lesson.own_weight))
    value.backward()  # type: ignore[no-untyped-call]
    assert own.grad is not None
    of_own = own.grad[:, :n_coordinates]
    if not lesson.other.shape[1]:
        gradient = of_own[:, None]
    elif straight and output.shape[1] <= 2 * lesson.other.shape[1]:
        gradient = _along_a_line(lesson, decoder, loss)
    else:
        gradient = _one_by_one(lesson, decoder, loss)
    return Passed(value.detach(), output.detach(), of_own, gradient)


def _one_by_one(lesson: Lesson, decoder: nn.Module, loss: MeanLoss) -> Tensor:
    n_rows, n_views = lesson.other.shape
    n_coordinates = lesson.vectors.shape[2]
    x = lesson.inputs(lesson.other).requires_grad_()
    seen = loss(decoder(x.flatten(0, 1)), lesson.repeated(n_views))
    (of_x,) = torch.autograd.grad(seen, x)
    return torch.zeros_like(lesson.vectors).scatter_(
        1,
        lesson.other[:, :, None].expand(n_rows, n_views, n_coordinates),
        of_x[:, :, :n_coordinates].transpose(0, 1),
    )


def _along_a_line(lesson: Lesson, decoder: nn.Module, loss: MeanLoss) -> Tensor:
    n_rows, n_tables, n_coordinates = lesson.vectors.shape
    x = lesson.inputs(lesson.other[:, :1])[0].requires_grad_()
    output = decoder(x)
    jacobian = [
        torch.autograd.grad(column.sum(), x, retain_graph=True)[0][:, :n_coordinates]
        for column in output.T
    ]
    moved = lesson.vectors - x[:, None, :n_coordinates].detach()
    others = torch.stack([(moved * row[:, None]).sum(2) for row in jacobian], dim=2)
    others = (others + output.detach()[:, None]).transpose(0, 1).flatten(0, 1)
    others.requires_grad_()
    (slopes,) = torch.autograd.grad(loss(others, lesson.repeated(n_tables)), others)
    # The mean is one over the tables that learn: all but the row's own.
    slopes = slopes.view(n_tables, n_rows, -1).transpose(0, 1)
    slopes = slopes * (n_tables / (n_tables - 1))
    return torch.einsum("nto,ond->ntd", slopes, torch.stack(jacobian))
