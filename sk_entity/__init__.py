"""Leak-free entity embeddings of categorical columns for scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sk_entity._version import __version__

if TYPE_CHECKING:
    from sk_entity._encoder import EntityEmbeddingEncoder
    from sk_entity._pretrained import Pretrained
    from sk_entity._table import EmbeddingTable
    from sk_entity.inspection import compare_encoders

__all__ = [
    "EmbeddingTable",
    "EntityEmbeddingEncoder",
    "Pretrained",
    "__version__",
    "compare_encoders",
]

#: Where public names are: loaded on demand, so that inference need not import what
#: only fits or pictures need.
_HOMES = {
    "EmbeddingTable": "_table",
    "EntityEmbeddingEncoder": "_encoder",
    "Pretrained": "_pretrained",
    "compare_encoders": "inspection",
}
_MODULES = (
    "datasets",
    "exceptions",
    "inference",
    "inspection",
    "losses",
    "onnx",
    "plotting",
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"sk_entity.{_HOMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"sk_entity.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
