"""One decoder a fold that never saw the fold's rows: predictions without leakage."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sk_entity._features import Folds
from sk_entity._learning.batches import BatchIterator, TensorRows
from sk_entity._learning.kernel import HeadKernel, can_learn, seen_by_heads
from sk_entity._learning.losses import OneLoss
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.sizes import Schedule
from sk_entity._progress import HEADS, TABLES, Progress
from sk_entity._workers import Workers

#: Optimizer steps of the heads: the vectors stand still, so that few are enough.
HEAD_BUDGET = 600
#: Rows of a step, at most: K + 1 heads read each, and larger batches were no better.
HEAD_BATCH = 256
#: Their learning rate over that of the tables.
HEAD_RATE = 2.0
#: Hidden units of the heads beside a net of the user's.
HEAD_UNITS = (64, 32)
#: Rows whose vectors are looked up at a time.
_LOOK_UP = 65_536


class FoldHeads(nn.Module):
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

    Attributes
    ----------
    numbers : Parameter of shape (n_heads, n_numbers)
        All that is learned: an optimizer's step costs by the tensor.

    Shape
    -----
    (batch, n_inputs) -> (n_heads, batch, n_outputs)

    Examples
    --------
    >>> import torch
    >>> heads = FoldHeads(4, (8,), 1, 6, torch.Generator())
    >>> heads(torch.zeros(10, 4)).shape
    torch.Size([6, 10, 1])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_units: Sequence[int],
        n_outputs: int,
        n_heads: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.sizes = [n_inputs, *hidden_units, n_outputs]
        shapes = [(n_out, n_in) for n_in, n_out in pairwise(self.sizes)]
        shapes += [(1, n_out) for n_out in self.sizes[1:]]
        self._shapes = [*shapes, (n_outputs, n_inputs)]
        n_numbers = sum(n_out * n_in for n_out, n_in in self._shapes)
        self.numbers = nn.Parameter(torch.zeros(n_heads, n_numbers))
        self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start all heads alike, layers as PyTorch does and the skip at zero."""
        weights, biases, skip = self.layers()
        nn.init.zeros_(skip)
        for weight, bias in zip(weights, biases, strict=True):
            bound = max(weight.shape[2], 1) ** -0.5
            for part in (weight, bias):
                first = torch.empty(part.shape[1:])
                part.copy_(nn.init.uniform_(first, -bound, bound, generator=generator))

    def layers(self) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return weights, biases and the skip, as parts of the numbers.

        Returns
        -------
        weights : list of Tensor of shape (n_heads, n_out, n_in)
        biases : list of Tensor of shape (n_heads, 1, n_out)
        skip : Tensor of shape (n_heads, n_outputs, n_inputs)
        """
        sizes = [n_out * n_in for n_out, n_in in self._shapes]
        parts = [
            part.view(self.n_heads, *shape)
            for part, shape in zip(
                self.numbers.split(sizes, dim=1),  # type: ignore[no-untyped-call]
                self._shapes,
                strict=True,
            )
        ]
        n = len(parts) // 2
        return parts[:n], parts[n:-1], parts[-1]

    @classmethod
    def of(cls, decoder: Decoder) -> "FoldHeads":
        """Return a trained decoder as the only head."""
        linear = decoder.linear
        hidden_units = [layer.out_features for layer in linear[:-1]]
        n_outputs, n_inputs = decoder.skip.weight.shape
        heads = cls(n_inputs, hidden_units, n_outputs, 1, torch.Generator())
        biases: list[Tensor] = [layer.bias for layer in linear]
        biases[-1] = biases[-1] + decoder.skip.bias
        heads.start_from(
            [layer.weight for layer in linear], biases, decoder.skip.weight
        )
        return heads

    @torch.no_grad()
    def start_from(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], skip: Tensor
    ) -> None:
        """Start all heads from the numbers of one perceptron."""
        own = self.layers()
        for part, given in zip(
            (*own[0], *own[1], own[2]), (*weights, *biases, skip), strict=True
        ):
            part.copy_(given)

    @torch.no_grad()
    def set_constant(
        self, some: NDArray[np.bool_], output: NDArray[np.float64]
    ) -> None:
        """Let some heads say the same of every row."""
        chosen = torch.as_tensor(some, device=self.numbers.device)
        self.numbers[chosen] = 0.0
        self.layers()[1][-1][chosen] = torch.as_tensor(output).to(self.numbers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the raw outputs of every head."""
        weights, biases, skip = self.layers()
        inputs = hidden = x.expand(self.n_heads, *x.shape)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            hidden = torch.baddbmm(bias, hidden, weight.mT).relu()
        output = torch.baddbmm(biases[-1], hidden, weights[-1].mT)
        return torch.baddbmm(output, inputs, skip.mT)


def mean_losses(
    criterion: nn.Module,
    output: Tensor,
    rows: TensorRows,
    teaches: Tensor | None = None,
) -> Tensor:
    """Sum the heads' mean losses over the rows that they may see.

    Parameters
    ----------
    criterion : nn.Module
    output : Tensor of shape (n_heads, batch, n_outputs)
    rows : TensorRows
        Head k does not see those of table k, unless ``teaches`` is given.
    teaches : Tensor of shape (n_parts, n_heads), bool, or None, default=None
        Whether a head sees each part of the rows.
    """
    n_heads, n_rows, n_outputs = output.shape
    target = rows.target
    flat = output.reshape(n_heads * n_rows, n_outputs)
    several = target.repeat(n_heads, *(1 for _ in target.shape[1:]))
    loss: Tensor = criterion(flat, several)
    seen = seen_by_heads(rows, n_heads, teaches)
    if loss.ndim == 0:
        # Of rows that judge each other: head by head, without those it may not see.
        parts = [
            criterion(output[k][some], target[some])
            for k, some in enumerate(seen)
            if some.any()
        ]
        return torch.stack(parts).sum()
    mean: Tensor = (loss.view(n_heads, n_rows) * rows.weight * seen).mean(1)
    return mean.sum()


def fit_heads(
    heads: FoldHeads,
    module: EmbeddingNet,
    dataset: TensorRows,
    plan: Schedule,
    criterion: nn.Module,
    folds: Folds,
    *,
    learning_rate: float,
    weight_decay: float,
    generator: torch.Generator,
    workers: Workers,
    progress: Progress,
) -> None:
    """Train a decoder for each fold on what the trained tables give out of fold.

    Head k learns from the rows that teach table k, the last one from all rows.

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
    folds : Folds
        Without any, there is one head, which sees all rows.
    learning_rate, weight_decay : float
    generator : torch.Generator
        Shuffles the rows.
    workers : Workers
        Share the heads.
    progress : Progress
    """
    rows = TensorRows(
        codes=dataset.codes[:, :0],
        numeric=torch.cat([_vectors(module, dataset), dataset.numeric], dim=1),
        # Without folds, no head is to miss a row.
        table=dataset.table if folds.n_folds else torch.full_like(dataset.table, -1),
        target=dataset.target,
        weight=dataset.weight,
        lesson=dataset.lesson,
        part=dataset.part,
    )
    teaches = None
    if folds.teaches is not None:
        teaches = torch.as_tensor(folds.teaches, device=rows.weight.device)
    optimizer = torch.optim.Adam(
        heads.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    kernel = None
    if can_learn(criterion, heads, rows.weight.device.type):
        assert isinstance(criterion, OneLoss)
        kernel = HeadKernel(heads, criterion, workers, teaches)
    for step, batch in enumerate(_batches(rows, plan, generator)):
        share = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        optimizer.param_groups[0]["lr"] = learning_rate * share
        if kernel is None:
            optimizer.zero_grad()
            loss = mean_losses(criterion, heads(batch.numeric), batch, teaches)
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            kernel.step(batch.numeric, batch)
        optimizer.step()
        progress.report(TABLES + (HEADS - TABLES) * step / plan.steps, "predictions")


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
