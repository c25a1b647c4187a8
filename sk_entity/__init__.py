"""Leak-free entity embeddings of categorical columns for scikit-learn."""

from sk_entity._encoder import EntityEmbeddingEncoder
from sk_entity._pretrained import Pretrained
from sk_entity._table import EmbeddingTable

__version__ = "0.1.0"

__all__ = ["EmbeddingTable", "EntityEmbeddingEncoder", "Pretrained", "__version__"]
