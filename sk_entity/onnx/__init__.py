"""Fitted encoders as ONNX graphs, alone or inside a Pipeline.

A graph holds what `transform` does with new rows: look-ups by value, crosses, support,
statistics and the prediction. It needs no Python where it runs.

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

try:
    import onnx  # noqa: F401
except ImportError as error:  # pragma: no cover - the tests have it
    raise ImportError(
        'sk_entity.onnx needs onnx and skl2onnx: pip install "sk-entity[onnx]".'
    ) from error

from sk_entity.onnx._export import (
    MISSING_INTEGER,
    MISSING_TEXT,
    as_inputs,
    to_onnx,
)
from sk_entity.onnx._pipelines import initial_types, register

__all__ = [
    "MISSING_INTEGER",
    "MISSING_TEXT",
    "as_inputs",
    "initial_types",
    "register",
    "to_onnx",
]
