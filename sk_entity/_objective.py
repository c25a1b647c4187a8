"""What is learned of each column of the target: its kind, its loss, its units."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, softmax

from sk_entity._columns import read_frame, read_series
from sk_entity._columns.containers import read_rows
from sk_entity._validation import Target, check_target
from sk_entity.losses import Huber, LogLoss, PerTarget, Quantile, Tweedie

#: Losses of numbers, by name; the others are variants with a number of their own.
_NUMBER_LOSSES = (
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "poisson",
    "gamma",
    "tweedie",
)
LOSSES = ("auto", *_NUMBER_LOSSES, "log_loss")
_LOG_LINK = ("poisson", "gamma", "tweedie")
#: Variance of the log-link losses: the mean to this power.
_POWER = {"poisson": 1.0, "gamma": 2.0}


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

    def units(
        self, values: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> tuple[Units, ...]:
        """Find the units of each goal from its values, as `read_objective` gives them.

        Parameters
        ----------
        values : ndarray of shape (n_rows,) or (n_rows, n_columns)
        weight : ndarray of shape (n_rows,)
        """
        if self.is_custom:
            return tuple(Units() for _ in self.goals)
        columns = values.reshape(len(values), -1)
        offset = columns[:, -1] if self.has_offset else np.zeros(len(columns))
        found = []
        for goal, column in zip(self.goals, columns.T, strict=False):
            known = ~np.isnan(column) & (weight > 0)
            parts = (column[known], offset[known], weight[known])
            found.append(_units(goal, *parts) if known.any() else Units())
        return tuple(found)

    def balance(
        self, values: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> float:
        """Return how much a row tells, over a row of equally frequent classes.

        The variance of the classes, ``1 - sum(p**2)``, over the largest possible: for
        two classes that of Fisher's information about the log odds, ``4 p (1 - p)``. 1
        for numbers; of several targets, the largest.

        Parameters
        ----------
        values : ndarray of shape (n_rows,) or (n_rows, n_columns)
        weight : ndarray of shape (n_rows,)
        """
        columns, found = values.reshape(len(values), -1), [0.0]
        for goal, column in zip(self.goals, columns.T, strict=False):
            known = ~np.isnan(column) & (weight > 0)
            if goal.classes is None or not known.any():
                found.append(1.0)
                continue
            n_classes = len(goal.classes)
            counts = np.bincount(
                column[known].astype(np.intp), weight[known], n_classes
            )
            shares = counts / counts.sum()
            found.append(
                float((1 - shares @ shares) * n_classes / max(n_classes - 1, 1))
            )
        return max(found)

    def to_net(
        self, values: NDArray[np.float64], units: Sequence[Units]
    ) -> NDArray[np.float64]:
        """Return the values as the net sees them."""
        if values.ndim == 1:
            return np.asarray((values - units[0].center) / units[0].scale)
        scaled = values.copy()
        for j, unit in enumerate(units):
            scaled[:, j] = (values[:, j] - unit.center) / unit.scale
        return scaled

    def to_prediction(
        self, raw: NDArray[np.float64], units: Sequence[Units]
    ) -> NDArray[np.float64]:
        """Return what the net's raw outputs mean.

        Numbers in the units of the target, the probability of the second of two
        classes, or of each class; for a loss of several columns of the user's: as is.
        """
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


def _units(
    goal: Goal,
    y: NDArray[np.float64],
    offset: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> Units:
    if goal.classes is not None:
        return Units(class_weights=_class_weights(goal, y, weight))
    if goal.link == "log":
        exposure = np.exp(offset)
        rate = np.average(y, weights=weight) / np.average(exposure, weights=weight)
        scale = rate if rate > 0 else 1.0
        power = _POWER.get(goal.loss, goal.parameter)
        surprise = (y / scale - exposure) ** 2 / exposure**power
        dispersion = float(np.average(surprise, weights=weight))
        return Units(0.0, float(scale), dispersion if dispersion > 0 else 1.0)
    y = y - offset
    if goal.loss == "squared_error":
        center = float(np.average(y, weights=weight))
        spread = np.sqrt(np.average((y - center) ** 2, weights=weight))
    else:
        level = goal.parameter if goal.loss == "quantile" else 0.5
        center = float(np.quantile(y, level, weights=weight, method="inverted_cdf"))
        spread = np.average(np.abs(y - center), weights=weight)
    return Units(center, float(spread) if spread > 0 else 1.0)


def _class_weights(
    goal: Goal, y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, ...] | None:
    """Return the weight of each class, as scikit-learn's classifiers have it."""
    given, classes = goal.class_weight, goal.classes
    assert classes is not None
    if given is None:
        return None
    if given == "balanced":
        rows = np.bincount(y.astype(np.int64), weight, len(classes))
        share = np.where(rows > 0, rows, 1.0) * len(classes) / rows.sum()
        return tuple((1 / share).tolist())
    labels = classes.tolist()
    strange = [label for label in given if label not in labels]
    if strange:
        raise ValueError(
            f"class_weight names {strange!r}, which are no classes of the target. "
            f"Those are {labels[:20]!r}."
        )
    found = tuple(float(given.get(label, 1.0)) for label in labels)
    if not all(np.isfinite(w) and w >= 0 for w in found) or not any(found):
        raise ValueError(
            f"class_weight must be zero or positive, not all zero, got {given!r}."
        )
    return found


def read_objective(
    y: Any,
    n_rows: int,
    loss: Any,
    *,
    offset: NDArray[np.float64] | None = None,
    earlier: Objective | None = None,
    classes: Any = None,
) -> tuple[Objective, Target, NDArray[np.float64]]:
    """Check the target for the loss; return what is learned, and the values.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_targets)
    n_rows : int
    loss : Any
        As the encoder's parameter.
    offset : ndarray of shape (n_rows,) or None
    earlier : Objective or None
        Of the fit that is continued.
    classes : array-like or None
        All class labels of one column, if known.

    Returns
    -------
    objective : Objective
    target : Target
        By which folds are made.
    values : ndarray of shape (n_rows,) or (n_rows, n_columns), float64
        Numbers, or positions among classes; NaN where missing (of several columns
        only); the offset last.

    Raises
    ------
    ValueError
        If the target cannot be used with the loss.
    """
    columns = _columns(y)
    if classes is not None and len(columns) > 1:
        raise ValueError(
            "classes names the labels of one column, but y has "
            f"{len(columns)}: fit a first batch that holds all labels."
        )
    losses, weights, criterion = _per_target(loss, list(columns))
    goals, targets = [], []
    for j, (name, column) in enumerate(columns.items()):
        known = None if earlier is None else _earlier_goal(earlier, j, len(columns))
        goal, target = _read_column(
            name, column, n_rows, losses[j], known=known, classes=classes
        )
        goals.append(replace(goal, weight=weights[j]))
        targets.append(target)
    if offset is not None and any(len(g.labels) > 1 for g in goals):
        raise ValueError(
            "offset cannot be used with three or more classes: it is one number a "
            "row, and there is a score for each class."
        )
    values = [np.asarray(target.values, dtype=np.float64) for target in targets]
    if offset is not None:
        values.append(offset)
    outputs = int(getattr(criterion, "n_outputs", 1))
    objective = Objective(tuple(goals), offset is not None, outputs)
    joint = values[0] if len(values) == 1 else np.stack(values, 1)
    if len(targets) > 1:
        return objective, Target("continuous", joint, None), joint
    return objective, targets[0], joint


def objective_of(
    kind: str, classes: NDArray[Any] | None, extremes: NDArray[np.float64], loss: Any
) -> Objective:
    """Return the objective of a target of which no more is known than this.

    Parameters
    ----------
    kind : {"continuous", "binary", "multiclass"}
    classes : ndarray or None
    extremes : ndarray of shape (2,)
        Smallest and largest value of a target of numbers.
    loss : Any
        As the encoder's parameter.
    """
    (one,), _, _ = _per_target(loss, [""])
    goal = _goal("", kind, classes, one)
    if kind == "continuous":
        _check_range(goal, extremes, one)
    return Objective((goal,))


def wants_numbers(loss: Any) -> bool:
    """Whether a loss is one of numbers, not of classes."""
    return _named(loss)[0] in _NUMBER_LOSSES


def hidden_objective(
    codes: NDArray[np.int32],
    weight: NDArray[np.float64],
    names: Sequence[str],
    max_classes: int,
) -> Objective:
    """Return the objective of telling hidden cells from the others of their row.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns), int32
    weight : ndarray of shape (n_rows,)
    names : list of str
    max_classes : int
        Codes of a column that are told apart; the others are the last class.
    """
    goals = []
    for name, column in zip(names, codes.T, strict=True):
        count = np.bincount(column, weight)
        order = np.argsort(-count, kind="stable")[: (count > 0).sum()]
        classes = np.append(order[: max_classes - 1], -1)
        if len(order) <= max_classes:
            classes = order
        goals.append(Goal(name, "multiclass", classes, "log_loss"))
    return Objective(tuple(goals))


def hidden_cells(codes: NDArray[np.int32], objective: Objective) -> NDArray[np.float64]:
    """Return the class of each cell, shape (n_rows, n_columns)."""
    found = np.empty(codes.shape)
    for j, goal in enumerate(objective.goals):
        assert goal.classes is not None
        place = pd.Index(goal.classes).get_indexer(codes[:, j])
        found[:, j] = np.where(place < 0, len(goal.classes) - 1, place)
    return found


def _columns(y: Any) -> dict[str, Any]:
    """Return the columns of the target by name; one column has the name ""."""
    if y is None:
        return {"": None}
    frame = read_frame(y) if hasattr(y, "columns") else None
    if frame is not None:
        y = frame
    if isinstance(y, pd.DataFrame):
        if y.shape[1] == 1:
            return {"": y.iloc[:, 0]}
        names = [str(name) for name in y.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"y has several columns of the same name: {names!r}.")
        return {name: y.iloc[:, j] for j, name in enumerate(names)}
    rows = read_rows(y)
    if rows is not None and rows.shape[1] > 1:
        return {str(j): rows.iloc[:, j] for j in range(rows.shape[1])}
    array = y if hasattr(y, "ndim") or isinstance(y, str) else np.asarray(y)
    if np.ndim(array) == 2 and array.shape[1] > 1:
        return {str(j): array[:, j] for j in range(array.shape[1])}
    return {"": y}


def _per_target(loss: Any, names: Sequence[str]) -> tuple[list[Any], list[float], Any]:
    """Return the loss and the weight of each column, and a torch loss of the user's."""
    spec = loss if isinstance(loss, PerTarget) else PerTarget(loss)
    losses = _spread("losses", spec.losses, names, "auto")
    weights = _spread("target_weights", spec.target_weights, names, 1.0)
    weights = [1.0 if weight is None else float(weight) for weight in weights]
    if not all(np.isfinite(w) and w >= 0 for w in weights) or not any(weights):
        raise ValueError(
            f"target_weights must be zero or positive, not all zero, got {weights!r}."
        )
    criterion = None
    if len({id(one) for one in losses}) == 1 and _named(losses[0])[0] == "custom":
        criterion = losses[0]
        if spec.target_weights is not None:
            raise ValueError(
                "target_weights cannot be used with a torch loss, which sees all "
                "columns of y and weighs them itself."
            )
    elif any(_named(one)[0] == "custom" for one in losses):
        raise ValueError(
            "A torch loss sees all columns of y: pass it as loss, not for one column."
        )
    return losses, weights, criterion


def _spread(what: str, given: Any, names: Sequence[str], default: Any) -> list[Any]:
    """Return one entry for each column of y."""
    if isinstance(given, Mapping):
        strange = set(given) - set(names)
        if strange:
            raise ValueError(
                f"{what} names {sorted(map(str, strange))!r}, which are no columns of "
                f"y. Those are {list(names)!r}."
            )
        return [given.get(name, default) for name in names]
    if isinstance(given, (list, tuple, np.ndarray)):
        if len(given) != len(names):
            raise ValueError(
                f"{what} has {len(given)} entries, but y has {len(names)} columns."
            )
        return list(given)
    return [given] * len(names)


def _named(loss: Any) -> tuple[str, float, Any]:
    """Return the name, the parameter and the class weights of one loss."""
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(
                f"loss={loss!r} is none of {LOSSES}. Pass one of these, a loss of "
                "sk_entity.losses, or a torch loss."
            )
        parameter = {"huber": 1.0, "quantile": 0.5, "tweedie": 1.5}.get(loss, 0.0)
        return loss, parameter, None
    if isinstance(loss, LogLoss):
        return "log_loss", 0.0, loss.class_weight
    if isinstance(loss, Huber):
        return "huber", loss.delta, None
    if isinstance(loss, Quantile):
        return "quantile", loss.level, None
    if isinstance(loss, Tweedie):
        return "tweedie", loss.power, None
    if callable(loss) or inspect.isclass(loss):
        return "custom", 0.0, None
    raise ValueError(
        f"loss={loss!r} is no loss: pass one of {LOSSES}, a loss of sk_entity.losses, "
        "or a torch loss."
    )


def _goal(name: str, kind: str, classes: NDArray[Any] | None, loss: Any) -> Goal:
    """Return the goal of a target of a kind, if its loss is one for the kind."""
    named, parameter, class_weight = _named(loss)
    if named == "auto":
        named = "squared_error" if kind == "continuous" else "log_loss"
    if (named == "log_loss") != (kind != "continuous") and named != "custom":
        raise ValueError(
            f"loss={loss!r} is one of "
            f"{'classes' if named == 'log_loss' else 'numbers'}, but the target"
            f"{f' {name!r}' if name else ''} is {kind}."
        )
    return Goal(name, kind, classes, named, parameter, 1.0, class_weight)


def _earlier_goal(earlier: Objective, j: int, n_columns: int) -> Goal:
    if len(earlier.goals) != n_columns:
        raise ValueError(
            f"y has {n_columns} columns, but the encoder was fitted with "
            f"{len(earlier.goals)}."
        )
    return earlier.goals[j]


def _read_column(
    name: str, y: Any, n_rows: int, loss: Any, *, known: Goal | None, classes: Any
) -> tuple[Goal, Target]:
    kind = None if known is None else known.kind
    if known is not None:
        classes = known.classes
    elif wants_numbers(loss):
        kind = "continuous"
    if not name:
        target = check_target(y, n_rows, kind=kind, classes=classes)
    else:
        target = _read_partly(name, y, n_rows, kind, classes)
    goal = _goal(name, target.kind, target.classes, loss)
    if target.kind == "continuous":
        _check_range(goal, target.values, loss)
    return goal, target


def _read_partly(
    name: str, y: Any, n_rows: int, kind: str | None, classes: Any
) -> Target:
    """Check one of several columns: rows without a value have NaN."""
    values = read_series(y)
    known = np.flatnonzero(values.notna())
    if not len(known):
        raise ValueError(f"Column {name!r} of y holds no value at all: drop it.")
    # NumPy makes one type of all columns; each is read by its own cells.
    some = values.iloc[known]
    if len(values) != n_rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"X has {n_rows} rows, y has {len(values)}."
        )
    try:
        target = check_target(some, len(known), kind=kind, classes=classes)
    except ValueError as error:
        raise ValueError(f"Column {name!r} of y: {error}") from error
    full = np.full(n_rows, np.nan)
    full[known] = target.values
    return Target(target.kind, full, target.classes)


#: Features are float32: numbers beyond, and below one over, this are refused.
_LARGEST = 1e30


def _check_size(name: str, smallest: float, largest: float) -> None:
    """Raise a `ValueError` if float32 features could not hold predictions."""
    size = max(abs(smallest), abs(largest))
    if size == 0 or 1 / _LARGEST <= size <= _LARGEST:
        return
    raise ValueError(
        f"The target{f' {name!r}' if name else ' y'} holds numbers of the size of "
        f"{size:.0e}; features are float32, and sizes from {1 / _LARGEST:.0e} to "
        f"{_LARGEST:.0e} can be learned. Change its unit, for example y / {size:.0e}."
    )


def _check_range(goal: Goal, values: NDArray[np.float64], loss: Any) -> None:
    _check_size(goal.name, float(np.nanmin(values)), float(np.nanmax(values)))
    if goal.link != "log":
        return
    lowest = np.nanmin(values)
    if lowest < 0 or (goal.loss == "gamma" and lowest <= 0):
        allowed = "positive" if goal.loss == "gamma" else "zero or positive"
        raise ValueError(
            f"loss={loss!r} needs targets that are {allowed}, but the smallest is "
            f"{lowest}. Use loss='squared_error', or correct y."
        )
    if goal.loss != "gamma" and not np.nanmax(values) > 0:
        raise ValueError(
            f"loss={loss!r}: all targets are zero, so that there is nothing to learn."
        )
