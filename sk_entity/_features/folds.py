"""Which tables learn from a row, and which one its own features come from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Folds:
    """The law of cross-fitting: who learns from a row, and what the row reads.

    Rows for which both are alike are a *part*. Usually a part is a fold, which reads
    its own table and teaches all others. Of splits whose training rows are fewer, such
    as those of time, a part is what ``reads`` and ``teaches`` say of it.

    Whatever is learned (vectors, statistics, heads) has ``n_folds + 1`` tables, of
    which the last learns from all rows.

    Attributes
    ----------
    n_folds : int
        Tables beside that of all rows; 0: no cross-fitting.
    reads : ndarray of shape (n_parts,), int32, or None
        The table of each part; None: part k reads table k.
    teaches : ndarray of shape (n_parts, n_folds + 1), bool, or None
        Whether a table learns from a part; None: all but the part's own do.

    Examples
    --------
    >>> folds = Folds(2)
    >>> folds.is_plain, folds.table_of(np.array([0, 1, 1])).tolist()
    (True, [0, 1, 1])
    """

    n_folds: int
    reads: NDArray[np.int32] | None = None
    teaches: NDArray[np.bool_] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether each fold teaches all tables but its own."""
        return self.teaches is None

    def table_of(self, part: NDArray[Any]) -> NDArray[Any]:
        """Return the table that each row reads, from its part."""
        return part if self.reads is None else self.reads[part]

    @cached_property
    def learned(self) -> NDArray[np.bool_]:
        """Whether some rows teach each table, shape (n_folds + 1,)."""
        if self.teaches is None:
            return np.ones(self.n_folds + 1, dtype=bool)
        return np.asarray(self.teaches.any(axis=0))
