"""The embedding tables of every fold."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sk_entity._categories import Layout
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.loaded import Block, Loaded
from sk_entity._learning.plans import BagPlan, Plan, RowPlan, starts_of


class FoldTables(nn.Module):
    """Embedding tables, each once a fold and once for all rows.

    The vector of category c in table k is ``prior + deviation[c, k]``. The prior is
    shared by the folds; deviations start at zero, so a category that a fold's table
    never saw has exactly the prior, which is also the vector of unknown values
    (code 0). Tables that start from given vectors have ``prior + base[c] + deviation``,
    with a base that stands still. The deviations of a category in all folds stand
    side by side. Those of most tables are one flat block, so that a batch needs one
    gather; large tables, whose rows are updated lazily, and those whose cells are bags
    have blocks of their own.

    NOTE[DIFF] Guo & Berkhahn (2016) have one table a column, started at random.

    Parameters
    ----------
    layout : Layout
    n_tables : int
        Number of folds plus one; the last table sees every row.
    counts : list of Tensor of shape (n_codes,)
        Weight of the rows of each code, one entry a table.
    generator : torch.Generator
        Source of the start of the priors.
    lazy : list of bool or None, default=None
        The tables whose rows are loaded when a batch needs them; None: no table.
    bases : list of Tensor of shape (n_codes, dim) or None, default=None
        The bases of tables that have one.
    frozen : list of bool or None, default=None
        The tables that do not learn; None: all learn.

    Attributes
    ----------
    blocks : list of list of int
        The tables of each block.
    order : list of int
        The columns as ``forward`` orders them, block by block.

    Shape
    -----
    codes (batch, n_columns), table (batch,) -> vectors (batch, sum of dims).

    Examples
    --------
    >>> import torch
    >>> from sk_entity._categories import Layout
    >>> counts = [torch.ones(3), torch.ones(9)]
    >>> layout = Layout.plain([3, 9], [1, 2])
    >>> tables = FoldTables(layout, 6, counts, torch.Generator())
    >>> tables(torch.tensor([[1, 8]]), torch.tensor([5])).shape
    torch.Size([1, 3])
    """

    prior_of: Tensor
    learns: Tensor

    def __init__(
        self,
        layout: Layout,
        n_tables: int,
        counts: Sequence[Tensor],
        generator: torch.Generator,
        lazy: Sequence[bool] | None = None,
        bases: Sequence[Tensor | None] | None = None,
        frozen: Sequence[bool] | None = None,
    ) -> None:
        super().__init__()
        self.layout, self.n_tables = layout, n_tables
        n = len(layout.n_codes)
        bagged = {t for t, b in zip(layout.table_of, layout.bags, strict=True) if b}
        lazily = [bool(lazy and lazy[t]) for t in range(n)]
        small = [t for t in range(n) if not lazily[t] and t not in bagged]
        self.blocks = ([small] if small else []) + [
            [t] for t in range(n) if t not in small
        ]
        self.deviation = nn.ParameterList()
        for tables in self.blocks:
            shapes = [(layout.n_codes[t], n_tables * layout.dims[t]) for t in tables]
            flat = (sum(math.prod(shape) for shape in shapes),)
            shape = shapes[0] if lazily[tables[0]] else flat
            self.deviation.append(nn.Parameter(torch.empty(shape)))
        self.prior = nn.Parameter(torch.empty(sum(layout.dims)))
        bases = [None] * n if bases is None else list(bases)
        frozen = [False] * n if frozen is None else list(frozen)
        shares = [
            torch.zeros_like(count) if still else _shares(count)
            for count, still in zip(counts, frozen, strict=True)
        ]
        stands = torch.tensor(frozen).repeat_interleave(torch.tensor(layout.dims))
        plans = [
            (BagPlan if tables[0] in bagged else RowPlan)(
                layout, tables, n_tables, shares, bases
            )
            for tables in self.blocks
        ]
        self.plans: Sequence[Plan] = nn.ModuleList(plans)  # type: ignore[assignment]
        self.order = [j for plan in plans for j in plan.columns.tolist()]
        self.register_buffer("prior_of", self._prior_of())
        self.register_buffer("learns", (~stands).float())
        self.reset_parameters(generator)

    def _prior_of(self) -> Tensor:
        """Which prior each coordinate of ``forward`` has."""
        starts = starts_of(torch.tensor(self.layout.dims)).tolist()
        tables = [self.layout.table_of[j] for j in self.order]
        return torch.cat(
            [starts[t] + torch.arange(self.layout.dims[t]) for t in tables]
        )

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start deviations at zero and priors near it."""
        for deviation in self.deviation:
            nn.init.zeros_(deviation)
        nn.init.normal_(self.prior, std=0.05, generator=generator)

    def is_lazy(self, block: int) -> bool:
        """Whether the rows of a block are loaded when a batch needs them."""
        return len(self.deviation[block].shape) == 2

    def coordinate_order(self) -> Tensor:
        """Return which coordinate each of ``forward``'s is, column by column."""
        dims = torch.tensor(self.layout.column_dims)
        starts = starts_of(dims)
        return torch.cat([torch.arange(int(dims[j])) + starts[j] for j in self.order])

    def priors(self) -> Tensor:
        """Return the prior of each coordinate of ``forward``."""
        return self.prior.index_select(0, self.prior_of)

    def learn_priors(self, gradient: Tensor) -> None:
        """Set the gradient of the priors from that of each coordinate."""
        self.prior.grad = torch.zeros_like(self.prior).index_add_(
            0, self.prior_of, gradient
        )
        self.prior.grad.mul_(self.learns)

    def forward(self, codes: Tensor, table: Tensor) -> Tensor:
        """Look the codes up, each row in its own table."""
        codes = codes.long()  # a large table has more places than int32 counts
        found = []
        for deviation, plan in zip(self.deviation, self.plans, strict=True):
            index = plan.index(codes)
            place = plan.places(index, plan.first(index), table[:, None])
            base = plan.base(index)
            vector = plan.pool(index, deviation.view(-1)[place])
            found.append(vector if base is None else vector + base)
        return torch.cat(found, dim=2)[:, 0] + self.priors()

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
        for b, (deviation, plan) in enumerate(
            zip(self.deviation, self.plans, strict=True)
        ):
            index = plan.index(codes)
            if self.is_lazy(b):
                assert isinstance(optimizer, LazyAdam)
                rows = index.code.flatten().long()
                weight, gradient, place = optimizer.load(deviation, rows)
                first = (place * weight.shape[1]).to(codes.dtype)
                first = first.view(index.code.shape)
            else:
                weight = deviation.detach()
                if deviation.grad is None:
                    deviation.grad = torch.zeros_like(weight)
                first, gradient = plan.first(index), deviation.grad
            blocks.append(Block(plan, index, weight.view(-1), gradient.view(-1), first))
        return Loaded(blocks)

    @torch.no_grad()
    def tables(self) -> list[Tensor]:
        """Vectors of each table, shape (n_tables, n_codes, dim)."""
        result: list[Tensor] = [torch.empty(0)] * len(self.layout.dims)
        priors = torch.split(self.prior, self.layout.dims)
        for deviation, tables in zip(self.deviation, self.blocks, strict=True):
            start, flat = 0, deviation.view(-1)
            for t in tables:
                shape = (self.layout.n_codes[t], self.n_tables, self.layout.dims[t])
                end = start + math.prod(shape)
                result[t] = flat[start:end].view(shape).transpose(0, 1) + priors[t]
                start = end
        for plan, tables in zip(self.plans, self.blocks, strict=True):
            for t, base in zip(tables, plan.split_bases(), strict=False):
                result[t] = result[t] + base
        return result


def _shares(count: Tensor) -> Tensor:
    """One over the count of each category.

    A row carries 1 / count of its category's penalty, in every table: a fold table sees
    fewer rows and so gets as much less penalty, and shrinks its vectors as far as the
    table of all rows does. The unknown code has none.
    """
    share = count.clamp(min=1e-12).reciprocal()
    share[0] = 0
    return share
