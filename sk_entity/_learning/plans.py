"""Where the vectors of a block's columns stand in its flat memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sk_entity._categories import Layout


@dataclass(frozen=True, eq=False)
class Index:
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


class Plan(Protocol):
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

    def index(self, codes: Tensor) -> Index: ...
    def first(self, index: Index) -> Tensor: ...
    def places(self, index: Index, first: Tensor, table: Tensor) -> Tensor: ...
    def pool(self, index: Index, values: Tensor) -> Tensor: ...
    def spread(self, index: Index, gradient: Tensor) -> Tensor: ...
    def penalty(self, index: Index, strength: Tensor) -> tuple[Tensor, Tensor]: ...
    def base(self, index: Index) -> Tensor | None: ...
    def split_bases(self) -> list[Tensor]: ...


class RowPlan(nn.Module):
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
        self.register_buffer("start", starts_of(size * width)[of])
        self.register_buffer("dim", dim[of])
        # Of each coordinate: its column in the block and its place in the vector.
        column = torch.arange(len(columns)).repeat_interleave(dim[of])
        self.register_buffer("column", column)
        self.n_coordinates = len(column)
        places = [torch.arange(int(d), dtype=torch.int32) for d in dim[of]]
        self.register_buffer("coordinate", torch.cat(places))
        self.register_buffer("first_code", starts_of(size)[of])
        self.register_buffer("shares", torch.cat([shares[t] for t in tables]))
        self.bases: Tensor | None
        self.first_base: Tensor
        self.register_buffer("bases", _flat_bases(layout, tables, bases))
        self.register_buffer("first_base", starts_of(size * dim)[of])
        self._shapes = [(layout.n_codes[t], layout.dims[t]) for t in tables]

    def index(self, codes: Tensor) -> Index:
        return Index(codes.index_select(1, self.columns))

    def first(self, index: Index) -> Tensor:
        return index.code * self.width + self.start

    def places(self, index: Index, first: Tensor, table: Tensor) -> Tensor:
        cell = first[:, None] + table[:, :, None] * self.dim
        return cell.index_select(2, self.column) + self.coordinate

    def pool(self, index: Index, values: Tensor) -> Tensor:
        return values

    def spread(self, index: Index, gradient: Tensor) -> Tensor:
        return gradient

    def penalty(self, index: Index, strength: Tensor) -> tuple[Tensor, Tensor]:
        number = index.code + self.first_code
        of_cell = self.shares.index_select(0, number.flatten()).view(number.shape)
        share = of_cell.index_select(1, self.column)[:, None]
        return share > 0, share * strength[:, None, None]

    def base(self, index: Index) -> Tensor | None:
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


class BagPlan(nn.Module):
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

    def index(self, codes: Tensor) -> Index:
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
        return Index(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def first(self, index: Index) -> Tensor:
        return index.code * (self.dim * self.n_tables)

    def places(self, index: Index, first: Tensor, table: Tensor) -> Tensor:
        assert index.row is not None
        of_entry = table.index_select(0, index.row) * self.dim
        return (first[:, None] + of_entry)[:, :, None] + self.coordinate

    def pool(self, index: Index, values: Tensor) -> Tensor:
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

    def spread(self, index: Index, gradient: Tensor) -> Tensor:
        assert index.owner is not None
        assert index.share is not None
        n_rows, n_views, _ = gradient.shape
        by_column = gradient.reshape(n_rows, n_views, len(self.columns), self.dim)
        cells = by_column.transpose(1, 2).flatten(0, 1)
        return cells.index_select(0, index.owner) * index.share[:, None, None]

    def penalty(self, index: Index, strength: Tensor) -> tuple[Tensor, Tensor]:
        assert index.row is not None
        share = self.shares.index_select(0, index.code)[:, None, None]
        return share > 0, share * strength.index_select(0, index.row)[:, None, None]

    def base(self, index: Index) -> Tensor | None:
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


def starts_of(sizes: Tensor) -> Tensor:
    return (sizes.cumsum(0) - sizes).to(sizes.dtype)


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
