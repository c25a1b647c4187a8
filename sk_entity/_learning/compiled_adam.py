"""Adam's updates in compiled code: `_adam.h`. `LazyAdam` holds the state."""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sk_entity._compiled import Part, Rows
from sk_entity._compiled import kernel as _kernel

#: Numbers of a parameter that are updated in one task, at most.
_MOST_NUMBERS = 1 << 16


class CompiledRows:
    """Rows of one table's memory while batches work on them.

    Parameters
    ----------
    state : dict
        Of the table, in `LazyAdam`.

    Attributes
    ----------
    weight, gradient : Tensor of shape (n_places, width)
        Of the batch's rows, from the first; what is behind them is of earlier batches.
    place : Tensor of shape (n_cells,), int32
        Where the row of each cell stands.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state
        self._rows = rows = Rows(width=state["width"])
        self._address = ctypes.addressof(rows)
        rows.memory, rows.slot = state["memory"].data_ptr(), state["slot"].data_ptr()
        rows.powers = state["powers"].data_ptr()
        rows.n_powers = len(state["powers"])
        beta_1, beta_2 = state["group"]["betas"]
        rows.share_1, rows.share_2, rows.keep_2 = 1 - beta_1, 1 - beta_2, beta_2
        self.place = torch.empty(0, dtype=torch.int32)
        self._reach: Tensor | None = None

    def aim(self, index: int, n_cells: int) -> bool:
        """Say which rows the next batch reads.

        Parameters
        ----------
        index : int
            Address of the row of each cell, int32; repeats are one row.
        n_cells : int

        Returns
        -------
        moved : bool
            Whether weights, gradients and places are elsewhere than before.
        """
        rows, n_had = self._rows, len(self.place)
        if n_cells > n_had:
            self._make_room(n_cells)
        rows.index, rows.n_cells = index, n_cells
        return n_cells > n_had

    def prepare(self, steps: int, eps: float) -> None:
        """Say how many steps were made, and how small a root there is at least."""
        rows, state = self._rows, self._state
        rows.steps, rows.late_eps = steps, eps
        if state["reach"] is not self._reach:
            self._reach = state["reach"]
            rows.reach = self._reach.data_ptr()
            rows.decay = state["decay"].data_ptr()

    def fetch(self) -> None:
        """Bring the rows up to date and hand them out."""
        assert _kernel is not None
        _kernel.fetch(self._address)

    def putting_back(self, rate: float, eps: float) -> Callable[[], None]:
        """Return the task that updates the rows by their gradients."""
        assert _kernel is not None
        self._rows.rate, self._rows.eps = rate, eps
        return partial(_kernel.put_back, self._address)

    def _make_room(self, n_cells: int) -> None:
        memory, width = self._state["memory"], self._state["width"]
        n_places = min(n_cells, len(memory))
        self.place = torch.empty(n_cells, dtype=torch.int32)
        self._row = torch.empty(n_places, dtype=torch.int32)
        self.weight = memory.new_empty(n_places, width)
        self.gradient = memory.new_empty(n_places, width)
        rows = self._rows
        rows.place, rows.row = self.place.data_ptr(), self._row.data_ptr()
        rows.weight, rows.gradient = self.weight.data_ptr(), self.gradient.data_ptr()


class CompiledParts:
    """All numbers of some parameters, with the state of torch's Adam.

    Parameters
    ----------
    groups : list of (dict, list of Tensor)
        Parameter groups, and the parameters of each.
    state : mapping of Tensor to dict
        Of the optimizer; it is made where it is not.
    """

    def __init__(
        self, groups: Sequence[tuple[dict[str, Any], list[Tensor]]], state: Any
    ) -> None:
        # Of each parameter: its group, itself, its first part, and those behind it.
        self._parameters = list[tuple[dict[str, Any], Tensor, int, int]]()
        parts = list[Part]()
        for group, parameters in groups:
            for parameter in parameters:
                first = len(parts)
                parts += _parts_of(parameter, state[parameter])
                self._parameters.append((group, parameter, first, len(parts)))
        self._parts = (Part * max(len(parts), 1))(*parts)
        self._n = len(parts)
        self._gradients: list[Tensor | None] = [None] * len(self._parameters)
        self._tasks = self._make_tasks()

    def tasks(self) -> list[Callable[[], None]]:
        """Count a step; return what updates the parameters that have gradients."""
        assert _kernel is not None
        for i, (group, parameter, first, last) in enumerate(self._parameters):
            gradient = parameter.grad
            if gradient is not self._gradients[i] or gradient is None:
                self._gradients[i] = gradient
                self._point(gradient, first, last, parameter.numel())
            lr, (beta_1, beta_2) = float(group["lr"]), group["betas"]
            for part in self._parts[first:last]:
                part.lr, part.beta_1, part.beta_2 = lr, beta_1, beta_2
                part.eps, part.decay = group["eps"], group["weight_decay"]
        _kernel.count(ctypes.addressof(self._parts), self._n)
        return self._tasks

    def _point(self, gradient: Tensor | None, first: int, last: int, n: int) -> None:
        """Set where the gradient of a parameter's parts is; None: leave them alone."""
        for k in range(first, last):
            start, part = (k - first) * _MOST_NUMBERS, self._parts[k]
            part.n = 0 if gradient is None else min(_MOST_NUMBERS, n - start)
            if gradient is not None:
                part.gradient = gradient.data_ptr() + 4 * start

    def _make_tasks(self) -> list[Callable[[], None]]:
        """Share the parts out, small ones together."""
        tasks, first, size = list[Callable[[], None]](), 0, 0
        assert _kernel is not None
        for i in range(self._n):
            size += self._parts[i].n
            if i + 1 == self._n or size + self._parts[i + 1].n > _MOST_NUMBERS:
                start = ctypes.addressof(self._parts) + first * ctypes.sizeof(Part)
                tasks.append(partial(_kernel.update, start, i + 1 - first))
                first, size = i + 1, 0
        return tasks


def _parts_of(parameter: Tensor, state: dict[str, Any]) -> list[Part]:
    if not state:
        # What torch's fused Adam starts from.
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"] = torch.zeros_like(parameter, requires_grad=False)
        state["exp_avg_sq"] = torch.zeros_like(parameter, requires_grad=False)
    parts, n = list[Part](), parameter.numel()
    for start in range(0, n, _MOST_NUMBERS):
        part = Part(n=min(_MOST_NUMBERS, n - start))
        part.weight = parameter.data_ptr() + 4 * start
        part.mean = state["exp_avg"].data_ptr() + 4 * start
        part.square = state["exp_avg_sq"].data_ptr() + 4 * start
        if not start:
            part.step = state["step"].data_ptr()
        parts.append(part)
    return parts
