"""An encoder -> one graph, and frames -> what graphs read."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from sklearn.utils.validation import check_is_fitted

from sk_entity._columns import conform, exact_floats, factorize
from sk_entity._learned import Learned
from sk_entity.onnx._columns import (
    MISSING_INTEGER,
    MISSING_TEXT,
    key_columns,
    number_columns,
)
from sk_entity.onnx._graph import add_features

__all__ = ["MISSING_INTEGER", "MISSING_TEXT", "as_inputs", "to_onnx"]

#: The versions of ONNX's operations that a graph uses unless others are asked for.
_OPSET, _ML_OPSET, _LOWEST = 18, 2, 18
#: What no column of text holds.
_UNKNOWN_TEXT = "\x00unknown"
TENSORS = {
    "string": TensorProto.STRING,
    "int64": TensorProto.INT64,
    "double": TensorProto.DOUBLE,
}


class GraphBuilder:
    """Collects the nodes and constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: NDArray[Any]) -> str:
        """Add an array; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, operation: str, *inputs: str, domain: str = "", **given: Any) -> str:
        """Add an operation with one output; return the name of that."""
        name = f"{operation}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                operation, list(inputs), [name], name=name, domain=domain, **given
            )
        )
        return name


def tensors_of(learned: Learned) -> dict[str, str]:
    """Return the type of each column that a graph reads, in the order of the input."""
    found = {column.name: column.tensor for column in key_columns(learned)}
    found |= dict.fromkeys(number_columns(learned), "double")
    return {name: found[name] for name in learned.names if name in found}


def to_onnx(
    encoder: Any, *, output: str = "features", target_opset: int = _OPSET
) -> ModelProto:
    """Return a fitted encoder's `transform` as an ONNX graph.

    Each input column is an input of the graph, of shape (n_rows, 1): text as strings,
    whole numbers and booleans as int64, numbers as doubles. Missing cells are NaN among
    doubles, `MISSING_TEXT` among strings and `MISSING_INTEGER` among int64; `as_inputs`
    makes these of a frame. Values that training did not show are unknown.

    Parameters
    ----------
    encoder : EntityEmbeddingEncoder
        Fitted.
    output : str, default="features"
        The name of the output, doubles of shape (n_rows, n_columns_out), which are the
        columns of ``encoder.get_feature_names_out()``. Vectors, statistics, support
        and crosses are those of `transform` to the bit, predictions up to rounding.
    target_opset : int, default=18
        The version of ONNX's operations, 18 or later.

    Returns
    -------
    model : ModelProto
        It has passed onnx's checker.

    Raises
    ------
    NotFittedError
        If the encoder is not fitted.
    ColumnError
        If something cannot be a graph: subwords, multi-valued or hashed columns,
        categories of decimals, bytes or several types, errors for unknown values, and
        columns that are no numbers and pass through.
    ValueError
        If ``target_opset`` is below 18.

    See Also
    --------
    as_inputs : Makes the graph's inputs of a frame.
    register : For a Pipeline, which becomes one graph.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.onnx import to_onnx
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bari"] * 10})
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=5)
    >>> model = to_onnx(encoder.fit(X, [1.0, 3.0, 1.2, 2.0] * 10))
    >>> [tensor.name for tensor in (*model.graph.input, *model.graph.output)]
    ['city', 'features']
    """
    check_is_fitted(encoder)
    if target_opset < _LOWEST:
        raise ValueError(f"target_opset must be {_LOWEST} or more, got {target_opset}.")
    learned: Learned = encoder._learned
    tensors, build = tensors_of(learned), GraphBuilder()
    features = add_features(build, learned, {name: name for name in tensors})
    build.nodes.append(helper.make_node("Identity", [features], [output]))
    shape = [None, len(learned.outputs)]
    graph = helper.make_graph(
        build.nodes,
        "EntityEmbeddingEncoder",
        [
            helper.make_tensor_value_info(name, TENSORS[tensor], [None, 1])
            for name, tensor in tensors.items()
        ],
        [helper.make_tensor_value_info(output, TensorProto.DOUBLE, shape)],
        build.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid("", target_opset),
            helper.make_opsetid("ai.onnx.ml", _ML_OPSET),
        ],
        ir_version=10,
        producer_name="sk-entity",
    )
    checker.check_model(model)
    return model


def as_inputs(
    encoder: Any, frame: pd.DataFrame, model: ModelProto | None = None
) -> dict[str, NDArray[Any]]:
    """Return a frame as the inputs of a graph of the encoder.

    Parameters
    ----------
    encoder : EntityEmbeddingEncoder
        Fitted.
    frame : DataFrame of shape (n_rows, n_columns)
        The columns of fit.
    model : ModelProto or None, default=None
        A graph of a Pipeline: skl2onnx makes other names of those with a hyphen or the
        like. Its inputs are taken in their order.

    Returns
    -------
    inputs : dict of str to ndarray of shape (n_rows, 1)
        By the names of the graph's inputs.

    Raises
    ------
    ColumnError
        If a column is of another type than in fit.

    See Also
    --------
    to_onnx : Makes the graph.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.onnx import as_inputs
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", None] * 10})
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=5)
    >>> encoder = encoder.fit(X, [1.0, 3.0, 1.2, 2.0] * 10)
    >>> as_inputs(encoder, X.head(2))["city"].tolist()
    [['Rome'], ['Oslo']]
    """
    learned: Learned = encoder._learned
    frame = learned.header.read(frame)
    found = {}
    numeric = set(number_columns(learned))
    for name, tensor in tensors_of(learned).items():
        column = frame.iloc[:, learned.names.index(name)]
        if name in numeric:
            cells: NDArray[Any] = exact_floats(name, column)
        else:
            cells = _cells(learned, name, tensor, column)
        found[name] = cells.reshape(-1, 1)
    if model is None:
        return found
    names = [each.name for each in model.graph.input]
    return dict(zip(names, found.values(), strict=True))


def _cells(learned: Learned, name: str, tensor: str, column: pd.Series) -> NDArray[Any]:
    """Return a categorical column in its tensor's type, by the rules of `transform`."""
    table = learned.coder.table_of[learned.categorical.index(name)]
    row, keys = factorize(column)
    keys, lost = conform(keys, learned.coder.coders[table].vocabulary.known, name)
    values = keys.values.to_numpy(dtype=object, copy=True)
    if lost is not None:
        # Of a type that fit's cannot be: unknown, as no value of that type is.
        values[lost] = None
    dtype: Any = {"string": object, "int64": np.int64, "double": np.float64}[tensor]
    unknown: Any = {"string": _UNKNOWN_TEXT, "int64": MISSING_INTEGER + 1}
    missing: Any = {"string": MISSING_TEXT, "int64": MISSING_INTEGER}
    fits = [_of_tensor(value, tensor) for value in values]
    instead = unknown.get(tensor, np.inf)
    plain = [v if ok else instead for v, ok in zip(values, fits, strict=True)]
    plain.append(missing.get(tensor, np.nan))
    return np.asarray(plain, dtype=dtype).take(row, mode="wrap")


def _of_tensor(value: Any, tensor: str) -> bool:
    """Whether a tensor can hold a value as it is."""
    if tensor == "string":
        return isinstance(value, str)
    if tensor == "int64":
        whole = isinstance(value, (int, np.integer, np.bool_))
        return whole and abs(int(value)) < 2**63
    return isinstance(value, (int, float))
