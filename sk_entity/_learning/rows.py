"""The training rows: codes, numbers, target, weight and fold, as whole arrays."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """What the net learns from, one entry a row.

    Attributes
    ----------
    codes : ndarray of shape (n_rows, n_categorical), int64
    numeric : ndarray of shape (n_rows, n_numeric), float64
        NaN where missing.
    target : ndarray of shape (n_rows,), float64 or int64
    weight : ndarray of shape (n_rows,), float64
    fold : ndarray of shape (n_rows,), int64
    """

    codes: NDArray[np.int64]
    numeric: NDArray[np.float64]
    target: NDArray[np.float64] | NDArray[np.int64]
    weight: NDArray[np.float64]
    fold: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, index: NDArray[np.intp]) -> "Rows":
        """Return the rows at ``index``."""
        return Rows(
            self.codes[index],
            self.numeric[index],
            self.target[index],
            self.weight[index],
            self.fold[index],
        )

    def merged(self) -> "Rows":
        """Merge equal rows of one fold into one that carries their weights.

        Rows of weight zero go. The order of the result depends on the rows' contents
        only, so that k equal rows and one row of weight k train the same net, to the
        last bit.
        """
        rows = self.take(np.flatnonzero(self.weight > 0))
        keys = pd.DataFrame(
            {
                **{f"c{j}": column for j, column in enumerate(rows.codes.T)},
                **{f"n{j}": column for j, column in enumerate(rows.numeric.T)},
                "target": rows.target,
                "fold": rows.fold,
            }
        )
        # A content hash sorts in one pass; rows of unequal content and equal hash
        # (one pair in 2**64) would only stand side by side, never be merged.
        order = np.argsort(pd.util.hash_pandas_object(keys, index=False), kind="stable")
        keys, rows = keys.iloc[order], rows.take(np.asarray(order))
        same = (keys == keys.shift()) | (keys.isna() & keys.shift().isna())
        starts = np.flatnonzero(~same.to_numpy().all(axis=1))
        starts = np.union1d(starts, [0])
        weight = np.add.reduceat(rows.weight, starts)
        merged = rows.take(starts)
        return Rows(merged.codes, merged.numeric, merged.target, weight, merged.fold)
