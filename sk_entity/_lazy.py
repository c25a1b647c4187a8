"""Dask frames through a fitted encoder: partition by partition, when they are asked."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sk_entity._learned import Learned


def is_lazy(X: Any) -> bool:
    """Whether ``X`` is a collection of Dask's, which nobody has computed yet."""
    return hasattr(X, "__dask_graph__") and hasattr(X, "map_partitions")


def transform_lazily(learned: "Learned", X: Any, held: Any = None) -> Any:
    """Return the features of a Dask frame, which is not computed.

    Parameters
    ----------
    learned : Learned
    X : dask DataFrame of shape (n_rows, n_columns)
    held : distributed.Future of a Learned, or None, default=None
        What is on the workers already; None: the graph carries it.

    Returns
    -------
    features : dask DataFrame of shape (n_rows, n_columns_out)
        With the partitions and the index of X.
    """
    from dask.delayed import delayed

    meta = _transform(X._meta, learned)
    # As one node of the graph: partitions share it.
    shared = delayed(learned if held is None else held, pure=False)
    return X.map_partitions(_transform, shared, meta=meta)


def _transform(part: Any, learned: "Learned") -> Any:
    frame = learned.header.read(part)
    return learned.features(part, frame, learned.encode(frame), "pandas")
