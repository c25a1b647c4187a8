"""What one batch reads and writes of the tables."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sk_entity._learning.plans import Index, Plan


@dataclass(frozen=True, eq=False)
class Block:
    """One block as a batch sees it.

    Attributes
    ----------
    plan : Plan
    index : Index
    weight, gradient : Tensor of shape (size,)
    first : Tensor
        Where the first coordinate of each of the index's codes stands.
    """

    plan: Plan
    index: Index
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

    def without_first(self) -> "View":
        """Return what was read of all tables but the first of each row."""
        return View(
            self.deviation[:, 1:],
            [place[:, 1:] for place in self.places],
            [value[:, 1:] for value in self.values],
        )


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
