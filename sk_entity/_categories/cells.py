"""Cells -> table rows: one row a cell, or a weighted bag of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Seeds of two content hashes, and what mixes the parts of an entry.
_HASH_KEYS = (0x243F6A8885A308D3, 0x13198A2E03707344)
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Bags:
    """Distinct cells as weighted means of table rows.

    Bag 0 is the unknown cell: table row 0 alone.

    Attributes
    ----------
    start : ndarray of shape (n_bags + 1,), int64
        Where the entries of each bag start.
    row : ndarray of shape (n_entries,), int32
        Rows of the table.
    share : ndarray of shape (n_entries,), float32
        Weights of the rows: positive, the sum of each bag is one.
    code : ndarray of shape (n_bags,), int32
        The code of the whole cell in its column's vocabulary; 0 where it has none.
    masked : ndarray of shape (n_bags,), int32
        The bag that stands for each when training hides what it holds.
    key : ndarray of shape (n_bags,), uint64
        A hash of what each bag holds, whatever its number.
    """

    start: NDArray[np.int64]
    row: NDArray[np.int32]
    share: NDArray[np.float32]
    code: NDArray[np.int32]
    masked: NDArray[np.int32]
    key: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.start) - 1

    @classmethod
    def build(
        cls,
        bag: NDArray[np.intp],
        row: NDArray[np.int32],
        weight: NDArray[np.float64],
        n_bags: int,
        *,
        code: NDArray[np.int32] | None = None,
        masked: NDArray[np.int32] | None = None,
    ) -> "Bags":
        """Sort entries by bag and row, add up repeated rows, and scale to means.

        Equal bags stay apart; see `distinct`.

        Parameters
        ----------
        bag : ndarray of shape (n_entries,)
            The bag of each entry, 1 .. n_bags - 1. Bags without any are unknown.
        row : ndarray of shape (n_entries,)
        weight : ndarray of shape (n_entries,)
            Positive.
        n_bags : int
            The unknown bag included.
        code, masked : ndarray of shape (n_bags,) or None
            None: zeros.
        """
        # Here, not at the top: most encoders have no bags.
        from scipy.sparse import csr_array

        empty = np.flatnonzero(np.bincount(bag, minlength=n_bags) == 0)
        bag = np.concatenate([bag, empty])
        row = np.concatenate([row, np.zeros(len(empty), row.dtype)])
        weight = np.concatenate([weight, np.ones(len(empty))])
        shape = (n_bags, int(row.max()) + 1)
        matrix = csr_array((weight, (bag, row)), shape=shape)  # adds up repeated rows
        matrix.sort_indices()
        total = np.add.reduceat(matrix.data, matrix.indptr[:-1])
        nothing = np.zeros(n_bags, dtype=np.int32)
        start, row = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
        share = matrix.data / np.repeat(total, np.diff(start))
        share = share.astype(np.float32)
        return cls(
            start=start,
            row=row,
            share=share,
            code=nothing if code is None else code,
            masked=nothing if masked is None else masked,
            key=_keys(start, row, share, _HASH_KEYS[0]),
        )

    def distinct(self) -> tuple[NDArray[np.int32], "Bags"]:
        """Merge equal bags; return the new number of each bag, and those left.

        Bags are equal if two content hashes of 64 bits are.
        """
        other = _keys(self.start, self.row, self.share, _HASH_KEYS[1])
        number, _ = pd.factorize(
            pd.MultiIndex.from_arrays([self.key, other])
        )  # by first appearance: the unknown bag stays number 0
        n = int(number.max()) + 1
        first = np.full(n, len(self))
        np.minimum.at(first, number, np.arange(len(self)))
        length = np.diff(self.start)[first]
        start = np.concatenate([[0], length.cumsum()])
        _, row, share = self.entries(first.astype(np.int32))
        masked = number[self.masked[first]].astype(np.int32)
        left = Bags(start, row, share, self.code[first], masked, self.key[first])
        return number.astype(np.int32), left

    def compose(self, tables: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means of table rows: one row a bag.

        Parameters
        ----------
        tables : ndarray of shape (n_tables, n_codes, dim)

        Returns
        -------
        composed : ndarray of shape (n_tables, n_bags, dim), float32
        """
        from scipy.sparse import csr_array

        shape = (len(self), tables.shape[1])
        matrix = csr_array((self.share, self.row, self.start), shape=shape)
        return np.stack([matrix @ table for table in tables]).astype(np.float32)

    def entries(
        self, cells: NDArray[np.int32]
    ) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float32]]:
        """Return which cell, table row and share each entry of some cells has."""
        length = np.diff(self.start)[cells]
        cell = np.repeat(np.arange(len(cells)), length)
        first = np.cumsum(length) - length
        place = np.arange(len(cell)) - first[cell] + self.start[cells][cell]
        return cell, self.row[place], self.share[place]


def _keys(
    start: NDArray[np.int64],
    row: NDArray[np.int32],
    share: NDArray[np.float32],
    seed: int,
) -> NDArray[np.uint64]:
    """Hash what each bag holds: entries one by one, then their sum."""
    entry = pd.util.hash_array(row.astype(np.int64)) * _ODD
    entry ^= pd.util.hash_array(share)
    mixed = pd.util.hash_array(entry ^ np.uint64(seed))
    return np.add.reduceat(mixed, start[:-1]) if len(start) > 1 else mixed


@dataclass(frozen=True, eq=False)
class Cells:
    """One column of a frame, encoded.

    Attributes
    ----------
    number : ndarray of shape (n_rows,), int32
        The table row of each cell; with ``bags``, its bag.
    missing : ndarray of shape (n_rows,), bool
    unknown : ndarray of shape (n_rows,), bool
        Nothing that the cell holds was seen in training.
    strange : ndarray of shape (n_rows,), bool
        Something that the cell holds was not seen in training.
    bags : Bags or None
        The distinct cells, where a cell is more than one table row.
    note : TypeNote or None
        What is to be said of their type.
    """

    number: NDArray[np.int32]
    missing: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    strange: NDArray[np.bool_]
    bags: Bags | None = None
    note: "TypeNote | None" = None


@dataclass(frozen=True)
class TypeNote:
    """Cells that are unknown because they are of another type than those of fit.

    Attributes
    ----------
    name : str
        The column.
    known, found : str
        The types.
    example : object
    """

    name: str
    known: str
    found: str
    example: Any

    def __str__(self) -> str:
        return (
            f"column {self.name!r} was of type {self.known} in fit and is of type "
            f"{self.found} now, for example {self.example!r}"
        )


@dataclass(frozen=True, eq=False)
class Codes:
    """All categorical columns of a frame, encoded.

    Attributes
    ----------
    numbers : ndarray of shape (n_rows, n_columns), int32
        The table row, or the bag, of each cell; negative where the output is NaN.
    bags : tuple of Bags or None
        One entry a column.
    """

    numbers: NDArray[np.int32]
    bags: tuple[Bags | None, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def known(self) -> "Codes":
        """Return the same with unknown cells for those whose output is NaN."""
        if (self.numbers >= 0).all():
            return self
        return Codes(np.maximum(self.numbers, 0), self.bags)

    def whole(self) -> NDArray[np.int32]:
        """Return the codes of whole cells, as crosses of columns read them."""
        if not any(self.bags):
            return self.numbers
        columns = [
            numbers if bags is None else bags.code[np.maximum(numbers, 0)]
            for numbers, bags in zip(self.numbers.T, self.bags, strict=True)
        ]
        return np.stack(columns, axis=1)
