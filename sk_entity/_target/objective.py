"""What is learned of each column of a target, and what the net's outputs mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOG_LINK = ("poisson", "gamma", "tweedie")
#: Losses whose best prediction is the mean, or the chance of each class.
_OF_MEANS = ("squared_error", "log_loss", *_LOG_LINK)


@dataclass(frozen=True, eq=False)
class Goal:
    """One column of the target.

    Attributes
    ----------
    name : str
        Of the column; empty if the target has one.
    kind : {"continuous", "binary", "multiclass"}
    classes : ndarray of shape (n_classes,) or None
    loss : str
        A name of `LOSSES` but "auto", or "custom".
    parameter : float
        Of the loss: delta, level or power; 0 if it has none.
    weight : float
        What its loss counts.
    class_weight : dict, "balanced" or None
    """

    name: str
    kind: str
    classes: NDArray[Any] | None
    loss: str
    parameter: float = 0.0
    weight: float = 1.0
    class_weight: Any = None

    @property
    def n_outputs(self) -> int:
        """Outputs of the net."""
        return len(self.labels)

    @property
    def labels(self) -> list[str]:
        """Suffixes of its columns: of each class, for three or more."""
        name = f"_{self.name}" if self.name else ""
        if self.classes is None or len(self.classes) <= 2:
            return [name]
        return [f"{name}_{label}" for label in self.classes]

    @property
    def link(self) -> str:
        """From the net's output to a prediction: "identity", "log" or "logit"."""
        if self.kind != "continuous":
            return "logit"
        return "log" if self.loss in _LOG_LINK else "identity"


@dataclass(frozen=True)
class Units:
    """How the net sees a target of numbers: ``(y - center) / scale``.

    ``dispersion`` is how much it varies in these units, over what a distribution of
    its kind would: a loss is divided by it, so that it measures evidence. Classes have
    weights instead, or None.
    """

    center: float = 0.0
    scale: float = 1.0
    dispersion: float = 1.0
    class_weights: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Objective:
    """All that is learned.

    Attributes
    ----------
    goals : tuple of Goal
    has_offset : bool
        The last column of the values is added to the net's raw output.
    custom_outputs : int
        Outputs of the net for a loss of the user's that reads several columns.
    """

    goals: tuple[Goal, ...]
    has_offset: bool = False
    custom_outputs: int = 1

    @property
    def is_custom(self) -> bool:
        """Whether the loss is the user's own."""
        return bool(self.goals) and self.goals[0].loss == "custom"

    @property
    def predicts_means(self) -> bool:
        """Whether predictions are means of what `statistics` returns, or chances.

        Those of weighted classes are not.
        """
        return all(
            goal.loss in _OF_MEANS and goal.class_weight is None for goal in self.goals
        )

    @property
    def is_squared(self) -> bool:
        """Whether all goals are numbers, learned by the squared error."""
        return all(goal.loss == "squared_error" for goal in self.goals)

    @property
    def n_outputs(self) -> int:
        """Outputs of the net."""
        if self.is_custom and self.is_multiple:
            return self.custom_outputs
        return sum(goal.n_outputs for goal in self.goals)

    @property
    def statistic_labels(self) -> list[str]:
        """Suffixes of statistics: one a target, or a class."""
        return [label for goal in self.goals for label in goal.labels]

    @property
    def prediction_labels(self) -> list[str]:
        """Suffixes of predictions: one an output."""
        labels = self.statistic_labels
        if self.n_outputs == len(labels):
            return labels
        return [""] if self.n_outputs == 1 else [f"_{k}" for k in range(self.n_outputs)]

    @property
    def target_type(self) -> Any:
        """The kind, or a list of kinds."""
        kinds = [goal.kind for goal in self.goals]
        return kinds[0] if kinds and not self.is_multiple else kinds

    @property
    def classes(self) -> Any:
        """The classes or None, or a list of these."""
        classes = [goal.classes for goal in self.goals]
        return classes[0] if classes and not self.is_multiple else classes

    @property
    def is_multiple(self) -> bool:
        """Whether y has several columns."""
        return bool(self.goals) and bool(self.goals[0].name)

    def to_prediction(
        self, raw: NDArray[np.float64], units: Sequence[Units]
    ) -> NDArray[np.float64]:
        """Return what the net's raw outputs mean.

        Numbers in the units of the target, the probability of the second of two
        classes, or of each class; for a loss of several columns of the user's: as is.
        """
        from scipy.special import expit, softmax

        if self.is_custom and self.is_multiple:
            return raw
        parts, first = [], 0
        for goal, unit in zip(self.goals, units, strict=True):
            part = raw[:, first : first + goal.n_outputs]
            first += goal.n_outputs
            if goal.link == "identity":
                parts.append(unit.center + unit.scale * part)
            elif goal.link == "log":
                parts.append(unit.scale * np.exp(part))
            elif goal.n_outputs == 1:
                parts.append(expit(part))
            else:
                parts.append(softmax(part, axis=1))
        return np.hstack(parts) if len(parts) > 1 else parts[0]

    def statistics(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the target as columns of which means make sense, and their shares.

        Class indicators; numbers, less their offset; under a log link rates, of which
        each counts by its exposure. A share is what a row's value counts beside the
        row's weight: nothing where the target is missing. None: one throughout.
        """
        columns = values.reshape(len(values), -1)
        offset = columns[:, -1] if self.has_offset else np.zeros(len(columns))
        found: list[NDArray[np.float64]] = []
        shares: list[NDArray[np.float64]] = []
        for goal, column in zip(self.goals, columns.T, strict=False):
            share = np.where(np.isnan(column), 0.0, 1.0)
            known = np.nan_to_num(column)
            if goal.link == "log":
                exposure = np.exp(offset)
                parts, share = [known / exposure], share * exposure
            elif goal.link == "identity":
                parts = [known - offset]
            elif goal.n_outputs == 1:
                parts = [known]
            else:
                parts = [(known == k) * 1.0 for k in range(goal.n_outputs)]
            found += parts
            shares += [share] * len(parts)
        # By what the goals are, not by the rows: sums of further rows have one shape.
        alike = not self.is_multiple and self.goals[0].link != "log"
        return np.stack(found, axis=1), None if alike else np.stack(shares, axis=1)
