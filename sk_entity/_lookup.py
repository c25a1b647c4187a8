"""Codes -> features: every output column that is learned, written where it stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._extras import Extras

#: Rows looked up at a time: their features stay in the processor's cache.
_CHUNK = 4096


def write_features(
    out: NDArray[Any],
    codes: NDArray[np.int32],
    table: int | NDArray[Any],
    tables: Sequence[NDArray[np.float32]],
    extras: Extras,
    numeric: NDArray[np.float64],
) -> None:
    """Write the features of rows, each from the tables of its fold.

    Parameters
    ----------
    out : ndarray of shape (n_rows, n_features), float32 or float64
        Overwritten: vector, statistic and support of each column, then crosses, then
        the prediction.
    codes : ndarray of shape (n_rows, n_categorical), int32
        Negative where the column's features are to be NaN.
    table : int or ndarray of shape (n_rows,)
    tables : list of ndarray of shape (n_tables, n_codes, dim), float32
    extras : Extras
    numeric : ndarray of shape (n_rows, n_numeric)
        Read for predictions only.
    """
    if not tables:
        return
    for start in range(0, len(codes), _CHUNK):
        rows = slice(start, start + _CHUNK)
        of_rows = table if isinstance(table, int) else table[rows]
        known = np.maximum(codes[rows], 0)
        vectors = look_up(tables, known, of_rows)
        blocks: list[NDArray[Any]] = []
        for j, vector in enumerate(vectors):
            parts = [vector]
            if extras.singles:
                parts.append(_rows(extras.singles[j].tables, of_rows, known[:, j]))
            nothing = codes[rows, j] < 0
            if nothing.any():
                parts = [np.where(nothing[:, None], np.nan, part) for part in parts]
            blocks += parts
        blocks += extras.of_rows(known, of_rows, vectors, numeric[rows])
        # Whole rows at once: block by block, narrow as they are, takes twice as long.
        out[rows] = np.concatenate(blocks, axis=1, dtype=np.float32)


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
