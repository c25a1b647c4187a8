"""The embedding tables of every fold, and what one batch reads and writes of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sk_entity._categories import Layout
from sk_entity._learning.lazy_adam import LazyAdam


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
            (_BagPlan if tables[0] in bagged else _RowPlan)(
                layout, tables, n_tables, shares, bases
            )
            for tables in self.blocks
        ]
        self.plans: Sequence[_Plan] = nn.ModuleList(plans)  # type: ignore[assignment]
        self.order = [j for plan in plans for j in plan.columns.tolist()]
        self.register_buffer("prior_of", self._prior_of())
        self.register_buffer("learns", (~stands).float())
        self.reset_parameters(generator)

    def _prior_of(self) -> Tensor:
        """Which prior each coordinate of ``forward`` has."""
        starts = _starts(torch.tensor(self.layout.dims)).tolist()
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
        starts = _starts(dims)
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


@dataclass(frozen=True, eq=False)
class _Index:
    """Which table rows the cells of a batch read.

    Attributes
    ----------
    code : Tensor of shape (batch, n_columns), or (n_entries,) for bags
    owner : Tensor of shape (n_entries,) or None
        The cell of each entry of the bags: row by row, column by column.
    row : Tensor of shape (n_entries,) or None
        The row of the batch of each entry of the bags.
    share : Tensor of shape (n_entries,) or None
        Its part in the bag's mean.
    """

    code: Tensor
    owner: Tensor | None = None
    row: Tensor | None = None
    share: Tensor | None = None


class _Plan(Protocol):
    """Where the vectors of one block's columns stand in its flat memory.

    ``index``: which table rows a batch reads. ``first``: where the first coordinate of
    each stands, in table 0. ``places``: where each coordinate stands in some tables.
    ``pool``: from the numbers that stand there to deviations of shape (batch, n_views,
    n_coordinates); ``spread``: a gradient of these back to the places. ``penalty``:
    one over the count of each category, 0 if unknown, broadcast over places. ``base``:
    what stands under the deviations, shape (batch, 1, n_coordinates), or None.
    """

    columns: Tensor
    n_coordinates: int

    def index(self, codes: Tensor) -> _Index: ...
    def first(self, index: _Index) -> Tensor: ...
    def places(self, index: _Index, first: Tensor, table: Tensor) -> Tensor: ...
    def pool(self, index: _Index, values: Tensor) -> Tensor: ...
    def spread(self, index: _Index, gradient: Tensor) -> Tensor: ...
    def penalty(self, index: _Index, strength: Tensor) -> tuple[Tensor, Tensor]: ...
    def base(self, index: _Index) -> Tensor | None: ...
    def split_bases(self) -> list[Tensor]: ...


class _RowPlan(nn.Module):
    """Cells that are one table row each: of many tables, or of one."""

    def __init__(
        self,
        layout: Layout,
        tables: Sequence[int],
        n_tables: int,
        shares: Sequence[Tensor],
        bases: Sequence[Tensor | None],
    ) -> None:
        super().__init__()
        # Columns in their own order, so that the tables' order does not matter.
        columns = [j for j, t in enumerate(layout.table_of) if t in tables]
        of = torch.tensor([list(tables).index(layout.table_of[j]) for j in columns])
        # int32, so that places are int32 where codes are: half the memory to move.
        dim = torch.tensor([layout.dims[t] for t in tables], dtype=torch.int32)
        size = torch.tensor([layout.n_codes[t] for t in tables], dtype=torch.int32)
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
        self.register_buffer("width", width[of])
        self.register_buffer("start", _starts(size * width)[of])
        self.register_buffer("dim", dim[of])
        # Of each coordinate: its column in the block and its place in the vector.
        column = torch.arange(len(columns)).repeat_interleave(dim[of])
        self.register_buffer("column", column)
        self.n_coordinates = len(column)
        places = [torch.arange(int(d), dtype=torch.int32) for d in dim[of]]
        self.register_buffer("coordinate", torch.cat(places))
        self.register_buffer("first_code", _starts(size)[of])
        self.register_buffer("shares", torch.cat([shares[t] for t in tables]))
        self.bases: Tensor | None
        self.first_base: Tensor
        self.register_buffer("bases", _flat_bases(layout, tables, bases))
        self.register_buffer("first_base", _starts(size * dim)[of])
        self._shapes = [(layout.n_codes[t], layout.dims[t]) for t in tables]

    def index(self, codes: Tensor) -> _Index:
        return _Index(codes.index_select(1, self.columns))

    def first(self, index: _Index) -> Tensor:
        return index.code * self.width + self.start

    def places(self, index: _Index, first: Tensor, table: Tensor) -> Tensor:
        cell = first[:, None] + table[:, :, None] * self.dim
        return cell.index_select(2, self.column) + self.coordinate

    def pool(self, index: _Index, values: Tensor) -> Tensor:
        return values

    def spread(self, index: _Index, gradient: Tensor) -> Tensor:
        return gradient

    def penalty(self, index: _Index, strength: Tensor) -> tuple[Tensor, Tensor]:
        number = index.code + self.first_code
        of_cell = self.shares.index_select(0, number.flatten()).view(number.shape)
        share = of_cell.index_select(1, self.column)[:, None]
        return share > 0, share * strength[:, None, None]

    def base(self, index: _Index) -> Tensor | None:
        if self.bases is None:
            return None
        first = index.code.long() * self.dim + self.first_base
        places = first.index_select(1, self.column) + self.coordinate
        return self.bases[places][:, None]

    def split_bases(self) -> list[Tensor]:
        if self.bases is None:
            return []
        parts = torch.split(self.bases, [math.prod(shape) for shape in self._shapes])
        shapes = zip(parts, self._shapes, strict=True)
        return [part.view(shape) for part, shape in shapes]


class _BagPlan(nn.Module):
    """Cells that are means of rows of one table."""

    def __init__(
        self,
        layout: Layout,
        tables: Sequence[int],
        n_tables: int,
        shares: Sequence[Tensor],
        bases: Sequence[Tensor | None],
    ) -> None:
        super().__init__()
        (table,) = tables
        self.dim, self.n_tables = layout.dims[table], n_tables
        self.columns: Tensor
        self.shares: Tensor
        self.coordinate: Tensor
        self.register_buffer("columns", torch.tensor(layout.columns(table)))
        self.register_buffer("shares", shares[table])
        self.bases: Tensor | None
        self.register_buffer("bases", bases[table])
        places = torch.arange(self.dim, dtype=torch.int32)
        self.register_buffer("coordinate", places)
        self.n_coordinates = self.dim * len(self.columns)
        self.starts, self.rows, self.parts = (_Buffers() for _ in range(3))
        for j in layout.columns(table):
            bags = layout.bags[j]
            assert bags is not None
            self.starts.append(torch.as_tensor(bags.start))
            self.rows.append(torch.as_tensor(bags.row))
            self.parts.append(torch.as_tensor(bags.share))

    def index(self, codes: Tensor) -> _Index:
        parts: list[tuple[Tensor, ...]] = []
        for i, j in enumerate(self.columns.tolist()):
            cells, start = codes[:, j].long(), self.starts[i]
            first = start.index_select(0, cells)
            length = start.index_select(0, cells + 1) - first
            row = torch.arange(len(cells), device=codes.device).repeat_interleave(
                length
            )
            shift = (first - (length.cumsum(0) - length)).index_select(0, row)
            entry = torch.arange(len(row), device=codes.device) + shift
            parts.append(
                (
                    self.rows[i].index_select(0, entry).to(codes.dtype),
                    row * len(self.columns) + i,
                    row,
                    self.parts[i].index_select(0, entry),
                )
            )
        return _Index(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def first(self, index: _Index) -> Tensor:
        return index.code * (self.dim * self.n_tables)

    def places(self, index: _Index, first: Tensor, table: Tensor) -> Tensor:
        assert index.row is not None
        of_entry = table.index_select(0, index.row) * self.dim
        return (first[:, None] + of_entry)[:, :, None] + self.coordinate

    def pool(self, index: _Index, values: Tensor) -> Tensor:
        assert index.owner is not None
        assert index.share is not None
        assert index.row is not None
        n_columns = len(self.columns)
        n_rows = int(index.row[-1]) + 1  # no bag is empty
        shape = (n_rows * n_columns, *values.shape[1:])
        pooled = values.new_zeros(shape).index_add(
            0, index.owner, values * index.share[:, None, None]
        )
        by_column = pooled.view(n_rows, n_columns, *values.shape[1:])
        return by_column.transpose(1, 2).flatten(2)

    def spread(self, index: _Index, gradient: Tensor) -> Tensor:
        assert index.owner is not None
        assert index.share is not None
        n_rows, n_views, _ = gradient.shape
        by_column = gradient.reshape(n_rows, n_views, len(self.columns), self.dim)
        cells = by_column.transpose(1, 2).flatten(0, 1)
        return cells.index_select(0, index.owner) * index.share[:, None, None]

    def penalty(self, index: _Index, strength: Tensor) -> tuple[Tensor, Tensor]:
        assert index.row is not None
        share = self.shares.index_select(0, index.code)[:, None, None]
        return share > 0, share * strength.index_select(0, index.row)[:, None, None]

    def base(self, index: _Index) -> Tensor | None:
        if self.bases is None:
            return None
        return self.pool(index, self.bases.index_select(0, index.code)[:, None])

    def split_bases(self) -> list[Tensor]:
        return [] if self.bases is None else [self.bases]


class _Buffers(nn.Module):
    """A list of tensors that move with the module and are not learned."""

    def append(self, tensor: Tensor) -> None:
        self.register_buffer(str(len(self._buffers)), tensor)

    def __getitem__(self, i: int) -> Any:
        return self._buffers[str(i)]


def _starts(sizes: Tensor) -> Tensor:
    return (sizes.cumsum(0) - sizes).to(sizes.dtype)


def _shares(count: Tensor) -> Tensor:
    """One over the count of each category.

    A row carries 1 / count of its category's penalty, in every table: a fold table sees
    fewer rows and so gets as much less penalty, and shrinks its vectors as far as the
    table of all rows does. The unknown code has none.
    """
    share = count.clamp(min=1e-12).reciprocal()
    share[0] = 0
    return share


def _flat_bases(
    layout: Layout, tables: Sequence[int], bases: Sequence[Tensor | None]
) -> Tensor | None:
    """Join the bases of a block's tables; None if there are none."""
    if all(bases[t] is None for t in tables):
        return None
    parts = []
    for t in tables:
        base = bases[t]
        shape = (layout.n_codes[t], layout.dims[t])
        parts.append((torch.zeros(shape) if base is None else base).flatten())
    return torch.cat(parts)


@dataclass(frozen=True, eq=False)
class Block:
    """One block as a batch sees it.

    Attributes
    ----------
    plan : _Plan
    index : _Index
    weight, gradient : Tensor of shape (size,)
    first : Tensor
        Where the first coordinate of each of the index's codes stands.
    """

    plan: _Plan
    index: _Index
    weight: Tensor
    gradient: Tensor
    first: Tensor


@dataclass(frozen=True, eq=False)
class View:
    """Deviations of the rows of a batch in some tables, and where they come from.

    Attributes
    ----------
    deviation : Tensor of shape (batch, n_views, n_coordinates)
        From the priors, bases included.
    places : list of Tensor
        Of each block: where each number stands.
    values : list of Tensor
        The numbers that stand there.
    """

    deviation: Tensor
    places: list[Tensor]
    values: list[Tensor]


@dataclass(frozen=True, eq=False)
class Loaded:
    """The deviations that one batch needs, of all blocks."""

    blocks: list[Block]

    def look_up(self, table: Tensor) -> View:
        """Read tables ``table``, shape (batch, n_views), of each row."""
        places, values, found = [], [], []
        for block in self.blocks:
            place = block.plan.places(block.index, block.first, table)
            value = block.weight.index_select(0, place.flatten()).view(place.shape)
            places.append(place)
            values.append(value)
            deviation = block.plan.pool(block.index, value)
            base = block.plan.base(block.index)
            found.append(deviation if base is None else deviation + base)
        deviation = found[0] if len(found) == 1 else torch.cat(found, dim=2)
        return View(deviation, places, values)

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
        for block, place, value in zip(
            self.blocks, view.places, view.values, strict=True
        ):
            plan, index = block.plan, block.index
            end = start + plan.n_coordinates
            known, penalty = plan.penalty(index, strength)
            total = torch.addcmul(
                plan.spread(index, gradient[:, :, start:end]) * known, value, penalty
            )
            block.gradient.index_add_(0, place.flatten(), total.flatten())
            start = end
