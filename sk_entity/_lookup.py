"""Codes -> features: every output column that is learned, written where it stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._extras import Extras

#: Rows looked up at a time: their features stay in the processor's cache.
_CHUNK = 16_384


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
    for start in range(0, len(codes), _CHUNK):
        rows = slice(start, start + _CHUNK)
        of_rows = table if isinstance(table, int) else table[rows]
        known = np.maximum(codes[rows], 0)
        vectors = look_up(tables, known, of_rows)
        _write_columns(out[rows], codes[rows], known, of_rows, vectors, tables, extras)
        blocks = extras.of_rows(known, of_rows, vectors, numeric[rows])
        place = out.shape[1] - sum(block.shape[1] for block in blocks)
        for block in blocks:
            out[rows, place : place + block.shape[1]] = block
            place += block.shape[1]


def look_up(
    tables: Sequence[NDArray[np.float32]],
    codes: NDArray[np.int32],
    table: int | NDArray[Any],
) -> NDArray[np.float32]:
    """Return the vectors of all columns, shape (n_rows, sum of dims)."""
    parts = [_rows(matrix, table, codes[:, j]) for j, matrix in enumerate(tables)]
    return np.concatenate([np.empty((len(codes), 0), np.float32), *parts], axis=1)


def _write_columns(
    out: NDArray[Any],
    codes: NDArray[np.int32],
    known: NDArray[np.int32],
    table: int | NDArray[Any],
    vectors: NDArray[np.float32],
    tables: Sequence[NDArray[np.float32]],
    extras: Extras,
) -> None:
    first = start = 0
    for j, matrix in enumerate(tables):
        dim = matrix.shape[2]
        end = start + dim
        out[:, start:end] = vectors[:, first : first + dim]
        if extras.singles:
            values = _rows(extras.singles[j].tables, table, known[:, j])
            end += values.shape[1]
            out[:, start + dim : end] = values
        nothing = codes[:, j] < 0
        if nothing.any():
            out[nothing, start:end] = np.nan
        first, start = first + dim, end


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
