"""What a further fit starts from, and how it moves what the earlier one learned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._fitting.given import GivenVectors
from sk_entity._fitting.plan import Plan
from sk_entity._learned import Learned

if TYPE_CHECKING:
    from sk_entity._learning.start import Start

Vectors = NDArray[np.float32]
Counts = NDArray[np.float64]


def padded(vectors: Vectors, n_codes: int) -> Vectors:
    """Return the rows of a table that has grown: NaN where it has new ones."""
    new = np.full((n_codes - len(vectors), vectors.shape[1]), np.nan, np.float32)
    return np.concatenate([vectors, new])


def priors_only(vectors: Vectors, n_codes: int) -> Vectors:
    """Return a table of which the unknown vector is known, and nothing else."""
    return padded(vectors[:1], n_codes)


def blend_vectors(
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


def start_of(
    plan: Plan,
    given: dict[int, GivenVectors],
    earlier: Learned | None,
    weight: float,
    *,
    same_rows: bool,
) -> "Start":
    """Return what training starts from: given vectors, or an earlier fit.

    Parameters
    ----------
    plan : Plan
    given : dict of int to GivenVectors
        Of some tables.
    earlier : Learned or None
    weight : float
        Of the new rows.
    same_rows : bool
        As `learn`.
    """
    from sk_entity._learning.start import Earlier, Start

    frozen = frozenset(t for t, source in given.items() if source.freeze)
    if earlier is None:
        coders = plan.coder.coders
        return Start(
            {t: source.rows(coders[t].vocabulary) for t, source in given.items()},
            frozen,
        )
    rows = priors_only if same_rows else padded
    vectors = {
        t: (padded if t in frozen else rows)(old, plan.layout.n_codes[t])
        for t, old in enumerate(earlier.vectors)
    }
    assert earlier.scaling is not None
    kept = Earlier(
        decoder=earlier.decoder,
        scaling=earlier.scaling,
        # Heads of an earlier fit have seen the targets of the same rows.
        predictor=None if same_rows else earlier.extras.predictor,
        pace=0.0 if same_rows else weight / (earlier.weight + weight),
    )
    return Start(vectors, frozen, kept)


def blended(earlier: Learned, learned: Learned, *, same_rows: bool) -> Learned:
    """Return what is learned of the rows of both fits.

    Parameters
    ----------
    earlier, learned : Learned
        ``learned`` started from ``earlier``.
    same_rows : bool
        As `learn`.
    """
    vectors, counts = blend_vectors(
        earlier.vectors,
        earlier.counts,
        learned.vectors,
        learned.counts,
        same_rows=same_rows,
    )
    learned = replace(learned, vectors=vectors, counts=counts)
    if same_rows:  # all but the folds is as the earlier fit chose it
        kept = [choice for choice in earlier.choices if choice.what != "folds"]
        return replace(learned, choices=learned.choices + kept)
    histories = [earlier.history, learned.history]
    return replace(
        learned,
        extras=earlier.extras.merged(learned.extras),
        history=pd.concat(histories, ignore_index=True),
        choices=earlier.choices,
        weight=earlier.weight + learned.weight,
        n_rows=earlier.n_rows + learned.n_rows,
    )
