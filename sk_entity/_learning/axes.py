"""Trained tables -> the same space with its coordinates in the order of importance.

A net reads any rotation of its vectors as well as another. Principal axes are the one
in which few coordinates hold most: shrinkage keeps those that the net has no use for
near zero.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.tables import FoldTables

#: Rows that are turned at a time.
_ROWS = 200_000


@torch.no_grad()
def turn(
    module: EmbeddingNet,
    counts: Sequence[NDArray[np.float64]],
    some: Sequence[int],
) -> list[NDArray[np.float64]]:
    """Turn tables to their principal axes, and the decoder with them.

    The axes are those of the vectors that saw all rows, each category weighed by its
    rows; the tables of all folds are turned alike. What the net says stays the same. A
    net of the user's cannot be turned: its tables are left alone.

    Parameters
    ----------
    module : EmbeddingNet
        Trained; changed in place.
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows behind each row of each table.
    some : list of int
        The tables to turn; none of them started from given vectors.

    Returns
    -------
    shares : list of ndarray of shape (dim,)
        The part of a table's variance along each coordinate; NaN where they were left
        alone, zeros where vectors do not differ.
    """
    tables, decoder = module.tables, module.decoder
    dims, found = tables.layout.dims, list[NDArray[np.float64]]()
    for t, count in enumerate(counts):
        if t not in some or type(decoder) is not Decoder:
            found.append(np.full(dims[t], np.nan))
            continue
        rotation, shares = principal_axes(_final(tables, t), count)
        found.append(shares)
        if dims[t] > 1:
            _turn_table(tables, t, rotation)
            for j in tables.layout.columns(t):
                first = sum(tables.layout.column_dims[:j])
                for layer in (decoder.linear[0], decoder.skip):
                    part = layer.weight[:, first : first + dims[t]]
                    part.copy_(_turned(part, rotation))
    return found


def principal_axes(
    vectors: NDArray[np.float64], count: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the principal axes of some vectors, and the share of variance along each.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim)
    count : ndarray of shape (n,)

    Returns
    -------
    rotation : ndarray of shape (dim, dim)
        ``vectors @ rotation`` has the most variance in its first coordinate. Its
        columns point where their largest part is positive.
    shares : ndarray of shape (dim,)
        All zero if there is no variance.

    Examples
    --------
    >>> rotation, shares = principal_axes(np.array([[0.0, 1], [0, 3]]), np.ones(2))
    >>> rotation.tolist(), shares.tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0])
    """
    weight = count / max(count.sum(), np.finfo(float).tiny)
    # Sums of einsum, other than those of a BLAS, depend on no number of threads.
    apart = vectors - np.einsum("n,nd->d", weight, vectors)
    covariance = np.einsum("n,nd,ne->de", weight, apart, apart)
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.where(axes[largest, np.arange(len(axes))] < 0, -1.0, 1.0)
    total = variances.sum()
    return axes, variances / total if total > 0 else np.zeros(len(axes))


def _final(tables: FoldTables, t: int) -> NDArray[np.float64]:
    """Return the deviations of the table that saw all rows."""
    of_folds = tables.rows(t).view(-1, tables.n_tables, tables.layout.dims[t])
    return of_folds[:, -1].cpu().numpy().astype(np.float64)


def _turn_table(tables: FoldTables, t: int, rotation: NDArray[np.float64]) -> None:
    rows = tables.rows(t)
    for part in rows.split(_ROWS):  # type: ignore[no-untyped-call]
        part.copy_(_turned(part, rotation))
    prior = tables.prior.split(tables.layout.dims)[t]  # type: ignore[no-untyped-call]
    prior.copy_(_turned(prior[None], rotation)[0])


def _turned(rows: torch.Tensor, rotation: NDArray[np.float64]) -> torch.Tensor:
    exact = rows.detach().cpu().numpy().astype(np.float64)
    turned = np.einsum("nd,de->ne", exact, rotation)
    return torch.as_tensor(turned).to(rows)
