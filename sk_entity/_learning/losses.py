"""The losses of the net: raw outputs and targets -> one loss a row."""

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sk_entity._target import Goal, Objective, Units

#: Raw outputs of shape (batch, n_outputs), targets of shape (batch,) -> (batch,).
RowLoss = Callable[[Tensor, Tensor], Tensor]


def make_criterion(
    objective: Objective, units: Sequence[Units], custom: Any
) -> nn.Module:
    """Return the criterion of an objective.

    Parameters
    ----------
    objective : Objective
    units : sequence of Units
    custom : torch loss, instance or class
        Read if the objective is custom.
    """
    if objective.is_custom:
        return CustomLoss(custom, objective)
    losses = [row_loss(g, u) for g, u in zip(objective.goals, units, strict=True)]
    # Several targets may be missing, and so may hidden cells that are not hidden.
    if not objective.is_multiple and not objective.has_offset:
        return OneLoss(losses[0], write_out(objective.goals[0], units[0]))
    return SeveralLosses(objective, units, losses)


@dataclass(frozen=True, eq=False)
class WrittenOut:
    """A loss as the kernel knows it.

    Attributes
    ----------
    number : int
        As `_kernel.c` counts them.
    parameter, scale : float
    class_weight : Tensor of shape (n_classes,), float32, or None
    """

    number: int
    parameter: float = 0.0
    scale: float = 1.0
    class_weight: Tensor | None = None


class OneLoss(nn.Module):
    """The loss of a target of one column.

    Parameters
    ----------
    loss : RowLoss
    written_out : WrittenOut or None, default=None
        None: the kernel does not know it.
    """

    def __init__(self, loss: RowLoss, written_out: WrittenOut | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.written_out = written_out

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return one loss a row."""
        return self.loss(output, target)


class SeveralLosses(nn.Module):
    """The weighted sum of the losses of several targets; missing ones cost nothing.

    Parameters
    ----------
    objective : Objective
    units : sequence of Units
    losses : list of RowLoss
        One a goal.
    """

    def __init__(
        self, objective: Objective, units: Sequence[Units], losses: Sequence[RowLoss]
    ) -> None:
        super().__init__()
        self.goals = objective.goals
        self.units = units
        self.losses = losses
        self.has_offset = objective.has_offset

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return one loss a row; ``target`` is (batch, n_goals), offset last."""
        first, total = 0, torch.zeros_like(output[:, 0])
        for j, (goal, unit, loss) in enumerate(
            zip(self.goals, self.units, self.losses, strict=True)
        ):
            raw = output[:, first : first + goal.n_outputs]
            first += goal.n_outputs
            if self.has_offset:
                raw = raw + target[:, -1:] / (
                    unit.scale if goal.link == "identity" else 1.0
                )
            known = ~target[:, j].isnan()
            own = loss(raw, target[:, j].nan_to_num(0.0))
            total = total + goal.weight * torch.where(known, own, 0.0)
        return total


class CustomLoss(nn.Module):
    """A torch loss of the user's: of each row, or of all rows of a batch together.

    Parameters
    ----------
    given : torch loss
        An instance or a class. One with ``reduction`` is set to ``"none"``.
    objective : Objective
    """

    def __init__(self, given: Any, objective: Objective) -> None:
        super().__init__()
        loss: Any = given() if inspect.isclass(given) else copy.deepcopy(given)
        if hasattr(loss, "reduction"):
            loss.reduction = "none"
        self.loss = loss
        self.objective = objective

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return one loss a row, or one of all rows."""
        if self.objective.has_offset:
            output = output + target[:, -1:]
            target = target[:, :-1]
        if not self.objective.is_multiple:
            target = target.reshape(len(target))
            if self.objective.goals[0].kind == "multiclass":
                target = target.long()
        if output.shape[1] == 1:
            output = output[:, 0]
        loss: Tensor = self.loss(output, target)
        if loss.ndim == 0 or loss.shape == (len(output),):
            return loss
        raise ValueError(
            f"The loss {self.loss!r} returned a tensor of shape {tuple(loss.shape)} "
            f"for {len(output)} rows: it must be one value a row, or one of all rows."
        )


def row_loss(goal: Goal, units: Units) -> RowLoss:
    """Return the loss of one goal, in its units.

    Deviances are those of exponential dispersion models, up to what does not depend on
    the output (B. Jorgensen, 1987), over their dispersion.
    """
    if goal.loss == "log_loss":
        return _LogLoss(goal.n_outputs, units.class_weights)
    if goal.loss in ("poisson", "gamma", "tweedie"):
        return _Deviance(goal.loss, goal.parameter, units.dispersion)
    if goal.loss == "huber":
        return _Huber(goal.parameter / units.scale)
    if goal.loss == "quantile":
        return _Pinball(goal.parameter)
    return {"squared_error": _squared, "absolute_error": _absolute}[goal.loss]


#: The losses in the order of `_kernel.c`.
_NUMBERS = (
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "log_loss",
    "softmax",
    "poisson",
    "gamma",
    "tweedie",
)


def write_out(goal: Goal, units: Units) -> WrittenOut:
    """Return the loss of one goal, in its units, as the kernel knows it."""
    if goal.loss == "log_loss":
        weights = units.class_weights
        return WrittenOut(
            _NUMBERS.index("log_loss" if goal.n_outputs == 1 else "softmax"),
            class_weight=None if weights is None else torch.tensor(weights).float(),
        )
    number = _NUMBERS.index(goal.loss)
    if goal.loss in ("poisson", "gamma", "tweedie"):
        return WrittenOut(number, goal.parameter or 0.0, 1 / units.dispersion)
    if goal.loss == "huber":
        delta = goal.parameter / units.scale
        return WrittenOut(number, delta, 1 / min(delta, 1.0))
    return WrittenOut(number, goal.parameter or 0.0)


def _squared(output: Tensor, target: Tensor) -> Tensor:
    """Half the squared error: the negative log-likelihood of a unit normal."""
    return 0.5 * (output[:, 0] - target).square()


def _absolute(output: Tensor, target: Tensor) -> Tensor:
    return (output[:, 0] - target).abs()


class _LogLoss:
    def __init__(self, n_outputs: int, weights: Sequence[float] | None) -> None:
        self.n_outputs = n_outputs
        self.weights = None if weights is None else torch.as_tensor(weights)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        if self.n_outputs == 1:
            loss = functional.binary_cross_entropy_with_logits(
                output[:, 0], target, reduction="none"
            )
        else:
            loss = functional.cross_entropy(output, target.long(), reduction="none")
        if self.weights is None:
            return loss
        return loss * self.weights.to(loss.device)[target.long()]


class _Huber:
    def __init__(self, delta: float) -> None:
        self.delta = delta

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Over delta: near the absolute error for a small one."""
        loss = functional.huber_loss(
            output[:, 0], target, reduction="none", delta=self.delta
        )
        return loss / min(self.delta, 1.0)


class _Pinball:
    def __init__(self, level: float) -> None:
        self.level = level

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Twice the pinball loss: the absolute error for the median."""
        error = target - output[:, 0]
        return 2 * torch.maximum(self.level * error, (self.level - 1) * error)


class _Deviance:
    def __init__(self, name: str, power: float, dispersion: float) -> None:
        self.name, self.power, self.dispersion = name, power, dispersion

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        log_mean = output[:, 0]
        if self.name == "poisson":
            loss = log_mean.exp() - target * log_mean
        elif self.name == "gamma":
            loss = target * (-log_mean).exp() + log_mean
        else:
            low, high = 1 - self.power, 2 - self.power
            loss = (high * log_mean).exp() / high - target * (
                low * log_mean
            ).exp() / low
        return loss / self.dispersion
