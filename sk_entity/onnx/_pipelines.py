"""skl2onnx: the encoder as one step of a Pipeline that becomes one graph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._encoder import EntityEmbeddingEncoder
from sk_entity.onnx._export import tensors_of
from sk_entity.onnx._graph import DOUBLE, add_features
from sk_entity.onnx._trees import add_booster

_MISSING = 'sk_entity.onnx needs skl2onnx here: pip install "sk-entity[onnx]".'


class _Container:
    """skl2onnx's container, as the graph's builder."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def constant(self, array: NDArray[Any]) -> str:
        """Add an array; return its name."""
        from onnx import TensorProto, numpy_helper

        name: str = self._scope.get_unique_variable_name("constant")
        array = np.asarray(array)
        if array.dtype == object:
            texts = [str(text).encode() for text in array]
            kind = TensorProto.STRING
            self._container.add_initializer(name, kind, array.shape, texts)
            return name
        tensor = numpy_helper.from_array(array, name)
        self._container.add_initializer(name, None, None, tensor)
        return name

    def add(self, operation: str, *inputs: str, domain: str = "", **given: Any) -> str:
        """Add an operation with one output; return the name of that."""
        name: str = self._scope.get_unique_variable_name(operation)
        version = 3 if domain else 18
        self._container.add_node(
            operation,
            list(inputs),
            name,
            op_domain=domain,
            op_version=version,
            name=self._scope.get_unique_operator_name(operation),
            **given,
        )
        return name


def initial_types(encoder: EntityEmbeddingEncoder) -> list[tuple[str, Any]]:
    """Return the inputs of a Pipeline that starts with the encoder, for skl2onnx.

    Parameters
    ----------
    encoder : EntityEmbeddingEncoder
        Fitted.

    Returns
    -------
    types : list of (str, TensorType)
        For ``skl2onnx.to_onnx(pipeline, initial_types=...)``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    register : Call it before, once a process.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.onnx import initial_types
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bari"] * 10})
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=5)
    >>> initial_types(encoder.fit(X, [1.0, 3.0, 1.2, 2.0] * 10))
    [('city', StringTensorType(shape=[None, 1]))]
    """
    try:
        from skl2onnx.common import data_types
    except ImportError as error:  # pragma: no cover - the tests have it
        raise ImportError(_MISSING) from error
    kinds = {
        "string": data_types.StringTensorType,
        "int64": data_types.Int64TensorType,
        "double": data_types.DoubleTensorType,
    }
    tensors = tensors_of(encoder._learned)
    return [(name, kinds[tensor]([None, 1])) for name, tensor in tensors.items()]


def register() -> None:
    """Teach skl2onnx to convert the encoder, and boosters behind it.

    Beside the encoder these are HistGradientBoosting and, if it is installed, LightGBM
    models, in place of converters that round thresholds to float32. Calling it again
    does nothing more.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    initial_types : What skl2onnx must be told of the Pipeline's inputs.

    Examples
    --------
    >>> import skl2onnx
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.onnx import initial_types, register
    >>> data = make_entities(200, random_state=0)
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=3)
    >>> model = make_pipeline(encoder, HistGradientBoostingRegressor(max_iter=3))
    >>> register()
    >>> graph = skl2onnx.to_onnx(
    ...     model.fit(data.X, data.y), initial_types=initial_types(model[0])
    ... ).graph
    >>> [tensor.name for tensor in (*graph.input, *graph.output)]
    ['entity_0', 'entity_1', 'z_1', 'variable']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:  # pragma: no cover - the tests have it
        raise ImportError(_MISSING) from error
    name = "SkEntityEmbeddingEncoder"
    update_registered_converter(EntityEmbeddingEncoder, name, _shape, _convert)
    for booster in _boosters():
        options = {
            "nocl": [True, False],
            "output_class_labels": [False, True],
            "zipmap": [True, False, "columns"],
        }
        update_registered_converter(
            booster,
            f"SkEntity{booster.__name__}",
            _booster_shape,
            _convert_booster,
            options=options if booster.__name__.endswith("Classifier") else None,
        )


def _boosters() -> list[type]:
    """Return the classes of boosters that are converted."""
    from sklearn import ensemble

    found = [
        ensemble.HistGradientBoostingClassifier,
        ensemble.HistGradientBoostingRegressor,
    ]
    try:
        import lightgbm
    except ImportError:  # pragma: no cover - the tests have it
        return found
    return [*found, lightgbm.LGBMClassifier, lightgbm.LGBMRegressor]


def _booster_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import (
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    classes = getattr(operator.raw_operator, "classes_", None)
    if classes is None:
        operator.outputs[0].type = FloatTensorType([None, 1])
        return
    is_text = classes.dtype.kind in "OU"
    labels = StringTensorType if is_text else Int64TensorType
    operator.outputs[0].type = labels([None])
    operator.outputs[1].type = FloatTensorType([None, len(classes)])


def _convert_booster(scope: Any, operator: Any, container: Any) -> None:
    build = _Container(scope, container)
    features = build.add("Cast", operator.inputs[0].full_name, to=DOUBLE)
    values, labels = add_booster(build, operator.raw_operator, features)
    if labels is None:
        _name(scope, container, values, operator.outputs[0])
        return
    _name(scope, container, labels, operator.outputs[0])
    _name(scope, container, values, operator.outputs[1])


def _name(scope: Any, container: Any, tensor: str, output: Any) -> None:
    container.add_node(
        "Identity",
        tensor,
        output.full_name,
        op_version=14,
        name=scope.get_unique_operator_name("Identity"),
    )


def _shape(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType

    n_outputs = len(operator.raw_operator.get_feature_names_out())
    operator.outputs[0].type = DoubleTensorType([None, n_outputs])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    learned = operator.raw_operator._learned
    names = tensors_of(learned)
    given = {each.raw_name: each.onnx_name for each in operator.inputs}
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(
            f"The graph has no inputs named {missing[:10]!r}: pass "
            "initial_types=sk_entity.onnx.initial_types(encoder)."
        )
    build = _Container(scope, container)
    features = add_features(build, learned, given)
    _name(scope, container, features, operator.outputs[0])
