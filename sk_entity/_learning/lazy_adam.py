"""Adam that leaves the rows of large tables alone until a batch needs them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sk_entity._learning.compiled_adam import CompiledParts, CompiledRows
from sk_entity._workers import Workers

#: Steps after which what a gradient still moves is below float32's resolution.
_REACH = 128
#: Keeps a row that no batch has touched where it is.
_TINY = 1e-30
#: Rows brought up to date at a time: they fit into the processor's cache.
_CHUNK = 1 << 14
#: Steps for which the series are first laid out.
_FEW_STEPS = 1024
#: Options of torch's Adam that the compiled updates do not know.
_UNKNOWN = (
    "amsgrad",
    "maximize",
    "capturable",
    "differentiable",
    "decoupled_weight_decay",
)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of one table's memory while a batch works on them.

    ``weight``, ``mean``, ``square`` and ``last`` are parts of ``memory``.
    """

    index: Tensor
    memory: Tensor
    weight: Tensor
    mean: Tensor
    square: Tensor
    last: Tensor
    gradient: Tensor


class LazyAdam(torch.optim.Adam):
    """Adam [1]_ whose tables cost what a batch touches of them, not their size.

    Dense Adam goes on moving a row after its gradient has gone to zero, by what the
    moments remember. In steps without a gradient the moments only shrink, by
    ``beta_1`` and ``beta_2``, so the moves form a series that is known beforehand: t
    steps after step s, a row has moved by ``mean / sqrt(square)`` times the sum over
    ``j = 1 .. t`` of ``rate[s + j] * (beta_1 / sqrt(beta_2)) ** j``, where ``rate`` is
    the learning rate with Adam's bias correction. `load` makes up for the steps that a
    row missed and hands the rows out; `step` updates them and puts them back; `settle`
    brings the tables themselves up to date. The
    result is that of dense Adam but for rounding and for ``eps``.

    ``torch.optim.SparseAdam`` leaves those moves out: a row that is rarely touched then
    moves some ten times less than under Adam.

    Parameters are those of :class:`torch.optim.Adam`. Tables that are loaded must stand
    in a parameter group without weight decay. All other parameters have ordinary
    steps.

    References
    ----------
    .. [1] D. Kingma and J. Ba (2015), "Adam: A Method for Stochastic Optimization",
       ICLR, arXiv:1412.6980.

    Examples
    --------
    >>> import torch
    >>> table = torch.nn.Parameter(torch.zeros(1000, 2))
    >>> optimizer = LazyAdam([table], lr=0.1)
    >>> weight, gradient, place = optimizer.load(table, torch.tensor([7, 3, 7]))
    >>> weight.shape, place
    (torch.Size([2, 2]), tensor([1, 0, 1]))
    >>> _ = gradient.fill_(1.0)
    >>> optimizer.step()
    >>> optimizer.settle()
    >>> table[[3, 7, 8]].tolist()[0][0] < 0
    True
    """

    def __init__(self, params: Any, **kwargs: Any) -> None:
        super().__init__(params, **kwargs)
        self._loaded: dict[Tensor, _Rows | CompiledRows] = {}
        self._fetched: dict[Tensor, CompiledRows] = {}
        self._workers: Workers | None = None
        self._parts: CompiledParts | None = None

    def share(self, workers: Workers | None) -> None:
        """Let workers update in compiled code; None: torch's operations do.

        For parameters that the compiled training step knows. Options of Adam that
        compiled code does not know leave all as it was.
        """
        self._parts = self._workers = None
        self._fetched.clear()
        if not any(group.get(name) for group in self.param_groups for name in _UNKNOWN):
            self._workers = workers

    def load(self, table: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Hand out some rows of a table for the next step.

        Parameters
        ----------
        table : Parameter of shape (n_rows, width)
        index : Tensor of shape (n,), int64
            Rows that the batch reads; repeats are one row.

        Returns
        -------
        weight : Tensor of shape (n_distinct, width)
            The rows, as of now.
        gradient : Tensor of shape (n_distinct, width)
            Zeros, to be filled.
        place : Tensor of shape (n,), int64
            Where each of ``index`` stands in ``weight``.
        """
        state = self._table_state(table)
        index, place = _distinct(index, state["slot"])
        self._loaded[table] = rows = self._up_to_date(state, index)
        return rows.weight.contiguous(), rows.gradient, place

    def fetch(self, table: Tensor) -> CompiledRows:
        """Hand out rows as `load` does, in compiled code.

        Parameters
        ----------
        table : Parameter of shape (n_rows, width)

        Returns
        -------
        rows : CompiledRows
            ``aim`` says which rows, and they can be read when ``fetch`` has run.
        """
        state = self._table_state(table)
        if table not in self._fetched:
            self._fetched[table] = CompiledRows(state)
        self._loaded[table] = rows = self._fetched[table]
        group, steps = state["group"], state["steps"]
        rows.prepare(steps, group["eps"] * (1 - group["betas"][1] ** steps) ** 0.5)
        return rows

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have gradients and the rows that were loaded.

        Parameters
        ----------
        closure : callable or None, default=None
            Computes the gradients and returns the loss.

        Returns
        -------
        loss : Tensor or None
        """
        if self._workers is None:
            loss = super().step(closure)
            for task in self._row_tasks():
                task()
            return loss
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._update(self._workers)
        return loss

    def quick_step(self) -> None:
        """Make a step; torch's wrapper of `step` costs as much as the updates."""
        hooks = self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        if self._workers is None or hooks:
            self.step()
        else:
            self._update(self._workers)

    def _update(self, workers: Workers) -> None:
        if self._parts is None:
            self._parts = self._all_parts()
        workers.run(self._row_tasks() + self._parts.tasks())

    def _all_parts(self) -> CompiledParts:
        """Return all parameters but lazy tables."""
        groups = []
        for group in self.param_groups:
            rest = [p for p in group["params"] if "memory" not in self.state[p]]
            # The group itself, for its rates change.
            groups.append((group, rest))
        return CompiledParts(groups, self.state)

    def _row_tasks(self) -> list[Callable[[], None]]:
        """Count a step of the loaded tables; return what updates their rows."""
        tasks = list[Callable[[], None]]()
        for table, rows in self._loaded.items():
            state = self.state[table]
            beta_1, beta_2 = state["group"]["betas"]
            state["steps"] = step = state["steps"] + 1
            root = (1 - beta_2**step) ** 0.5
            rate = float(state["group"]["lr"]) * root / (1 - beta_1**step)
            eps = state["group"]["eps"] * root
            if isinstance(rows, CompiledRows):
                tasks.append(rows.putting_back(rate, eps))
            else:
                tasks.append(partial(_step_rows, state, rows, rate, eps))
        self._loaded.clear()
        return tasks

    @torch.no_grad()
    def settle(self) -> None:
        """Bring all rows up to date, and the tables themselves: `step` does not."""
        for group in self.param_groups:
            for table in group["params"]:
                state = self.state.get(table, {})
                if "memory" not in state:
                    continue
                every = torch.arange(len(table), device=table.device)
                for index in every.split(_CHUNK):  # type: ignore[no-untyped-call]
                    rows = self._up_to_date(state, index)
                    state["memory"].index_copy_(0, index, rows.memory)
                    table.data.index_copy_(0, index, rows.weight)

    def _table_state(self, table: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[table]
        if not state:
            n_rows, width = table.shape
            group = next(
                group
                for group in self.param_groups
                if any(table is parameter for parameter in group["params"])
            )
            beta_1, beta_2 = group["betas"]
            exponents = torch.arange(_REACH, 0, -1, dtype=torch.float64)
            # Of each row the weight, both moments, and the step at which they were up
            # to date: side by side, for what costs is reaching a row, not its length.
            memory = table.new_zeros(n_rows, 3 * width + 1, requires_grad=False)
            memory[:, :width] = table.detach()
            state |= {
                "memory": memory,
                "width": width,
                "steps": 0,
                "slot": torch.zeros(n_rows, dtype=torch.int32, device=table.device),
                "reach": table.new_zeros(0, requires_grad=False),
                "powers": ((beta_1 / beta_2**0.5) ** exponents).to(memory),
                "group": group,
            }
        if state["steps"] + 1 >= len(state["reach"]):
            _make_room(state)
        return state

    def _up_to_date(self, state: dict[str, Any], index: Tensor) -> _Rows:
        """Read rows and make up for the steps that they missed."""
        width = state["width"]
        (_, beta_2), eps = state["group"]["betas"], state["group"]["eps"]
        memory = state["memory"].index_select(0, index)
        weight, mean, square, last = memory.split([width, width, width, 1], dim=1)
        visit = last[:, 0].long()
        reach = state["reach"].index_select(0, visit)[:, None]
        keep_1, keep_2 = state["decay"].index_select(0, state["steps"] - visit).T
        eps *= (1 - beta_2 ** state["steps"]) ** 0.5
        weight.addcdiv_(mean * reach, square.sqrt().add_(eps + _TINY), value=-1)
        mean.mul_(keep_1[:, None])
        square.mul_(keep_2[:, None])
        last.fill_(state["steps"])
        gradient = weight.new_zeros(weight.shape)
        return _Rows(index, memory, weight, mean, square, last, gradient)


def _make_room(state: dict[str, Any]) -> None:
    """Lay the series out for twice as many steps."""
    reach = state["reach"]
    n = max(_FEW_STEPS, 2 * len(reach))
    state["reach"] = grown = reach.new_zeros(n)
    grown[: len(reach)] = reach
    # What is left of both moments after so many steps without a gradient.
    betas = torch.tensor(state["group"]["betas"], dtype=torch.float64)
    state["decay"] = (betas ** torch.arange(n)[:, None]).to(reach)


@torch.no_grad()
def _step_rows(state: dict[str, Any], rows: _Rows, rate: float, eps: float) -> None:
    beta_1, beta_2 = state["group"]["betas"]
    rows.mean.lerp_(rows.gradient, 1 - beta_1)
    rows.square.mul_(beta_2).addcmul_(rows.gradient, rows.gradient, value=1 - beta_2)
    rows.weight.addcdiv_(rows.mean, rows.square.sqrt().add_(eps), value=-rate)
    rows.last.fill_(state["steps"])
    state["memory"].index_copy_(0, rows.index, rows.memory)
    # This step's move belongs to the series of all steps before it.
    n = min(state["steps"], _REACH)
    reach = state["reach"][state["steps"] - n : state["steps"]]
    reach.add_(state["powers"][_REACH - n :], alpha=rate)


def _distinct(rows: Tensor, slot: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct values of ``rows``, and where each row stands among them.

    Without sorting: every row writes its position into its value's slot, and the one
    that is found there afterwards stands for all.
    """
    if rows.is_cuda:  # many writers of one slot: no fixed winner  # pragma: no cover
        distinct, place = torch.unique(rows, return_inverse=True)
        return distinct, place
    position = torch.arange(len(rows), dtype=slot.dtype)
    slot[rows] = position
    chosen = slot.index_select(0, rows)
    first = chosen == position
    number = first.cumsum(0) - 1
    return rows[first], number.index_select(0, chosen)
