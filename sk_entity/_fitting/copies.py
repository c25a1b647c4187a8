"""Whether rows are copies of each other: one row's knowledge, held by several.

Rows that were drawn with replacement, or joined to many others, come more than once,
target included. A fold that holds out a copy and learns from its twin has seen its
target.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._choices import Choice

#: The share of rows that have a twin from which on twins are looked at, and how many
#: different rows there must be: of few, all that are equal may agree by chance.
_LEAST_TWINS, LEAST_ROWS = 0.02, 100
#: The share of twins that agree in the target, at least, and how often they would by
#: chance, at most.
_COPIES, _CHANCE = 0.999, 0.98


@dataclass(frozen=True, eq=False)
class Copies:
    """What was found of rows that come more than once.

    Attributes
    ----------
    number : ndarray of shape (n_rows,), int, or None
        Equal rows have the same, from 0; None if none are copies.
    share : float
        Rows that have a twin.
    """

    number: NDArray[np.intp] | None
    share: float

    def choices(self) -> list[Choice]:
        """Return what became of the folds, if there are copies."""
        if self.number is None:
            return []
        return [Choice("folds", "equal rows", self.share, np.nan, "in one fold")]


def find_copies(
    target: NDArray[np.float64],
    codes: NDArray[np.int32],
    numbers: NDArray[np.float64],
    least: int = LEAST_ROWS,
) -> Copies:
    """Find out whether rows are copies of each other.

    They are if nearly all that are equal in all columns have the same target, more
    often than by chance. Equal rows whose targets differ are rows of their own, of
    which little is known; so are they if there is nothing else to tell them by.

    Parameters
    ----------
    target : ndarray of shape (n_rows, n_outputs)
    codes : ndarray of shape (n_rows, n_categorical), int32
    numbers : ndarray of shape (n_rows, n_numeric)
    least : int, default=100
        Different rows that there must be.
    """
    columns = [*codes.T, *numbers.T]
    frame = pd.DataFrame(dict(enumerate(columns)))
    number, first = pd.factorize(pd.util.hash_pandas_object(frame, index=False))
    n_rows, n_different = len(number), len(first)
    size = np.bincount(number, minlength=n_different)
    share = float((size[number] > 1).mean()) if n_rows else 0.0
    if share < _LEAST_TWINS or n_different < least:
        return Copies(None, share)
    order = np.argsort(number, kind="stable")
    twins = number[order][1:] == number[order][:-1]
    alike = (target[order][1:] == target[order][:-1]).all(axis=1)
    _, counts = np.unique(target, axis=0, return_counts=True)
    by_chance = float(((counts / n_rows) ** 2).sum())
    if alike[twins].mean() < _COPIES or by_chance > _CHANCE:
        return Copies(None, share)
    return Copies(np.asarray(number, dtype=np.intp), share)
