"""What one batch reads and writes of the tables."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sk_entity._learning.cells import BagCells, Cells


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a batch.

    Attributes
    ----------
    cells : Cells
    rows : Tensor of shape (n_entries, n_tables, dim)
        What the cells read.
    place : Tensor of shape (n_entries,)
        Rows of the gradient.
    gradient : Tensor of shape (n_places, n_tables * dim)
    share : Tensor of shape (n_entries,)
        Of one row of the batch in the penalty of what it reads; 0: not to be learned.
    """

    cells: Cells
    rows: Tensor
    place: Tensor
    gradient: Tensor
    share: Tensor


@dataclass(frozen=True, eq=False)
class Loaded:
    """What one batch reads of the tables: deviations from the priors.

    Attributes
    ----------
    columns : list of Column
    deviation : Tensor of shape (batch, n_tables, n_coordinates)
        Of all tables.
    base : Tensor of shape (batch, 1, n_coordinates) or None
        What stands under the deviations.
    """

    columns: list[Column]
    deviation: Tensor
    base: Tensor | None

    def learn(self, gradient: Tensor, strength: Tensor, seen: Tensor) -> None:
        """Add the gradients of a loss and of the penalty to those of the tables.

        The penalty is half of ``strength`` times the share of the row times the
        squared deviation.

        Parameters
        ----------
        gradient : Tensor of shape (batch, n_tables, n_coordinates)
        strength : Tensor of shape (batch,)
        seen : Tensor of shape (batch, n_tables)
            1 where the table is to learn from the row, else 0.
        """
        gradient = gradient * seen[:, :, None]
        start = 0
        for column in self.columns:
            n_tables, dim = column.rows.shape[1:]
            part = gradient[:, :, start : start + dim]
            start += dim
            learners, force = seen, strength
            if isinstance(column.cells, BagCells):
                owner = column.cells.owner
                part = column.cells.spread(part)
                learners, force = seen[owner], strength[owner]
            known = (column.share > 0).to(part.dtype)[:, None, None]
            penalty = (force * column.share)[:, None] * learners
            total = torch.addcmul(part * known, column.rows, penalty[:, :, None])
            place = column.place.long()[:, None].expand(-1, n_tables * dim)
            column.gradient.scatter_add_(0, place, total.flatten(1))
