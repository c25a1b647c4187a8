"""The torch modules: the decoder, and the net of tables and decoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sk_entity._learning.tables import FoldTables


class Dropout(nn.Module):
    """Dropout that draws from its own generator, not from torch's global one."""

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self._generator = [generator]  # in a list: not deep-copied by `copy`

    def forward(self, x: Tensor) -> Tensor:
        """Zero entries with probability p while training, and rescale."""
        if not self.training or self.p == 0:
            return x
        keep = torch.rand(x.shape, generator=self._generator[0]).to(x.device) >= self.p
        return x * keep / (1 - self.p)


class Decoder(nn.Module):
    """A small perceptron plus a linear skip, from vectors and numbers to the output.

    Shape
    -----
    (batch, n_inputs) -> (batch, n_outputs)
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_units: Sequence[int],
        n_outputs: int,
        dropout: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = n_inputs
        for units in hidden_units:
            layers += [_linear(width, units, generator), nn.ReLU()]
            if dropout:
                layers.append(Dropout(dropout, generator))
            width = units
        layers.append(_linear(width, n_outputs, generator))
        self.perceptron = nn.Sequential(*layers)
        self.skip = _linear(n_inputs, n_outputs, generator)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return the raw output: a mean, a logit, or one logit a class."""
        return self.perceptron(x) + self.skip(x)  # type: ignore[no-any-return]

    @property
    def linear(self) -> list[nn.Linear]:
        """Its layers."""
        return [part for part in self.perceptron if isinstance(part, nn.Linear)]


class EmbeddingNet(nn.Module):
    """Fold tables and the decoder.

    Parameters
    ----------
    tables : FoldTables
    decoder : nn.Module
        Reads the columns' coordinates and the numeric inputs.
    Shape
    -----
    codes (batch, n_columns), numeric (batch, n_inputs), table (batch,) ->
    output (batch, n_outputs)
    """

    def __init__(self, tables: FoldTables, decoder: nn.Module) -> None:
        super().__init__()
        self.tables = tables
        self.decoder = decoder

    def forward(self, codes: Tensor, numeric: Tensor, table: Tensor) -> Tensor:
        """Return the decoder's output."""
        vectors = self.tables(codes, table)
        return self.decoder(torch.cat([vectors, numeric], dim=1))  # type: ignore[no-any-return]


def _linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer with PyTorch's default start, from our generator."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)  # type: ignore[no-untyped-call]
    bound = max(n_in, 1) ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer  # type: ignore[no-any-return]
