"""Cells of a column -> rows of its table, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sk_entity._categories import Bags


@dataclass(frozen=True, eq=False)
class RowCells:
    """Cells that are one row of the table each.

    Attributes
    ----------
    index : Tensor of shape (n_cells,), int
        Row of the table.
    """

    index: Tensor

    def pool(self, rows: Tensor) -> Tensor:
        """Return what the rows of the table give the cells."""
        return rows


@dataclass(frozen=True, eq=False)
class BagCells:
    """Cells that are means of rows of the table.

    Attributes
    ----------
    index : Tensor of shape (n_entries,), int
        Row of the table, of each entry of each cell.
    owner : Tensor of shape (n_entries,), int64
        The cell of each entry.
    share : Tensor of shape (n_entries,), float32
        Its part in the mean.
    n_cells : int
    """

    index: Tensor
    owner: Tensor
    share: Tensor
    n_cells: int

    def pool(self, rows: Tensor) -> Tensor:
        """Return what the rows of the table give the cells, shape (n_cells, ...)."""
        pooled = rows.new_zeros(self.n_cells, *rows.shape[1:])
        share = self.share.view(-1, *(1 for _ in rows.shape[1:]))
        return pooled.index_add_(0, self.owner, rows * share)

    def spread(self, gradient: Tensor) -> Tensor:
        """Return the gradients of the rows from those of the cells."""
        share = self.share.view(-1, *(1 for _ in gradient.shape[1:]))
        return gradient.index_select(0, self.owner) * share


class BagReader(nn.Module):
    """Reads which rows the cells of a column stand for."""

    start: Tensor
    row: Tensor
    part: Tensor

    def __init__(self, bags: Bags) -> None:
        super().__init__()
        self.register_buffer("start", torch.as_tensor(bags.start))
        self.register_buffer("row", torch.as_tensor(bags.row))
        self.register_buffer("part", torch.as_tensor(bags.share))

    def forward(self, codes: Tensor) -> BagCells:
        """Return the cells with these codes, shape (n_cells,)."""
        codes = codes.long()
        first = self.start.index_select(0, codes)
        length = self.start.index_select(0, codes + 1) - first
        owner = torch.arange(len(codes), device=codes.device)
        owner = owner.repeat_interleave(length)
        shift = (first - (length.cumsum(0) - length)).index_select(0, owner)
        entry = torch.arange(len(owner), device=codes.device) + shift
        return BagCells(
            self.row.index_select(0, entry),
            owner,
            self.part.index_select(0, entry),
            len(codes),
        )


#: Cells of either kind.
Cells = RowCells | BagCells
