"""Which tables there are, which columns read them, and how."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories.cells import Bags


@dataclass(frozen=True, eq=False)
class Layout:
    """The embedding tables and the columns that read them.

    Attributes
    ----------
    n_codes : list of int
        Rows of each table, the unknown one included.
    dims : list of int
        Embedding dimension of each table.
    table_of : list of int
        The table of each column.
    bags : list of Bags or None
        The cells of each column, where they are more than one row of the table.
    """

    n_codes: list[int]
    dims: list[int]
    table_of: list[int]
    bags: list[Bags | None]

    @classmethod
    def plain(cls, n_codes: Sequence[int], dims: Sequence[int]) -> "Layout":
        """Return the layout of columns with a table each, whose cells are rows."""
        n = len(n_codes)
        return cls(list(n_codes), list(dims), list(range(n)), [None] * n)

    def columns(self, table: int) -> list[int]:
        """Return the columns that read a table."""
        return [j for j, t in enumerate(self.table_of) if t == table]

    @property
    def column_dims(self) -> list[int]:
        """Coordinates of each column."""
        return [self.dims[table] for table in self.table_of]

    def entries(
        self, table: int, numbers: NDArray[np.int32]
    ) -> Iterator[tuple[NDArray[Any] | slice, NDArray[np.int32]]]:
        """Return, for each column of a table, rows and the codes that they read.

        Parameters
        ----------
        table : int
        numbers : ndarray of shape (n_rows, n_columns)
        """
        for j in self.columns(table):
            bags = self.bags[j]
            if bags is None:
                yield slice(None), numbers[:, j]
            else:
                rows, codes, _ = bags.entries(numbers[:, j])
                yield rows, codes

    def count(
        self, table: int, numbers: NDArray[np.int32], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Weight of the rows behind each row of a table, over all its columns."""
        counts = np.zeros(self.n_codes[table])
        for rows, codes in self.entries(table, numbers):
            counts += np.bincount(codes, weight[rows], len(counts))
        return counts


def by_column(
    tables: Sequence[NDArray[Any]],
    table_of: Sequence[int],
    bags: Sequence[Bags | None],
) -> list[NDArray[Any]]:
    """Return what the cell numbers of each column look up.

    Parameters
    ----------
    tables : list of ndarray of shape (n_tables, n_codes, n_values)
    table_of : sequence of int
        The table of each column.
    bags : sequence of Bags or None
        The cells of each column.

    Returns
    -------
    cells : list of ndarray of shape (n_tables, n_cells, n_values)
        The table itself, or the means that the bags of the column make of it.
    """
    return [
        tables[t] if some is None else some.compose(tables[t])
        for t, some in zip(table_of, bags, strict=True)
    ]
