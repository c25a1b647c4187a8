"""What `transform` does, as ONNX operations."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sk_entity._features import NumericScaler, Predictor
from sk_entity._features.curves import TargetCurve
from sk_entity._features.scaling import SOFT_LIMIT
from sk_entity._features.smoothing import KNOTS
from sk_entity._features.statistics import TargetStatistic
from sk_entity._learned import Learned
from sk_entity._target import Goal, Units
from sk_entity.onnx._columns import KeyColumn, key_columns, number_columns

#: Numbers of ONNX's types.
FLOAT, INT64, DOUBLE = 1, 7, 11
_ML = "ai.onnx.ml"


class Builder(Protocol):
    """Takes the operations of a graph."""

    def constant(self, array: NDArray[Any]) -> str:
        """Add an array; return its name."""
        ...

    def add(self, operation: str, *inputs: str, domain: str = "", **given: Any) -> str:
        """Add an operation with one output; return the name of that."""
        ...


def add_features(build: Builder, learned: Learned, inputs: dict[str, str]) -> str:
    """Add what `transform` does; return the name of the features.

    Parameters
    ----------
    build : Builder
    learned : Learned
    inputs : dict of str to str
        The tensor of each column, of shape (n_rows, 1).

    Returns
    -------
    features : str
        A tensor of shape (n_rows, n_features), double.
    """
    keys, names = key_columns(learned), number_columns(learned)
    numbers = [inputs[name] for name in names]
    codes = [_codes(build, column, inputs[column.name]) for column in keys]
    known = [
        _known(build, column, code) for column, code in zip(keys, codes, strict=True)
    ]
    blocks = [
        build.add("Gather", _joined(build, learned, column), code, axis=0)
        for column, code in zip(keys, codes, strict=True)
    ]
    blocks += [
        _curve(build, cross, known, numbers)
        if isinstance(cross, TargetCurve)
        else _cross(build, cross, known)
        for cross in learned.extras.crosses
    ]
    if learned.extras.predictor is not None:
        vectors = [
            build.add("Gather", build.constant(learned.vectors[c.table]), code, axis=0)
            for c, code in zip(keys, known, strict=True)
        ]
        blocks.append(_prediction(build, learned.extras.predictor, vectors, numbers))
    parts = []
    if blocks:
        features = build.add("Concat", *blocks, axis=1)
        parts.append(build.add("Cast", features, to=DOUBLE))
    return build.add("Concat", *parts, *(numbers if learned.passes else []), axis=1)


def _codes(build: Builder, column: KeyColumn, tensor: str) -> str:
    """Return the code of each cell, shape (n_rows,)."""
    flat = build.add("Reshape", tensor, build.constant(np.asarray([-1])))
    if column.tensor == "double":
        return _codes_of_floats(build, column, flat)
    keys = {"string": "keys_strings", "int64": "keys_int64s"}[column.tensor]
    given: dict[str, Any] = {
        keys: column.keys,
        "values_int64s": column.codes.tolist(),
        "default_int64": column.default,
    }
    return build.add("LabelEncoder", flat, domain=_ML, **given)


def _codes_of_floats(build: Builder, column: KeyColumn, flat: str) -> str:
    """Compare with every category: LabelEncoder knows no doubles."""
    values = np.asarray(column.keys[:-1], dtype=np.float64)
    cells = build.add("Unsqueeze", flat, build.constant(np.asarray([1])))
    equal = build.add("Equal", cells, build.constant(values[None]))
    # One place more, which all have: what is nowhere else has the default.
    place = build.add("ArgMax", build.add("Cast", equal, to=INT64), axis=1, keepdims=0)
    some = build.add("Cast", equal, to=INT64)
    some = build.add("ReduceMax", some, build.constant(np.asarray([1])), keepdims=0)
    code = build.add("Gather", build.constant(column.codes[:-1]), place, axis=0)
    seen = build.add("Cast", some, to=9)  # a boolean
    default = build.constant(np.asarray([column.default]))
    found = build.add("Where", seen, code, default)
    missing = build.constant(column.codes[-1:])
    return build.add("Where", build.add("IsNaN", flat), missing, found)


def _known(build: Builder, column: KeyColumn, code: str) -> str:
    """Return the codes with that of unknown cells for those whose features are NaN."""
    if not column.may_be_nan:
        return code
    nothing = build.add("Equal", code, build.constant(np.asarray([column.n_codes])))
    return build.add("Where", nothing, build.constant(np.asarray([0])), code)


def _joined(build: Builder, learned: Learned, column: KeyColumn) -> str:
    """Return the outputs by code; a last row of NaN if it is read."""
    lookup = learned.lookup
    table, _ = lookup.parts(column.table, lookup.joined[column.table][-1])
    if column.may_be_nan:
        nothing = np.full((1, table.shape[1]), np.nan, dtype=np.float32)
        table = np.concatenate([table, nothing])
    return build.constant(table)


def _cross(build: Builder, cross: TargetStatistic, codes: Sequence[str]) -> str:
    """Return the statistic of a cross, shape (n_rows, n_outputs)."""
    (a, b), (_, size) = cross.columns, cross.n_codes
    key = build.add("Mul", codes[a], build.constant(np.asarray([size])))
    key = build.add("Add", key, codes[b])
    given: dict[str, Any] = {
        "keys_int64s": [*cross.cells.tolist(), -1],
        "values_int64s": [*range(1, len(cross.cells) + 1), 0],
        "default_int64": 0,
    }
    place = build.add("LabelEncoder", key, domain=_ML, **given)
    table = cross.tables[-1].astype(np.float32)
    return build.add("Gather", build.constant(table), place, axis=0)


def _curve(
    build: Builder, curve: TargetCurve, codes: Sequence[str], numbers: Sequence[str]
) -> str:
    """Return the curves' values, shape (n_rows, n_outputs); see `TargetCurve`."""

    def number(value: float) -> str:
        return build.constant(np.asarray(value, dtype=np.float64))

    one, most = build.constant(np.asarray([1])), len(KNOTS) - 2
    z = _bent(build, curve.scaler, numbers[curve.number])
    z = build.add("Clip", z, number(KNOTS[0]), number(KNOTS[-1]))
    place = build.add("Sub", z, number(KNOTS[0]))
    place = build.add("Div", place, number(KNOTS[1] - KNOTS[0]))
    knot = build.add("Min", build.add("Floor", place), number(most))
    right = build.add("Sub", place, knot)
    left = build.add("Sub", number(1.0), right)
    knot = build.add("Cast", build.add("Squeeze", knot, one), to=INT64)
    code = codes[curve.columns[0]]
    cell = build.add("Mul", code, build.constant(np.asarray([len(KNOTS)])))
    cell = build.add("Add", cell, knot)
    table = build.constant(curve.tables[-1])
    before = build.add("Gather", table, cell, axis=0)
    after = build.add("Gather", table, build.add("Add", cell, one), axis=0)
    before = build.add("Mul", before, left)
    after = build.add("Mul", after, right)
    return build.add("Cast", build.add("Add", before, after), to=FLOAT)


def _prediction(
    build: Builder, predictor: Predictor, vectors: Sequence[str], numbers: Sequence[str]
) -> str:
    """Return what the last head predicts, shape (n_rows, n_outputs), float."""
    parts = [*vectors]
    if numbers:
        parts.append(_scaled(build, predictor, numbers))
    inputs = hidden = build.add("Concat", *parts, axis=1)
    for weight, bias in predictor.layers[:-1]:
        hidden = build.add("MatMul", hidden, build.constant(weight[-1]))
        hidden = build.add("Relu", build.add("Add", hidden, build.constant(bias[-1])))
    weight, bias = predictor.layers[-1]
    raw = build.add("MatMul", hidden, build.constant(weight[-1]))
    raw = build.add("Add", raw, build.constant(bias[-1]))
    straight = build.add("MatMul", inputs, build.constant(predictor.skip[-1]))
    raw = build.add("Cast", build.add("Add", raw, straight), to=DOUBLE)
    objective = predictor.objective
    if not (objective.is_custom and objective.is_multiple):
        raw = _meaning(build, raw, objective.goals, predictor.units)
    return build.add("Cast", raw, to=FLOAT)


def _scaled(build: Builder, predictor: Predictor, numbers: Sequence[str]) -> str:
    """Return the numeric columns as the net sees them; see `NumericScaler`."""
    scaler = predictor.scaler
    values = build.add("Concat", *numbers, axis=1)
    parts = [build.add("Cast", _bent(build, scaler, values), to=FLOAT)]
    told = np.flatnonzero(scaler.has_missing)
    if len(told):
        missing = build.add("IsNaN", values)
        flags = build.add("Gather", missing, build.constant(told), axis=1)
        parts.append(build.add("Cast", flags, to=FLOAT))
    return build.add("Concat", *parts, axis=1)


def _bent(build: Builder, scaler: NumericScaler, values: str) -> str:
    """Return scaled numbers, the missing ones at zero; see `NumericScaler.scaled`."""
    missing = build.add("IsNaN", values)
    z = build.add("Sub", values, build.constant(scaler.center[None]))
    z = build.add("Div", z, build.constant(scaler.scale[None]))
    z = build.add("Where", missing, build.constant(np.zeros((1, 1))), z)
    z = build.add(
        "Clip", z, build.constant(np.asarray(-1e6)), build.constant(np.asarray(1e6))
    )
    share = build.add("Div", z, build.constant(np.asarray([SOFT_LIMIT])))
    square = build.add("Mul", share, share)
    one = build.constant(np.ones(1))
    return build.add("Div", z, build.add("Sqrt", build.add("Add", one, square)))


def _meaning(
    build: Builder, raw: str, goals: Sequence[Goal], units: Sequence[Units]
) -> str:
    """Return what raw outputs mean; see `Objective.to_prediction`."""
    parts, first = [], 0
    for goal, unit in zip(goals, units, strict=True):
        columns = np.arange(first, first + goal.n_outputs)
        first += goal.n_outputs
        part = build.add("Gather", raw, build.constant(columns), axis=1)
        if goal.link == "identity":
            part = build.add("Mul", part, build.constant(np.asarray([unit.scale])))
            part = build.add("Add", part, build.constant(np.asarray([unit.center])))
        elif goal.link == "log":
            part = build.add("Exp", part)
            part = build.add("Mul", part, build.constant(np.asarray([unit.scale])))
        elif goal.n_outputs == 1:
            part = build.add("Sigmoid", part)
        else:
            part = build.add("Softmax", part, axis=1)
        parts.append(part)
    return build.add("Concat", *parts, axis=1)
