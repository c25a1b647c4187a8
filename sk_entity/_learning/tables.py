"""The embedding tables of every fold, and what one batch reads and writes of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sk_entity._learning.lazy_adam import LazyAdam


class FoldTables(nn.Module):
    """Embedding tables of all columns, one for each fold and one for all rows.

    The vector of category c in table k is ``prior + deviation[c, k]``. The prior of a
    column is shared by its tables; deviations start at zero, so a category that a
    table never saw has exactly the prior, which is also the vector of unknown values
    (code 0). The deviations of a category in all tables stand side by side. Those of
    all columns are one flat block, so that a batch needs one gather; large columns,
    whose rows are updated lazily, have blocks of their own.

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
    lazy : list of bool or None, default=None
        The columns whose rows are loaded when a batch needs them; None: no column.

    Attributes
    ----------
    groups : list of list of int
        The columns of each block.
    order : list of int
        The columns as ``forward`` orders them: small ones first, then lazy ones.

    Shape
    -----
    codes (batch, n_columns), table (batch,) -> vectors (batch, sum of dims).

    Examples
    --------
    >>> import torch
    >>> counts = [torch.ones(3), torch.ones(9)]
    >>> tables = FoldTables([3, 9], [1, 2], 6, counts, torch.Generator())
    >>> tables(torch.tensor([[1, 8]]), torch.tensor([5])).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        n_codes: Sequence[int],
        dims: Sequence[int],
        n_tables: int,
        counts: Sequence[Tensor],
        generator: torch.Generator,
        lazy: Sequence[bool] | None = None,
    ) -> None:
        super().__init__()
        self.n_codes, self.dims, self.n_tables = list(n_codes), list(dims), n_tables
        lazy = lazy or [False] * len(self.dims)
        small = [j for j, is_lazy in enumerate(lazy) if not is_lazy]
        large = [j for j, is_lazy in enumerate(lazy) if is_lazy]
        self.groups = ([small] if small else []) + [[j] for j in large]
        self.order = small + large
        self.deviation = nn.ParameterList()
        for columns in self.groups:
            shapes = [(self.n_codes[j], n_tables * self.dims[j]) for j in columns]
            flat = (sum(math.prod(shape) for shape in shapes),)
            shape = flat if columns == small else shapes[0]
            self.deviation.append(nn.Parameter(torch.empty(shape)))
        self.prior = nn.Parameter(torch.empty(sum(self.dims)))
        plans = [
            _BlockPlan(columns, self.n_codes, self.dims, n_tables, counts)
            for columns in self.groups
        ]
        self.plans: Sequence[_BlockPlan] = nn.ModuleList(plans)  # type: ignore[assignment]
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start deviations at zero and priors near it."""
        for deviation in self.deviation:
            nn.init.zeros_(deviation)
        nn.init.normal_(self.prior, std=0.05, generator=generator)

    def is_lazy(self, group: int) -> bool:
        """Whether the rows of a block are loaded when a batch needs them."""
        return len(self.deviation[group].shape) == 2

    def coordinate_order(self) -> Tensor:
        """Return which coordinate each of ``forward``'s is, column by column."""
        dims = torch.tensor(self.dims)
        starts = dims.cumsum(0) - dims
        return torch.cat([torch.arange(self.dims[j]) + starts[j] for j in self.order])

    def forward(self, codes: Tensor, table: Tensor) -> Tensor:
        """Look the codes up, each row in its own table."""
        codes = codes.long()  # a large table has more places than int32 counts
        found = [
            deviation.view(-1)[plan.places(plan.first(codes), table[:, None])]
            for deviation, plan in zip(self.deviation, self.plans, strict=True)
        ]
        return torch.cat(found, dim=2)[:, 0] + self.prior

    def load(self, codes: Tensor, optimizer: torch.optim.Optimizer) -> "Loaded":
        """Return what a training step needs to read and write.

        Parameters
        ----------
        codes : Tensor of shape (batch, n_columns), int32
        optimizer : Optimizer
            A `LazyAdam` if there are lazy blocks.

        Returns
        -------
        loaded : Loaded

        Notes
        -----
        Gradients add to those that the parameters hold. The rows of lazy blocks come
        from ``optimizer``, brought up to date.
        """
        blocks = []
        for g, (deviation, plan) in enumerate(
            zip(self.deviation, self.plans, strict=True)
        ):
            if self.is_lazy(g):
                assert isinstance(optimizer, LazyAdam)
                rows = codes[:, plan.columns[0]].long()
                weight, gradient, place = optimizer.load(deviation, rows)
                first = (place * weight.shape[1]).to(codes.dtype)[:, None]
            else:
                weight = deviation.detach()
                if deviation.grad is None:
                    deviation.grad = torch.zeros_like(weight)
                first, gradient = plan.first(codes), deviation.grad
            blocks.append(
                Block(
                    plan, weight.view(-1), gradient.view(-1), first, plan.share(codes)
                )
            )
        return Loaded(blocks)

    @torch.no_grad()
    def tables(self) -> list[Tensor]:
        """Vectors of each column, shape (n_tables, n_codes, dim)."""
        result: list[Tensor] = [torch.empty(0)] * len(self.dims)
        start_prior = 0
        for deviation, columns in zip(self.deviation, self.groups, strict=True):
            start, flat = 0, deviation.view(-1)
            for j in columns:
                shape = (self.n_codes[j], self.n_tables, self.dims[j])
                end = start + self.n_codes[j] * self.n_tables * self.dims[j]
                prior = self.prior[start_prior : start_prior + self.dims[j]]
                result[j] = flat[start:end].view(shape).transpose(0, 1) + prior
                start, start_prior = end, start_prior + self.dims[j]
        return result


class _BlockPlan(nn.Module):
    """Where the vectors of one block's columns stand in its flat memory."""

    def __init__(
        self,
        columns: Sequence[int],
        n_codes: Sequence[int],
        dims: Sequence[int],
        n_tables: int,
        counts: Sequence[Tensor],
    ) -> None:
        super().__init__()
        # int32, so that places are int32 where codes are: half the memory to move.
        dim = torch.tensor([dims[j] for j in columns], dtype=torch.int32)
        size = torch.tensor([n_codes[j] for j in columns], dtype=torch.int32)
        width = dim * n_tables  # of one category, all tables
        self.columns: Tensor
        self.width: Tensor
        self.start: Tensor
        self.dim: Tensor
        self.column: Tensor
        self.coordinate: Tensor
        self.first_code: Tensor
        self.shares: Tensor
        self.register_buffer("columns", torch.tensor(columns))
        self.register_buffer("width", width)
        self.register_buffer("start", _starts(size * width))
        self.register_buffer("dim", dim)
        # Of each coordinate: its column in the block and its place in the vector.
        self.register_buffer("column", torch.arange(len(dim)).repeat_interleave(dim))
        places = [torch.arange(int(d), dtype=torch.int32) for d in dim]
        self.register_buffer("coordinate", torch.cat(places))
        self.register_buffer("first_code", _starts(size))
        # A row carries 1 / count of its category's penalty, in every table: a fold
        # table sees fewer rows and so gets as much less penalty, and shrinks its
        # vectors as far as the table of all rows does. The unknown code has none.
        shares = torch.cat([counts[j] for j in columns]).clamp(min=1e-12).reciprocal()
        shares[self.first_code.long()] = 0
        self.register_buffer("shares", shares)

    def first(self, codes: Tensor) -> Tensor:
        """Where the first coordinate of each cell stands, in table 0."""
        return codes.index_select(1, self.columns) * self.width + self.start

    def share(self, codes: Tensor) -> Tensor:
        """One over the count of each cell's category, by coordinate; 0 if unknown."""
        number = codes.index_select(1, self.columns) + self.first_code
        of_cell = self.shares.index_select(0, number.flatten()).view(number.shape)
        return of_cell.index_select(1, self.column)

    def places(self, first: Tensor, table: Tensor) -> Tensor:
        """Where each coordinate stands: (batch, n_views, n_coordinates)."""
        cell = first[:, None] + table[:, :, None] * self.dim
        return cell.index_select(2, self.column) + self.coordinate


def _starts(sizes: Tensor) -> Tensor:
    return (sizes.cumsum(0) - sizes).to(sizes.dtype)


@dataclass(frozen=True, eq=False)
class Block:
    """One block as a batch sees it.

    Attributes
    ----------
    plan : _BlockPlan
    weight, gradient : Tensor of shape (size,)
    first : Tensor of shape (batch, n_columns), int64
    share : Tensor of shape (batch, n_coordinates)
    """

    plan: _BlockPlan
    weight: Tensor
    gradient: Tensor
    first: Tensor
    share: Tensor


@dataclass(frozen=True, eq=False)
class View:
    """Deviations of the rows of a batch in some tables, and where they come from.

    Attributes
    ----------
    deviation : Tensor of shape (batch, n_views, n_coordinates)
    places : list of Tensor of shape (batch, n_views, n_coordinates_of_block)
    """

    deviation: Tensor
    places: list[Tensor]


@dataclass(frozen=True, eq=False)
class Loaded:
    """The deviations that one batch needs, of all blocks."""

    blocks: list[Block]

    def look_up(self, table: Tensor) -> View:
        """Read tables ``table``, shape (batch, n_views), of each row."""
        places = [block.plan.places(block.first, table) for block in self.blocks]
        found = [
            block.weight.index_select(0, place.flatten()).view(place.shape)
            for block, place in zip(self.blocks, places, strict=True)
        ]
        deviation = found[0] if len(found) == 1 else torch.cat(found, dim=2)
        return View(deviation, places)

    def learn(self, view: View, gradient: Tensor, strength: Tensor) -> None:
        """Add the gradients of a loss and of the penalty to those of the tables.

        The penalty is half of ``strength`` times the share of the row times the
        squared deviation.

        Parameters
        ----------
        view : View
        gradient : Tensor of shape (batch, n_views, n_coordinates)
        strength : Tensor of shape (batch,)
        """
        start = 0
        for block, place in zip(self.blocks, view.places, strict=True):
            end = start + place.shape[2]
            known = (block.share > 0)[:, None]
            penalty = (block.share * strength[:, None])[:, None]
            total = torch.addcmul(
                gradient[:, :, start:end] * known,
                view.deviation[:, :, start:end],
                penalty,
            )
            block.gradient.index_add_(0, place.flatten(), total.flatten())
            start = end
