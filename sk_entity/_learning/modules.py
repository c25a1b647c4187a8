"""The torch modules: fold tables and the decoder that reads them all."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FoldTables(nn.Module):
    """Embedding tables of all columns, one for each fold and one for all rows.

    The vector of category c in table k is ``prior + deviation[k, c]``. The prior of a
    column is shared by its tables; deviations start at zero, so a category that a
    table never saw has exactly the prior, which is also the vector of unknown values
    (code 0). Columns of equal dimension share one gather.

    NOTE[DIFF] Guo & Berkhahn (2016) have one table a column, started at random.

    Parameters
    ----------
    n_codes : list of int
        Codes of each column, the unknown one included.
    dims : list of int
        Embedding dimension of each column.
    n_tables : int
        Number of folds plus one; the last table sees every row.
    counts : list of Tensor of shape (n_codes,)
        Weight of the rows of each code, a column each.
    generator : torch.Generator
        Source of the start of the priors.

    Shape
    -----
    codes (batch, n_columns), table (batch,) -> vectors (batch, sum of dims), and the
    penalty (batch,). Coordinates stand in the order of ``groups``: columns of the
    smallest dimension first.

    Examples
    --------
    >>> import torch
    >>> counts = [torch.ones(3), torch.ones(9)]
    >>> tables = FoldTables([3, 9], [1, 2], 6, counts, torch.Generator())
    >>> vectors, penalty = tables(torch.tensor([[1, 8]]), torch.tensor([5]))
    >>> vectors.shape, penalty.shape
    (torch.Size([1, 3]), torch.Size([1]))
    """

    def __init__(
        self,
        n_codes: Sequence[int],
        dims: Sequence[int],
        n_tables: int,
        counts: Sequence[Tensor],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_codes, self.dims, self.n_tables = list(n_codes), list(dims), n_tables
        self.groups = [
            [j for j, d in enumerate(self.dims) if d == dim]
            for dim in sorted(set(self.dims))
        ]
        self.deviation = nn.ParameterList()
        self.prior = nn.ParameterList()
        for g, columns in enumerate(self.groups):
            sizes = torch.tensor([self.n_codes[j] for j in columns])
            dim, rows = self.dims[columns[0]], int(sizes.sum())
            self.deviation.append(nn.Parameter(torch.zeros(n_tables * rows, dim)))
            self.prior.append(nn.Parameter(torch.empty(len(columns), dim)))
            self.register_buffer(f"columns_{g}", torch.tensor(columns))
            self.register_buffer(f"offset_{g}", torch.cumsum(sizes, 0) - sizes)
            # A row carries 1 / count of its category's penalty, in every table: a fold
            # table sees fewer rows and so gets as much less penalty, and shrinks its
            # vectors as far as the table of all rows does.
            seen = torch.cat([counts[j] for j in columns]).clamp(min=1e-12)
            self.register_buffer(f"share_{g}", seen.reciprocal())
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start deviations at zero and priors near it."""
        for deviation, prior in zip(self.deviation, self.prior, strict=True):
            nn.init.zeros_(deviation)
            nn.init.normal_(prior, std=0.05, generator=generator)

    def forward(self, codes: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Look the codes up, each row in its own table."""
        blocks, penalty = [], codes.new_zeros(len(codes), dtype=torch.float32)
        for g, (deviation, prior) in enumerate(
            zip(self.deviation, self.prior, strict=True)
        ):
            code = codes[:, getattr(self, f"columns_{g}")]
            per_table = len(deviation) // self.n_tables
            row = code + getattr(self, f"offset_{g}")
            known = code > 0
            delta = deviation[row + (table * per_table)[:, None]] * known[:, :, None]
            share = getattr(self, f"share_{g}")[row] * known
            penalty = penalty + (delta.square().sum(2) * share).sum(1)
            blocks.append((delta + prior).flatten(1))
        return torch.cat(blocks, dim=1), penalty

    @torch.no_grad()
    def tables(self) -> list[Tensor]:
        """Vectors of each column, shape (n_tables, n_codes, dim)."""
        result: list[Tensor] = [torch.empty(0)] * len(self.dims)
        for deviation, prior, columns in zip(
            self.deviation, self.prior, self.groups, strict=True
        ):
            stacked = deviation.view(self.n_tables, -1, deviation.shape[1])
            start = 0
            for i, j in enumerate(columns):
                block = stacked[:, start : start + self.n_codes[j]] + prior[i]
                block[:, 0] = prior[i]
                result[j] = block
                start += self.n_codes[j]
        return result


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

    def forward(self, x: Tensor) -> Tensor:
        """Return the raw output: a mean, a logit, or one logit a class."""
        return self.perceptron(x) + self.skip(x)  # type: ignore[no-any-return]


class EmbeddingNet(nn.Module):
    """Fold tables, masking of codes and the decoder.

    Parameters
    ----------
    tables : FoldTables
    decoder : nn.Module
        Reads ``tables.dims`` coordinates and the numeric inputs.
    unknown_probability : float
        Share of codes replaced by "unknown" while training, which trains the prior
        to stand for what is not known.
    generator : torch.Generator
        Source of the mask.

    Shape
    -----
    codes (batch, n_columns), numeric (batch, n_inputs), table (batch,) ->
    output (batch, n_outputs), penalty (batch,)
    """

    def __init__(
        self,
        tables: FoldTables,
        decoder: nn.Module,
        unknown_probability: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.tables = tables
        self.decoder = decoder
        self.unknown_probability = unknown_probability
        self._generator = [generator]

    def mask(self, codes: Tensor) -> Tensor:
        """Replace a random share of the codes by "unknown"."""
        shape = codes.shape
        drawn = torch.rand(shape, generator=self._generator[0]).to(codes.device)
        return codes * (drawn >= self.unknown_probability)

    def forward(
        self, codes: Tensor, numeric: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the decoder's output and the penalty of the rows' deviations."""
        vectors, penalty = self.tables(codes, table)
        return self.decoder(torch.cat([vectors, numeric], dim=1)), penalty


def _linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer with PyTorch's default start, from our generator."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)  # type: ignore[no-untyped-call]
    bound = max(n_in, 1) ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer  # type: ignore[no-any-return]
