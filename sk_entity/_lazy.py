"""Dask frames through a fitted encoder: partition by partition, when they are asked."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sk_entity._learned import Learned


def is_lazy(X: Any) -> bool:
    """Whether ``X`` is a collection of Dask's, which nobody has computed yet."""
    return hasattr(X, "__dask_graph__") and hasattr(X, "map_partitions")


def transform_lazily(learned: "Learned", X: Any) -> Any:
    """Return the features of a Dask frame, which is not computed.

    Parameters
    ----------
    learned : Learned
    X : dask DataFrame of shape (n_rows, n_columns)

    Returns
    -------
    features : dask DataFrame of shape (n_rows, n_columns_out)
        With the partitions and the index of X.
    """
    from dask.delayed import delayed

    meta = _transform(X._meta, learned)
    # As one node of the graph: partitions share it.
    return X.map_partitions(_transform, delayed(learned, pure=False), meta=meta)


def _transform(part: Any, learned: "Learned") -> Any:
    frame = learned.header.read(part)
    return learned.features(part, frame, learned.encode(frame), "pandas")
