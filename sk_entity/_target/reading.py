"""A target and a loss -> what is to be learned, and its values."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._columns import read_frame, read_series
from sk_entity._columns.containers import read_rows
from sk_entity._target.checks import Target, check_target
from sk_entity._target.losses import Huber, LogLoss, PerTarget, Quantile, Tweedie
from sk_entity._target.objective import Goal, Objective

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
