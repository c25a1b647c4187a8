"""Leak-free entity embeddings of categorical columns for scikit-learn."""

from importlib import import_module
from typing import Any

from sk_entity._encoder import EntityEmbeddingEncoder
from sk_entity._fitting.pretrained import Pretrained
from sk_entity._table import EmbeddingTable

__version__ = "0.1.0"

__all__ = [
    "EmbeddingTable",
    "EntityEmbeddingEncoder",
    "Pretrained",
    "__version__",
    "compare_encoders",
]


_MODULES = ("datasets", "exceptions", "inspection", "losses", "plotting")


def __getattr__(name: str) -> Any:
    # On demand: what only inspection needs must not slow the import.
    if name == "compare_encoders":
        from sk_entity.inspection import compare_encoders

        return compare_encoders
    if name in _MODULES:
        return import_module(f"sk_entity.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
