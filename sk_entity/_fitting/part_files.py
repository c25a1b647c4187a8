"""Encoded parts in files: each is written once, and read a piece at a time."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._fitting.parts import Part, Reader
from sk_entity._fitting.spool import READ_ROWS, row_dtype


class PartFiles:
    """Encoded parts in files, read a piece at a time.

    Parameters
    ----------
    paths : dict of int to str
        The file of each part that is here.
    n_rows : dict of int to int
        Rows of all parts, here or not.
    n_categorical, n_numeric : int
    """

    def __init__(
        self,
        paths: dict[int, str],
        n_rows: dict[int, int],
        n_categorical: int,
        n_numeric: int,
    ) -> None:
        self.paths, self.n_rows = paths, n_rows
        self.dtype = row_dtype(n_categorical, n_numeric)

    def read(self, number: int, start: int, stop: int) -> NDArray[Any]:
        """Return some rows of a part."""
        offset = start * self.dtype.itemsize
        return np.fromfile(
            self.paths[number], self.dtype, max(stop - start, 0), offset=offset
        )

    def blocks(self, n_rows: int = READ_ROWS) -> Iterator[NDArray[Any]]:
        """Yield all rows that are here, a block at a time."""
        for number in sorted(self.paths):
            for start in range(0, self.n_rows[number], n_rows):
                stop = min(start + n_rows, self.n_rows[number])
                yield self.read(number, start, stop)


def write_part(reader: Reader, part: Part, folder: str) -> str:
    """Encode a part into a file of its own; return its path."""
    path = os.path.join(folder, f"part_{part.number}.rows")
    with open(path, "wb") as file:
        file.write(reader.encode(part).tobytes())
    return path


def share_of_sample(n_rows: dict[int, int], most: int) -> dict[int, int]:
    """Return how many rows of each part are in a sample of so many of all."""
    total = sum(n_rows.values())
    if total <= most:
        return n_rows
    return {number: int(n * most // total) for number, n in n_rows.items()}
