"""What must hold of features that come from a file."""

from collections.abc import Sequence

import numpy as np

from sk_entity._features.curves import TargetCurve
from sk_entity._features.extras import Extras
from sk_entity._features.prediction import Predictor
from sk_entity._features.scaling import NumericScaler, Scaling
from sk_entity._features.smoothing import KNOTS
from sk_entity._features.statistics import TableStatistics, TargetStatistic
from sk_entity._files import require
from sk_entity._target import Goal, Objective
from sk_entity._target.reading import LOSSES

_KINDS = ("continuous", "binary", "multiclass")


def check_objective(objective: Objective) -> None:
    """Raise a `SavedFileError` if goals are none."""
    for goal in objective.goals:
        _check_goal(goal)
    require(objective.custom_outputs >= 1, "a loss without outputs")
    names = [goal.name for goal in objective.goals]
    require(len(set(names)) == len(names), "targets of one name")


def _check_goal(goal: Goal) -> None:
    require(goal.kind in _KINDS, "a target of no kind")
    require(goal.loss in (*LOSSES[1:], "custom"), "a loss that is none")
    require((goal.classes is None) == (goal.kind == "continuous"), "classes")
    if goal.classes is not None:
        require(goal.classes.ndim == 1 and len(goal.classes) >= 1, "classes")


def check_scaling(scaling: Scaling, objective: Objective, n_numeric: int) -> None:
    """Raise a `SavedFileError` if units or numbers are not those of the columns."""
    require(len(scaling.units) == len(objective.goals), "targets and their units")
    _check_scaler(scaling.scaler, n_numeric)


def _check_scaler(scaler: NumericScaler, n_numeric: int) -> None:
    for part in (scaler.center, scaler.scale, scaler.has_missing):
        require(part.shape == (n_numeric,), "numeric columns and their scales")


def check_extras(
    extras: Extras,
    objective: Objective,
    n_codes: Sequence[int],
    of_columns: Sequence[tuple[int, int]],
    n_numeric: int,
) -> None:
    """Raise a `SavedFileError` if shapes do not fit the tables.

    Parameters
    ----------
    extras : Extras
    objective : Objective
    n_codes : list of int
        Rows of each table.
    of_columns : list of (int, int)
        Coordinates, and codes of whole cells, of each categorical column.
    n_numeric : int
    """
    n_outputs = len(objective.statistic_labels)
    require(len(extras.singles) in (0, len(n_codes)), "tables and statistics")
    for single, n in zip(extras.singles, n_codes, strict=False):
        _check_single(single, n, n_outputs)
    kinds = {(single.statistic, single.support) for single in extras.singles}
    require(len(kinds) <= 1, "statistics of some tables")
    for cross in extras.crosses:
        whole = [n for _, n in of_columns]
        if isinstance(cross, TargetCurve):
            _check_curve(cross, whole, n_numeric, n_outputs)
        else:
            _check_cross(cross, whole, n_outputs)
    if extras.predictor is not None:
        n_vectors = sum(dim for dim, _ in of_columns)
        _check_predictor(extras.predictor, n_vectors, n_numeric)


def _check_single(single: TableStatistics, n_codes: int, n_outputs: int) -> None:
    n_values = single.statistic * n_outputs + single.support
    # Without a target there are none to have statistics of.
    known = single.n_outputs == n_outputs or (not single.statistic)
    require(known and single.n_outputs >= 0, "statistics and targets")
    require(n_values > 0, "statistics of nothing")
    require(single.values.shape == (1, n_codes, n_values), "statistics of codes")
    require(single.sums.ndim == 2 and single.sums.shape[1] == n_codes, "sums of codes")


def _check_cross(
    cross: TargetStatistic, n_codes: Sequence[int], n_outputs: int
) -> None:
    columns = cross.columns
    require(all(0 <= j < len(n_codes) for j in columns), "a cross of no columns")
    require(len(set(columns)) == len(columns) == 2, "a cross of no pair")
    sizes = tuple(n_codes[j] for j in columns)
    require(cross.n_codes == sizes, "a cross and its columns' codes")
    require(cross.cells.dtype == np.int64 and cross.cells.is_unique, "cells of a cross")
    n_cells = len(cross.cells) + 1
    if n_cells > 1:
        within = cross.cells.min() >= 0 and cross.cells.max() < sizes[0] * sizes[1]
        require(within, "cells of a cross that are none")
    require(cross.tables.shape == (1, n_cells, n_outputs), "a cross and its cells")
    require(cross.sums.ndim == 2 and cross.sums.shape[1] == n_cells, "sums of a cross")


def _check_curve(
    curve: TargetCurve, n_codes: Sequence[int], n_numeric: int, n_outputs: int
) -> None:
    require(len(curve.columns) == 2, "a curve of no pair")
    category, number = curve.columns
    require(0 <= category < len(n_codes), "a curve of no category")
    require(0 <= curve.number < n_numeric, "a curve over no number")
    require(number == len(n_codes) + curve.number, "a curve and its number")
    _check_scaler(curve.scaler, 1)
    n_cells = n_codes[category] * len(KNOTS)
    require(curve.tables.shape == (1, n_cells, n_outputs), "a curve and its codes")
    require(curve.sums.shape == (4 * n_outputs, n_cells), "sums of a curve")


def _check_predictor(predictor: Predictor, n_vectors: int, n_numeric: int) -> None:
    _check_scaler(predictor.scaler, n_numeric)
    check_objective(predictor.objective)
    require(len(predictor.units) == len(predictor.objective.goals), "units")
    width = n_inputs = n_vectors + n_numeric + int(predictor.scaler.has_missing.sum())
    require(predictor.layers, "a prediction without layers")
    for weight, bias in predictor.layers:
        require(weight.ndim == 3 and weight.shape[:2] == (1, width), "layers")
        width = weight.shape[2]
        require(bias.shape == (1, 1, width), "layers and their biases")
    n_outputs = predictor.objective.n_outputs
    require(width == n_outputs, "layers and targets")
    require(predictor.skip.shape == (1, n_inputs, n_outputs), "the linear path")
