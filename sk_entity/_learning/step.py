"""How a batch goes through the decoder and back."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sk_entity._learning.modules import Decoder

#: Parts of a batch, at most. Each is one thread's, and sums of parts are joined in
#: order, so that 1, 2 or more threads give the same bits.
MOST_PARTS = 4
#: Rows of a part, at least: fewer are not worth a thread.
_LEAST_ROWS = 256

#: Raw outputs, targets and weights -> the weighted mean loss.
MeanLoss = Callable[[Tensor, tuple[Tensor, Tensor]], Tensor]


@dataclass(frozen=True, eq=False)
class Passed:
    """A batch that went through the decoder and back.

    Attributes
    ----------
    loss : Tensor
        Of the first view.
    output : Tensor of shape (batch, n_outputs)
        Of the first view.
    gradient : Tensor of shape (n_views, batch, n_inputs)
        Of what the decoder read.
    """

    loss: Tensor
    output: Tensor
    gradient: Tensor


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the decoder reads of a batch, and what it should say.

    Attributes
    ----------
    x : Tensor of shape (n_views, batch, n_inputs)
        From the first view the decoder learns, or from the only one; from the others
        the tables.
    target : Tensor of shape (batch, ...)
    weight : Tensor of shape (batch,)
        Of each row in the loss that teaches the tables.
    own_weight : Tensor of shape (batch,)
        In the loss that teaches the decoder.
    """

    x: Tensor
    target: Tensor
    weight: Tensor
    own_weight: Tensor

    @property
    def n_parts(self) -> int:
        """Equal parts of each view."""
        return n_parts(self.x.shape[1]) if self.x.device.type == "cpu" else 1

    def repeated(self) -> tuple[Tensor, Tensor]:
        """Return target and weight of all views but the first, one after the other."""
        n_others = len(self.x) - 1
        ones = [1] * (self.target.ndim - 1)
        return self.target.repeat(n_others, *ones), self.weight.repeat(n_others)


def n_parts(n_rows: int) -> int:
    """Return into how many equal parts a batch is cut.

    >>> [n_parts(n_rows) for n_rows in (2048, 512, 500, 130)]
    [4, 2, 1, 1]
    """
    fitting = (
        n
        for n in range(MOST_PARTS, 1, -1)
        if n_rows % n == 0 and n_rows // n >= _LEAST_ROWS
    )
    return next(fitting, 1)


def is_written_out(decoder: nn.Module) -> bool:
    """Whether the gradients of a decoder are ours, not autograd's."""
    return (
        type(decoder) is Decoder
        and not decoder.dropout
        and decoder._compiled_call_impl is None
    )


@torch.no_grad()
def pass_written_out(lesson: Lesson, decoder: Decoder, loss: MeanLoss) -> Passed:
    """Go through our own decoder and back, all views at once; set its gradients."""
    layers, n_parts = decoder.layers(), lesson.n_parts
    n_views, n_rows, n_inputs = lesson.x.shape
    x = lesson.x.view(n_views * n_parts, n_rows // n_parts, n_inputs)
    output, inputs = layers.forward(x)
    with torch.enable_grad():
        flat = output.view(n_views * n_rows, -1).requires_grad_()
        own = every = loss(flat[:n_rows], (lesson.target, lesson.own_weight))
        if n_views > 1:
            every = own + loss(flat[n_rows:], lesson.repeated())
        (slope,) = torch.autograd.grad(every, flat)
    gradient = layers.backward(
        inputs, slope.view_as(output), n_parts, decoder.gradients()
    )
    decoder.share()
    return Passed(own.detach(), flat.detach()[:n_rows], gradient.view_as(lesson.x))


def pass_by_autograd(lesson: Lesson, decoder: nn.Module, loss: MeanLoss) -> Passed:
    """Go through any decoder and back: first to teach it, then to teach the tables."""
    own = lesson.x[0].detach().requires_grad_()
    output = decoder(own)
    value = loss(output, (lesson.target, lesson.own_weight))
    value.backward()  # type: ignore[no-untyped-call]
    assert own.grad is not None
    gradients = [own.grad[None]]
    if len(lesson.x) > 1:
        others = lesson.x[1:].detach().requires_grad_()
        seen = loss(decoder(others.flatten(0, 1)), lesson.repeated())
        gradients += torch.autograd.grad(seen, others)
    return Passed(value.detach(), output, torch.cat(gradients))
