"""The embedding tables of every fold."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from sk_entity._categories import Layout
from sk_entity._learning.cells import BagCells, BagReader, Cells, RowCells
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.loaded import Column, Loaded


class FoldTables(nn.Module):
    """Embedding tables, each once a fold and once for all rows.

    The vector of category c in table k is ``prior + deviation[c, k]``. The prior is
    shared by the folds; deviations start at zero, so a category that a fold's table
    never saw has exactly the prior, which is also the vector of unknown values
    (code 0). Tables that start from given vectors have ``prior + base[c] + deviation``,
    with a base that stands still. The deviations of a category in all folds stand
    side by side, for what costs is reaching a row, not its length. Most tables are
    parts of one parameter, which an optimizer updates at once; large tables, whose rows
    are updated lazily, are parameters of their own.

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
        lazily = [bool(lazy and lazy[t]) for t in range(n)]
        # The parameter that each table is part of, and where it starts there.
        self._home: list[tuple[int, int]] = [(0, 0)] * n
        sizes, start = list[tuple[int, ...]](), 0
        dense = [t for t in range(n) if not lazily[t]]
        for t in dense:
            self._home[t] = (0, start)
            start += layout.n_codes[t] * n_tables * layout.dims[t]
        if dense:
            sizes.append((start,))
        for t in (t for t in range(n) if lazily[t]):
            self._home[t] = (len(sizes), 0)
            sizes.append((layout.n_codes[t], n_tables * layout.dims[t]))
        self.deviation = nn.ParameterList(nn.Parameter(torch.empty(s)) for s in sizes)
        self.prior = nn.Parameter(torch.empty(sum(layout.dims)))
        bases = [None] * n if bases is None else list(bases)
        frozen = [False] * n if frozen is None else list(frozen)
        shares = [
            torch.zeros_like(count) if still else _shares(count)
            for count, still in zip(counts, frozen, strict=True)
        ]
        self.shares, self.bases = _Buffers(shares), _Buffers(bases)
        self.bags = nn.ModuleDict(
            {str(j): BagReader(b) for j, b in enumerate(layout.bags) if b is not None}
        )
        stands = torch.tensor(frozen).repeat_interleave(torch.tensor(layout.dims))
        starts = [sum(layout.dims[:t]) for t in layout.table_of]
        coordinates = [
            start + torch.arange(dim)
            for start, dim in zip(starts, layout.column_dims, strict=True)
        ]
        self.register_buffer("prior_of", torch.cat(coordinates))
        self.register_buffer("learns", (~stands).float())
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start deviations at zero and priors near it."""
        for deviation in self.deviation:
            nn.init.zeros_(deviation)
        nn.init.normal_(self.prior, std=0.05, generator=generator)

    def is_lazy(self, table: int) -> bool:
        """Whether the rows of a table are loaded when a batch needs them."""
        return self.parameter(table).ndim == 2

    def parameter(self, table: int) -> nn.Parameter:
        """Return the parameter that a table is, or is part of."""
        parameter: nn.Parameter = self.deviation[self._home[table][0]]
        return parameter

    def share(self, table: int) -> Tensor:
        """Return one row's share in the penalty of each code, shape (n_codes,)."""
        share = self.shares[table]
        assert share is not None
        return share

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
        codes, found = codes.long(), []
        for j, t in enumerate(self.layout.table_of):
            cells = self._cells(j, codes[:, j])
            of_entry = table.long()
            if isinstance(cells, BagCells):
                of_entry = of_entry[cells.owner]
            rows = self._matrix(t).view(-1, self.n_tables, self.layout.dims[t])
            vectors = rows[cells.index.long(), of_entry]
            base = self.bases[t]
            if base is not None:
                vectors = vectors + base[cells.index.long()]
            found.append(cells.pool(vectors))
        return torch.cat(found, dim=1) + self.priors()

    def load(self, codes: Tensor, optimizer: torch.optim.Optimizer) -> Loaded:
        """Return what a training step needs to read and write.

        Parameters
        ----------
        codes : Tensor of shape (batch, n_columns), int32
        optimizer : Optimizer
            A `LazyAdam` if there are lazy tables.

        Returns
        -------
        loaded : Loaded

        Notes
        -----
        Gradients add to those that the parameters hold. The rows of lazy tables come
        from ``optimizer``, brought up to date.
        """
        cells = [self._cells(j, codes[:, j]) for j in range(codes.shape[1])]
        columns = dict[int, Column]()
        for t, dim in enumerate(self.layout.dims):
            own = self.layout.columns(t)
            index = [cells[j].index for j in own]
            all_index = index[0] if len(index) == 1 else torch.cat(index)
            if self.is_lazy(t):
                assert isinstance(optimizer, LazyAdam)
                weight, gradient, place = optimizer.load(
                    self.parameter(t), all_index.long()
                )
            else:
                weight, gradient, place = *self.both(t), all_index
            parts = torch.split(place, [len(part) for part in index])
            for j, part in zip(own, parts, strict=True):
                rows = weight.index_select(0, part)
                rows = rows.view(len(part), self.n_tables, dim)
                share = self.share(t).index_select(0, cells[j].index)
                columns[j] = Column(cells[j], rows, part, gradient, share)
        read = [columns[j] for j in range(len(cells))]
        found = [column.cells.pool(column.rows) for column in read]
        deviation = found[0] if len(found) == 1 else torch.cat(found, dim=2)
        return Loaded(read, deviation, self._base(cells))

    @torch.no_grad()
    def tables(self) -> list[Tensor]:
        """Vectors of each table, shape (n_tables, n_codes, dim)."""
        result = []
        priors = torch.split(self.prior, self.layout.dims)
        for t, dim in enumerate(self.layout.dims):
            rows = self._matrix(t).view(-1, self.n_tables, dim).transpose(0, 1)
            base = self.bases[t]
            result.append(rows + priors[t] if base is None else rows + priors[t] + base)
        return result

    def rows(self, t: int) -> Tensor:
        """Return a table's deviations, shape (n_codes * n_tables, dim): a view."""
        return self._matrix(t).view(-1, self.layout.dims[t])

    def _matrix(self, t: int) -> Tensor:
        """Return a table, shape (n_codes, n_tables * dim)."""
        b, start = self._home[t]
        return self._part(t, self.deviation[b].detach(), start)

    def both(self, t: int) -> tuple[Tensor, Tensor]:
        """Return a table and its gradient, each (n_codes, n_tables * dim)."""
        b, start = self._home[t]
        deviation = self.deviation[b]
        if deviation.grad is None:
            deviation.grad = torch.zeros_like(deviation)
        return self._matrix(t), self._part(t, deviation.grad, start)

    def _part(self, t: int, numbers: Tensor, start: int) -> Tensor:
        shape = (self.layout.n_codes[t], self.n_tables * self.layout.dims[t])
        return numbers.view(-1)[start : start + math.prod(shape)].view(shape)

    def _cells(self, j: int, codes: Tensor) -> Cells:
        return self.bags[str(j)](codes) if str(j) in self.bags else RowCells(codes)

    def _base(self, cells: Sequence[Cells]) -> Tensor | None:
        """Return what stands under the deviations of a batch."""
        if all(base is None for base in self.bases):
            return None
        found = []
        for t, some in zip(self.layout.table_of, cells, strict=True):
            base = self.bases[t]
            if base is None:
                base = self.prior.new_zeros(1, self.layout.dims[t])
                rows = base.detach().expand(len(some.index), -1)
            else:
                rows = base.index_select(0, some.index)
            found.append(some.pool(rows))
        return torch.cat(found, dim=1)[:, None]


class _Buffers(nn.Module):
    """A list of tensors that move with the module and are not learned."""

    def __init__(self, tensors: Sequence[Tensor | None]) -> None:
        super().__init__()
        for i, tensor in enumerate(tensors):
            self.register_buffer(str(i), tensor)

    def __getitem__(self, i: int) -> Tensor | None:
        return self._buffers[str(i)]

    def __iter__(self) -> Iterator[Tensor | None]:
        return iter(self._buffers.values())


def _shares(count: Tensor) -> Tensor:
    """One over the count of each category.

    A row carries 1 / count of its category's penalty, in every table: a fold table sees
    fewer rows and so gets as much less penalty, and shrinks its vectors as far as the
    table of all rows does. The unknown code has none.
    """
    share = count.clamp(min=1e-12).reciprocal()
    share[0] = 0
    return share
