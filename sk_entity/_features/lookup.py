"""Codes -> features: every output column that is learned, written where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes, by_column
from sk_entity._features.curves import TargetCurve
from sk_entity._features.extras import Extras
from sk_entity._workers import Workers

#: Rows looked up at a time: their features stay in the processor's cache.
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Lookup:
    """What the features of rows are looked up in, by fold.

    Attributes
    ----------
    tables : list of ndarray of shape (n_tables, n_codes, dim), float32
        One entry an embedding table.
    table_of : sequence of int
        The embedding table of each column.
    extras : Extras
    shown : sequence of int
        Coordinates of each table that are output: its first ones. The prediction reads
        all.
    """

    tables: Sequence[NDArray[np.float32]]
    table_of: Sequence[int]
    extras: Extras
    shown: Sequence[int]

    @cached_property
    def joined(self) -> list[NDArray[np.float32]]:
        """What is looked up of a category, side by side.

        The coordinates that are output, statistic and support, then all other
        coordinates.
        """
        singles = self.extras.singles
        if not singles:
            return list(self.tables)
        return [
            np.concatenate(
                [table[:, :, :shown], single.values, table[:, :, shown:]], axis=2
            )
            for table, single, shown in zip(
                self.tables, singles, self.shown, strict=True
            )
        ]

    @property
    def n_predictions(self) -> int:
        """Columns of the prediction."""
        predictor = self.extras.predictor
        return 0 if predictor is None else int(predictor.skip.shape[2])

    @property
    def n_features(self) -> int:
        """Columns that `write` fills."""
        rows = [self.parts(t, self.joined[t][0])[0] for t in self.table_of]
        widths = [int(block.shape[1]) for block in rows]
        widths += [cross.n_outputs for cross in self.extras.crosses]
        return sum(widths) + self.n_predictions

    def parts(
        self, t: int, found: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Return what is output of rows of `joined`, and their vectors in parts.

        Parameters
        ----------
        t : int
            The table.
        found : ndarray of shape (n_rows, n_joined)
        """
        shown, dim = self.shown[t], self.tables[t].shape[2]
        end = found.shape[1] - (dim - shown)
        return found[:, :end], [found[:, :shown], found[:, end:]]

    @property
    def reads_numbers(self) -> bool:
        """Whether features depend on the numeric columns."""
        curves = any(isinstance(cross, TargetCurve) for cross in self.extras.crosses)
        return curves or self.extras.predictor is not None

    def write(
        self,
        out: NDArray[Any],
        codes: Codes,
        table: int | NDArray[Any],
        numeric: NDArray[np.float64],
        n_threads: int = 1,
    ) -> None:
        """Write the features of rows, each from the tables of its fold.

        Parameters
        ----------
        out : ndarray of shape (n_rows, n_features), float32 or float64
            Overwritten: vector, statistic and support of each column, then crosses,
            then the prediction.
        codes : Codes
            Negative numbers where the column's features are to be NaN.
        table : int or ndarray of shape (n_rows,)
        numeric : ndarray of shape (n_rows, n_numeric)
            Read if `reads_numbers`.
        n_threads : int, default=1
            They share the chunks of rows, which know nothing of each other.
        """
        if not self.tables:
            return
        cells_of = by_column(self.joined, self.table_of, codes.bags)
        whole = codes.whole()

        def write_chunk(start: int) -> None:
            rows = slice(start, start + _CHUNK)
            of_rows = table if isinstance(table, int) else table[rows]
            blocks = self._blocks(
                cells_of, codes.numbers[rows], whole[rows], of_rows, numeric[rows]
            )
            # Whole rows at once: block by block, narrow as they are, takes twice as
            # long.
            out[rows] = np.concatenate(blocks, axis=1, dtype=np.float32)

        starts = range(0, len(codes), _CHUNK)
        with Workers(min(n_threads, len(starts))) as workers:
            workers.run([partial(write_chunk, start) for start in starts])

    def _blocks(
        self,
        cells_of: Sequence[NDArray[np.float32]],
        numbers: NDArray[np.int32],
        whole: NDArray[np.int32],
        table: int | NDArray[Any],
        numeric: NDArray[np.float64],
    ) -> list[NDArray[Any]]:
        """Return the features of a chunk of rows, side by side."""
        found = look_up(cells_of, np.maximum(numbers, 0), table)
        blocks: list[NDArray[Any]] = []
        vectors: list[NDArray[np.float32]] = []
        for t, rows, column in zip(self.table_of, found, numbers.T, strict=True):
            block, vector = self.parts(t, rows)
            vectors += vector
            nothing = column < 0
            blank = nothing.any()
            blocks.append(np.where(nothing[:, None], np.nan, block) if blank else block)
        cells = np.maximum(whole, 0)
        return blocks + self.extras.of_rows(cells, table, vectors, numeric)


class ByFold:
    """Features of rows, each looked up in what never saw its fold.

    Takes the place of one `Lookup` of several tables where what was learned beside the
    vectors is apart for each fold.

    Parameters
    ----------
    lookups : list of Lookup
        Of each fold.
    """

    def __init__(self, lookups: Sequence[Lookup]) -> None:
        self._lookups = lookups

    @property
    def reads_numbers(self) -> bool:
        """Whether features depend on the numeric columns."""
        return any(lookup.reads_numbers for lookup in self._lookups)

    def write(
        self,
        out: NDArray[Any],
        codes: Codes,
        table: int | NDArray[Any],
        numeric: NDArray[np.float64],
        n_threads: int = 1,
    ) -> None:
        """Write the features of rows, as `Lookup.write`; ``table`` is their fold."""
        for k, lookup in enumerate(self._lookups):
            own = np.flatnonzero(table == k)
            found = np.empty((len(own), out.shape[1]), out.dtype)
            cells = Codes(codes.numbers[own], codes.bags)
            lookup.write(found, cells, 0, numeric[own], n_threads)
            out[own] = found


def look_up(
    tables: Sequence[NDArray[np.float32]],
    codes: NDArray[np.int32],
    table: int | NDArray[Any],
) -> list[NDArray[np.float32]]:
    """Return the vectors of each column, shape (n_rows, dim)."""
    return [_rows(matrix, table, codes[:, j]) for j, matrix in enumerate(tables)]


def _rows(
    tables: NDArray[np.float32], table: int | NDArray[Any], codes: NDArray[np.int32]
) -> NDArray[np.float32]:
    if isinstance(table, int):
        found = tables[table].take(codes, axis=0)
    else:
        n_codes, dim = tables.shape[1:]
        places = table.astype(np.int64) * n_codes + codes
        found = tables.reshape(-1, dim).take(places, axis=0)
    return np.asarray(found)
