"""The training rows: codes, numbers, target, weight and fold, as whole arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Bags

#: Mixes the hashes of a row's cells.
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Rows:
    """What the net learns from, one entry a row.

    Attributes
    ----------
    codes : ndarray of shape (n_rows, n_categorical), int32
    numeric : ndarray of shape (n_rows, n_numeric), float64
        NaN where missing.
    target : ndarray of shape (n_rows,) or (n_rows, n_columns), float64
        As `read_objective` gives it.
    weight : ndarray of shape (n_rows,), float64
    fold : ndarray of shape (n_rows,), int32
        The part of each row, as `Folds` has them.
    """

    codes: NDArray[np.int32]
    numeric: NDArray[np.float64]
    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    fold: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.weight)

    @classmethod
    def of(cls, block: NDArray[Any]) -> "Rows":
        """Return the rows of a structured array with these fields."""
        return cls(*(block[field.name] for field in fields(cls)))

    def take(self, index: NDArray[np.intp]) -> "Rows":
        """Return the rows at ``index``."""
        return Rows(
            self.codes[index],
            self.numeric[index],
            self.target[index],
            self.weight[index],
            self.fold[index],
        )

    def merged(self, bags: Sequence[Bags | None] | None = None) -> "Rows":
        """Merge equal rows of one fold into one that carries their weights.

        Rows of weight zero go. The order of the result depends on the rows' contents
        only, so that k equal rows and one row of weight k train the same net, to the
        last bit.

        Parameters
        ----------
        bags : sequence of Bags or None
            What the codes of each column stand for, where their numbers mean nothing.
        """
        seen = np.flatnonzero(self.weight > 0)
        targets = self.target.reshape(len(self.target), -1).T
        columns = [*self.codes.T, *self.numeric.T, *targets, self.fold]
        # A content hash sorts in one pass; rows of unequal content and equal hash
        # (one pair in 2**64) would only stand side by side, never be merged.
        key = np.zeros(len(seen), dtype=np.uint64)
        for j, column in enumerate(columns):
            some = bags[j] if bags is not None and j < len(bags) else None
            content = column[seen] if some is None else some.key[column[seen]]
            key *= _ODD
            key += pd.util.hash_array(content)
        order = seen[np.argsort(key)]
        first = np.zeros(len(order), dtype=bool)
        first[:1] = True
        for column in columns:
            values = column[order]
            same = values[1:] == values[:-1]
            first[1:] |= ~(
                same | ((values[1:] != values[1:]) & (values[:-1] != values[:-1]))
            )
        starts = np.flatnonzero(first)
        weight = np.add.reduceat(self.weight[order], starts)
        merged = self.take(order[starts])
        return Rows(merged.codes, merged.numeric, merged.target, weight, merged.fold)
