"""One decoder a fold that never saw the fold's rows: predictions without leakage."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn

from sk_entity._learning.batches import BatchIterator, TensorRows
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.perceptron import Layers
from sk_entity._learning.sizes import Schedule
from sk_entity._learning.step import MOST_PARTS
from sk_entity._learning.threads import Threads

#: Optimizer steps of the heads: the vectors stand still, so that few are enough.
HEAD_BUDGET = 1500
#: Rows of a step, at most: K + 1 heads read each, and larger batches were no better.
HEAD_BATCH = 256
#: Hidden units of the heads beside a net of the user's.
HEAD_UNITS = (64, 32)
#: Rows whose vectors are looked up at a time.
_LOOK_UP = 65_536


class FoldHeads:
    """Stacked decoders: perceptrons with a linear skip, one a fold and one of all rows.

    Parameters
    ----------
    n_inputs : int
    hidden_units : tuple of int
    n_outputs : int
    n_heads : int
        Number of folds plus one.
    generator : torch.Generator
        Source of the start: all heads start alike, layers as PyTorch does and the skip
        at zero.
    device : torch.device or str, default="cpu"

    Attributes
    ----------
    numbers, gradient : Tensor of shape (n_numbers,)
        All that is learned, and its gradient.
    layers, gradients : Layers
        The same, as weights and biases.

    Examples
    --------
    >>> import torch
    >>> heads = FoldHeads(4, (8,), 1, 6, torch.Generator())
    >>> heads.layers.weights[0].shape
    torch.Size([6, 8, 4])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_units: Sequence[int],
        n_outputs: int,
        n_heads: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        sizes = [n_inputs, *hidden_units, n_outputs]
        shapes = [(n_heads, n_out, n_in) for n_in, n_out in pairwise(sizes)]
        shapes += [(n_heads, 1, n_out) for n_out in sizes[1:]]
        shapes.append((n_heads, n_outputs, n_inputs))
        n_numbers = sum(math.prod(shape) for shape in shapes)
        self.n_heads = n_heads
        # One tensor: an optimizer's step costs by the tensor.
        self.numbers = torch.zeros(n_numbers, device=device)
        self.gradient = torch.zeros_like(self.numbers)
        self.layers = _as_layers(self.numbers, shapes)
        self.gradients = _as_layers(self.gradient, shapes)
        layers = zip(self.layers.weights, self.layers.biases, strict=True)
        for weight, bias in layers:
            bound = max(weight.shape[2], 1) ** -0.5
            for part in (weight, bias):
                first = torch.empty(part.shape[1:])
                nn.init.uniform_(first, -bound, bound, generator=generator)
                part.copy_(first)

    @classmethod
    def of(cls, decoder: Decoder) -> "FoldHeads":
        """Return a trained decoder as the only head."""
        given = decoder.layers()
        n_outputs, n_inputs = given.skip.shape
        hidden_units = [len(bias) for bias in given.biases[:-1]]
        heads = cls(n_inputs, hidden_units, n_outputs, 1, torch.Generator())
        heads.start_from(given)
        return heads

    def start_from(self, given: Layers) -> None:
        """Start all heads from the numbers of one perceptron."""
        for own, other in zip(
            (*self.layers.weights, *self.layers.biases, self.layers.skip),
            (*given.weights, *given.biases, given.skip),
            strict=True,
        ):
            own.copy_(other)

    def learn(self, x: Tensor, loss: Callable[[Tensor], Tensor]) -> None:
        """Set the gradients of a batch.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
        loss : callable
            Of outputs of shape (n_heads, batch, n_outputs).
        """
        output, inputs = self.layers.forward(x.expand(self.n_heads, *x.shape))
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            (slope,) = torch.autograd.grad(loss(output), output)
        self.layers.backward(inputs, slope, self.n_heads, self.gradients)


def _as_layers(numbers: Tensor, shapes: Sequence[tuple[int, ...]]) -> Layers:
    parts = torch.split(numbers, [math.prod(shape) for shape in shapes])
    views = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
    n = len(shapes) // 2
    return Layers(views[:n], views[n:-1], views[-1])


def mean_losses(criterion: nn.Module, output: Tensor, rows: TensorRows) -> Tensor:
    """Sum the heads' mean losses over the rows that they may see.

    Parameters
    ----------
    criterion : nn.Module
    output : Tensor of shape (n_heads, batch, n_outputs)
    rows : TensorRows
        Head k does not see those of table k.
    """
    n_heads, n_rows, n_outputs = output.shape
    target, fold = rows.target, rows.table
    flat = output.reshape(n_heads * n_rows, n_outputs)
    several = target.repeat(n_heads, *(1 for _ in target.shape[1:]))
    loss: Tensor = criterion(flat, several)
    own = torch.arange(n_heads, device=fold.device)[:, None]
    if loss.ndim == 0:
        # Of rows that judge each other: head by head, without the fold's.
        seen = [own[k] != fold for k in range(n_heads)]
        parts = [
            criterion(output[k][rows], target[rows])
            for k, rows in enumerate(seen)
            if rows.any()
        ]
        return torch.stack(parts).sum()
    mean: Tensor = (loss.view(n_heads, n_rows) * rows.weight * (own != fold)).mean(1)
    return mean.sum()


def fit_heads(
    heads: FoldHeads,
    module: EmbeddingNet,
    dataset: TensorRows,
    plan: Schedule,
    criterion: nn.Module,
    n_folds: int,
    *,
    learning_rate: float,
    weight_decay: float,
    generator: torch.Generator,
    threads: Threads | None = None,
) -> None:
    """Train a decoder for each fold on what the trained tables give out of fold.

    Head k never learns from the rows of fold k, the last one learns from all rows.

    Parameters
    ----------
    heads : FoldHeads
        As they start; they learn.
    module : EmbeddingNet
        The trained net; its tables stand still.
    dataset : TensorRows
        The training rows.
    plan : Schedule
    criterion : nn.Module
        One loss a row.
    n_folds : int
        0: one head, which sees all rows.
    learning_rate, weight_decay : float
    generator : torch.Generator
        Shuffles the rows.
    threads : Threads or None, default=None
        Those that a step may use; None: one.
    """
    rows = TensorRows(
        codes=dataset.codes[:, :0],
        numeric=torch.cat([_vectors(module, dataset), dataset.numeric], dim=1),
        # Without folds, no head is to miss a row.
        table=dataset.table if n_folds else torch.full_like(dataset.table, -1),
        target=dataset.target,
        weight=dataset.weight,
        lesson=dataset.lesson,
    )
    numbers = nn.Parameter(heads.numbers)
    numbers.grad = heads.gradient
    optimizer = torch.optim.Adam(
        [numbers], lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    # With fewer heads than threads, a sum would be shared by several.
    switch = threads if threads and heads.n_heads >= MOST_PARTS else nullcontext
    for step, batch in enumerate(_batches(rows, plan, generator)):
        share = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        optimizer.param_groups[0]["lr"] = learning_rate * share

        def loss(output: Tensor, batch: TensorRows = batch) -> Tensor:
            return mean_losses(criterion, output, batch)

        with switch(), torch.no_grad():
            heads.learn(batch.numeric, loss)
        optimizer.step()


def _batches(
    rows: TensorRows, plan: Schedule, generator: torch.Generator
) -> Iterator[TensorRows]:
    batches = BatchIterator(rows, plan.batch_size, generator)
    for _ in range(plan.epochs):
        yield from batches.whole()


@torch.no_grad()
def _vectors(module: EmbeddingNet, dataset: TensorRows) -> Tensor:
    """Return the out-of-fold vectors of all rows, looked up a part at a time."""
    parts = zip(
        dataset.codes.split(_LOOK_UP),  # type: ignore[no-untyped-call]
        dataset.table.split(_LOOK_UP),  # type: ignore[no-untyped-call]
        strict=True,
    )
    return torch.cat([module.tables(codes, table) for codes, table in parts])
