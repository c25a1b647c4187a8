"""Fitted encoders as ONNX graphs, alone or inside a Pipeline.

A graph holds what `transform` does with new rows: look-ups by value, crosses, support,
statistics and the prediction. It needs no Python where it runs.
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
