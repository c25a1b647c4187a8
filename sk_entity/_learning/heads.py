"""One decoder a fold that never saw the fold's rows: predictions without leakage."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from skorch.utils import to_tensor
from torch import Tensor, nn

from sk_entity._learning.batches import BatchIterator, TensorRows
from sk_entity._learning.interruptible import InterruptibleNet
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.net import CosineRate
from sk_entity._learning.sizes import Schedule

#: Optimizer steps of the heads: the vectors stand still, so that few are enough.
HEAD_BUDGET = 1500
#: Rows of a step, at most: K + 1 heads read each, and larger batches were no better.
HEAD_BATCH = 256
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
        Source of the start.

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
        sizes = [n_inputs, *hidden_units, n_outputs]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(sizes):
            self.weights.append(nn.Parameter(torch.empty(n_heads, n_in, n_out)))
            self.biases.append(nn.Parameter(torch.empty(n_heads, 1, n_out)))
        self.skip = nn.Parameter(torch.empty(n_heads, n_inputs, n_outputs))
        self.reset_parameters(generator)

    @classmethod
    def of(cls, decoder: Decoder) -> "FoldHeads":
        """Return a trained decoder as the only head."""
        layers = [part for part in decoder.perceptron if isinstance(part, nn.Linear)]
        hidden_units = [layer.out_features for layer in layers[:-1]]
        n_inputs, n_outputs = decoder.skip.in_features, decoder.skip.out_features
        heads = cls(n_inputs, hidden_units, n_outputs, 1, torch.Generator())
        for k, layer in enumerate(layers):
            heads.weights[k].data[0] = layer.weight.data.T
            heads.biases[k].data[0] = layer.bias.data
        heads.biases[-1].data += decoder.skip.bias.data
        heads.skip.data[0] = decoder.skip.weight.data.T
        return heads

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start all heads alike, layers as PyTorch does and the skip at zero."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = max(weight.shape[1], 1) ** -0.5
            for parameter in (weight, bias):
                nn.init.uniform_(parameter[:1], -bound, bound, generator=generator)
                parameter.data[1:] = parameter.data[:1]
        nn.init.zeros_(self.skip)

    def forward(self, x: Tensor) -> Tensor:
        """Return the raw outputs of every head."""
        inputs = hidden = x.expand(self.n_heads, *x.shape)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = torch.baddbmm(bias, hidden, weight).relu()
        output = torch.baddbmm(self.biases[-1], hidden, self.weights[-1])
        return torch.baddbmm(output, inputs, self.skip)


class HeadNet(InterruptibleNet):
    """A skorch net that keeps from each head the rows of its fold.

    Parameters
    ----------
    module : FoldHeads
    *args, **kwargs : tuple, dict
        As skorch.NeuralNet.
    """

    def infer(self, x: Any, **fit_params: Any) -> Tensor:
        """Return the outputs of all heads."""
        return self.module_(to_tensor(x["numeric"], self.device))  # type: ignore[no-any-return]

    def get_loss(
        self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Sum the heads' mean losses over the rows that they may see."""
        target, weight, fold = to_tensor(y_true, device=self.device)
        n_heads, n_rows, n_outputs = y_pred.shape
        flat = y_pred.reshape(n_heads * n_rows, n_outputs)
        several = target.repeat(n_heads, *(1 for _ in target.shape[1:]))
        loss = self.criterion_(flat, several)
        own = torch.arange(n_heads, device=fold.device)[:, None]
        if loss.ndim == 0:
            # Of rows that judge each other: head by head, without the fold's.
            seen = [own[k] != fold for k in range(n_heads)]
            parts = [
                self.criterion_(y_pred[k][rows], target[rows])
                for k, rows in enumerate(seen)
                if rows.any()
            ]
            return torch.stack(parts).sum()
        mean: Tensor = (loss.view(n_heads, n_rows) * weight * (own != fold)).mean(1)
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
) -> FoldHeads:
    """Train a decoder for each fold on what the trained tables give out of fold.

    Head k never learns from the rows of fold k, the last one learns from all rows.

    Parameters
    ----------
    heads : FoldHeads
        As they start.
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

    Returns
    -------
    heads : FoldHeads
    """
    inputs = torch.cat([_vectors(module, dataset), dataset.numeric], dim=1)
    # The fold travels in the place of the lesson; without folds, a row has none.
    rows = TensorRows(
        codes=dataset.codes[:, :0],
        numeric=inputs,
        table=dataset.table,
        target=dataset.target,
        weight=dataset.weight,
        lesson=dataset.table if n_folds else torch.full_like(dataset.table, -1),
    )
    net = HeadNet(
        heads,
        criterion=criterion,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        optimizer__weight_decay=weight_decay,
        lr=learning_rate,
        max_epochs=plan.epochs,
        batch_size=plan.batch_size,
        iterator_train=BatchIterator,
        iterator_train__generator=generator,
        train_split=None,
        callbacks=[CosineRate(plan.steps)],
        device=dataset.weight.device,
        verbose=0,
    )
    fitted: FoldHeads = net.fit(rows, y=None).module_.eval()
    return fitted


@torch.no_grad()
def _vectors(module: EmbeddingNet, dataset: TensorRows) -> Tensor:
    """Return the out-of-fold vectors of all rows, looked up a part at a time."""
    parts = zip(
        dataset.codes.split(_LOOK_UP),  # type: ignore[no-untyped-call]
        dataset.table.split(_LOOK_UP),  # type: ignore[no-untyped-call]
        strict=True,
    )
    return torch.cat([module.tables(codes, table) for codes, table in parts])
