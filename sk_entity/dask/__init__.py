"""Entity embeddings of Dask collections: data that one machine does not hold."""

from sk_entity.dask._encoder import DaskEntityEmbeddingEncoder

__all__ = ["DaskEntityEmbeddingEncoder"]
