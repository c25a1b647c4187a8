"""How a batch goes through the decoder and back, in torch's operations.

`kernel` does the same in compiled code, where it can.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


def mean_loss(loss: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of the losses of some rows.

    Parameters
    ----------
    loss : Tensor of shape (n_rows,) or ()
        A criterion of the user's may give one loss of all rows together.
    weight : Tensor of shape (n_rows,)
    """
    if loss.ndim:
        return (loss * weight).mean()
    if (weight != weight[0]).any():
        raise ValueError(
            "The loss gives one value for all rows of a batch, so that rows cannot be "
            "weighed: leave sample_weight and early_stopping out, or return a value a "
            "row."
        )
    return loss


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
    seen : Tensor of shape (batch, n_views) or None
        1 where the row may teach that table, else 0; None: it may teach all of them.
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
    seen: Tensor | None
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

    def repeated(self) -> tuple[Tensor, Tensor]:
        """Return target and weight for each of the other tables, one after another."""
        n_views, ones = self.other.shape[1], [1] * (self.target.ndim - 1)
        weight = self.weight.repeat(n_views)
        if self.seen is not None:
            weight = weight * self.seen.T.flatten()
        return self.target.repeat(n_views, *ones), weight


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


def go(lesson: Lesson, decoder: nn.Module, criterion: nn.Module) -> Passed:
    """Go through the decoder and back: first to teach it, then to teach the tables.

    Parameters
    ----------
    lesson : Lesson
    decoder : Module
        Its parameters get their gradients.
    criterion : Module
        Raw outputs and targets -> one loss a row, or one of all rows.
    """
    n_coordinates = lesson.vectors.shape[2]
    own = lesson.inputs(lesson.own[:, None])[0].requires_grad_()
    output = decoder(own)
    loss = criterion(output, lesson.target)
    value = mean_loss(loss, lesson.own_weight)
    value.backward()  # type: ignore[no-untyped-call]
    assert own.grad is not None
    of_own = gradient = own.grad[:, :n_coordinates]
    n_rows, n_views = lesson.other.shape
    if not n_views:
        return Passed(value.detach(), output.detach(), of_own, gradient[:, None])
    x = lesson.inputs(lesson.other).requires_grad_()
    target, weight = lesson.repeated()
    seen = decoder(x.flatten(0, 1))
    if loss.ndim:
        total = mean_loss(criterion(seen, target), weight)
    else:
        total = _by_table(lesson, seen, target, criterion)
    (of_x,) = torch.autograd.grad(total, x)
    gradient = torch.zeros_like(lesson.vectors).scatter_(
        1,
        lesson.other[:, :, None].expand(n_rows, n_views, n_coordinates),
        of_x[:, :, :n_coordinates].transpose(0, 1),
    )
    return Passed(value.detach(), output.detach(), of_own, gradient)


def _by_table(
    lesson: Lesson, output: Tensor, target: Tensor, criterion: nn.Module
) -> Tensor:
    """Return the mean loss of rows that judge each other, those of a table alone.

    Beside rows of other tables, they would be judged by some that theirs must not see.
    """
    table = lesson.other.T.flatten()
    if lesson.seen is not None:
        table = table.masked_fill(lesson.seen.T.flatten() == 0, -1)
    total = output.sum() * 0.0
    for k in range(lesson.vectors.shape[1]):
        rows = (table == k).nonzero()[:, 0]
        if len(rows):
            share = len(rows) / len(table)
            total = total + share * criterion(output[rows], target[rows])
    return total
