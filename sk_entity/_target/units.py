"""The units in which the net sees each column of a target, and what its rows tell."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sk_entity._target.objective import Goal, Objective, Units

#: Variance of the log-link losses: the mean to this power.
_POWER = {"poisson": 1.0, "gamma": 2.0}


def find_units(
    objective: Objective, values: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[Units, ...]:
    """Find the units of each goal from its values, as `read_objective` gives them.

    Parameters
    ----------
    objective : Objective
    values : ndarray of shape (n_rows,) or (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)
    """
    if objective.is_custom:
        return tuple(Units() for _ in objective.goals)
    columns = values.reshape(len(values), -1)
    offset = columns[:, -1] if objective.has_offset else np.zeros(len(columns))
    found = []
    for goal, column in zip(objective.goals, columns.T, strict=False):
        known = ~np.isnan(column) & (weight > 0)
        parts = (column[known], offset[known], weight[known])
        found.append(_units(goal, *parts) if known.any() else Units())
    return tuple(found)


def constant_outputs(
    objective: Objective, values: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the net's raw outputs for a row of which nothing is known.

    They predict the mean of all rows, or the quantile that the loss asks for; zero for
    a loss of several columns of the user's.

    Parameters
    ----------
    objective : Objective
    values : ndarray of shape (n_rows,) or (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)
    """
    if objective.is_custom and objective.is_multiple:
        return np.zeros(objective.n_outputs)
    columns, found = values.reshape(len(values), -1), []
    for goal, column in zip(objective.goals, columns.T, strict=False):
        known = ~np.isnan(column) & (weight > 0)
        y, weights = column[known], weight[known]
        if goal.classes is None:
            # The units are centered so that zero says it, but for a loss of the user's.
            given = objective.is_custom and known.any()
            found.append([np.average(y, weights=weights) if given else 0.0])
            continue
        own = _class_weights(goal, y, weights) if known.any() else None
        rows = np.bincount(y.astype(np.intp), weights, len(goal.classes))
        rows = rows * (1.0 if own is None else np.asarray(own))
        raw = np.log(np.maximum(rows, 1e-6 * max(rows.sum(), 1e-300)))
        found.append(raw - raw.mean() if goal.n_outputs > 1 else [raw[-1] - raw[0]])
    return np.concatenate(found) if found else np.zeros(0)


def row_balance(
    objective: Objective, values: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Return how much a row tells, over a row of equally frequent classes.

    The variance of the classes, ``1 - sum(p**2)``, over the largest possible: for two
    classes that of Fisher's information about the log odds, ``4 p (1 - p)``. 1 for
    numbers; of several targets, the largest.

    Parameters
    ----------
    objective : Objective
    values : ndarray of shape (n_rows,) or (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)
    """
    columns, found = values.reshape(len(values), -1), [0.0]
    for goal, column in zip(objective.goals, columns.T, strict=False):
        known = ~np.isnan(column) & (weight > 0)
        if goal.classes is None or not known.any():
            found.append(1.0)
            continue
        n_classes = len(goal.classes)
        counts = np.bincount(column[known].astype(np.intp), weight[known], n_classes)
        shares = counts / counts.sum()
        found.append(float((1 - shares @ shares) * n_classes / max(n_classes - 1, 1)))
    return max(found)


def to_net(values: NDArray[np.float64], units: Sequence[Units]) -> NDArray[np.float64]:
    """Return the values of a target as the net sees them."""
    if values.ndim == 1:
        return np.asarray((values - units[0].center) / units[0].scale)
    scaled = values.copy()
    for j, unit in enumerate(units):
        scaled[:, j] = (values[:, j] - unit.center) / unit.scale
    return scaled


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
