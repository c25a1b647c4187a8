"""What a further fit starts from, and how it moves what the earlier one learned."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Counts = NDArray[np.float64]


def padded(vectors: Vectors, n_codes: int) -> Vectors:
    """Return the rows of a table that has grown: NaN where it has new ones."""
    new = np.full((n_codes - len(vectors), vectors.shape[1]), np.nan, np.float32)
    return np.concatenate([vectors, new])


def priors_only(vectors: Vectors, n_codes: int) -> Vectors:
    """Return a table of which the unknown vector is known, and nothing else."""
    return padded(vectors[:1], n_codes)


def blended(
    old: Sequence[Vectors],
    old_counts: Sequence[Counts],
    new: Sequence[Vectors],
    new_counts: Sequence[Counts],
    *,
    same_rows: bool,
) -> tuple[list[Vectors], list[Counts]]:
    """Return the vectors and counts after a further fit.

    A category moves from where it was towards where the new rows want it by their
    share in all its rows, as a running mean does. Unknown vectors are those of the new
    fit, which moved slowly.

    Parameters
    ----------
    old, new : list of ndarray of shape (n_codes, dim), float32
        Tables; those of ``new`` may have grown.
    old_counts, new_counts : list of ndarray of shape (n_codes,), float64
    same_rows : bool
        Whether the new rows stand for the earlier ones, too: then categories that they
        hold are as the new fit left them.
    """
    vectors, counts = [], []
    for before, n_before, after, n_new in zip(
        old, old_counts, new, new_counts, strict=True
    ):
        n = len(before)
        n_old = np.append(n_before, np.zeros(len(n_new) - n))
        n_all = np.where(n_new > 0, n_new, n_old) if same_rows else n_old + n_new
        # Of a category that no row of either fit holds, nothing is known.
        share = np.divide(n_new, n_all, out=np.zeros_like(n_all), where=n_all > 0)
        share[0] = 1.0
        moved = after.copy()
        moved[:n] = before + share[:n, None] * (after[:n] - before)
        vectors.append(moved.astype(np.float32))
        counts.append(n_all)
    return vectors, counts
