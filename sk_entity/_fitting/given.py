"""Vectors from elsewhere -> rows of a table, by category value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import FrameCoder, Vocabulary
from sk_entity._columns import (
    Known,
    factorize,
    parse_keys,
    read_keyed_file,
    read_series,
)
from sk_entity._pretrained import Pretrained
from sk_entity._table import EmbeddingTable
from sk_entity._warnings import warn
from sk_entity.exceptions import ColumnError, PretrainedWarning


@dataclass(frozen=True, eq=False)
class GivenVectors:
    """Vectors from which one table starts.

    Attributes
    ----------
    name : str
        The column that they were given for.
    keys : Series of shape (n_values,)
        Category values.
    vectors : ndarray of shape (n_values, dim), float32
        Of each of them.
    unknown : ndarray of shape (dim,), float32
        That of unknown values.
    freeze : bool
    """

    name: str
    keys: pd.Series
    vectors: NDArray[np.float32]
    unknown: NDArray[np.float32]
    freeze: bool

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return int(self.vectors.shape[1])

    def check_dim(self, rule: Any) -> None:
        """Raise a `ColumnError` if ``embedding_dim`` asks for another dimension."""
        asked = rule.get(self.name) if isinstance(rule, Mapping) else rule
        if isinstance(asked, Integral) and asked != self.dim:
            raise ColumnError(
                f"pretrained for column {self.name!r} has vectors of {self.dim} "
                f"coordinates, but embedding_dim asks for {asked}: leave the column "
                "out of embedding_dim, or give vectors of that length."
            )

    def join(self, vocabulary: Vocabulary) -> Vocabulary:
        """Return the vocabulary with the values that only the vectors know.

        Raises
        ------
        ColumnError
            If the vectors know none of the column's values.
        """
        codes, _ = vocabulary.encode(self.keys)
        found = np.isin(vocabulary.codes, codes)
        lacking = vocabulary.categories[~found]
        if len(lacking) and not found.any():
            raise ColumnError(
                f"pretrained for column {self.name!r} holds none of the column's "
                f"values, such as {list(lacking[:3])!r}; it holds "
                f"{self.keys.head(3).tolist()!r}. The keys must be the values as "
                "they stand in X."
            )
        if len(lacking):
            warn(
                f"pretrained for column {self.name!r} lacks {len(lacking)} of "
                f"{len(found)} values, for example {list(lacking[:3])!r}: they start "
                "at the vector of unknown values.",
                PretrainedWarning,
            )
        return vocabulary.joined(self.keys)

    def rows(self, vocabulary: Vocabulary) -> NDArray[np.float32]:
        """Return the rows of the table.

        Returns
        -------
        rows : ndarray of shape (n_codes, dim), float32
            NaN where nothing is given; row 0 is the vector of unknown values.
        """
        codes, _ = vocabulary.encode(self.keys)
        # Infrequent categories share a row: the mean of theirs.
        count = np.bincount(codes, minlength=vocabulary.n_codes)
        total = np.zeros((vocabulary.n_codes, self.dim))
        np.add.at(total, codes, self.vectors)
        with np.errstate(invalid="ignore", divide="ignore"):
            rows = (total / count[:, None]).astype(np.float32)
        rows[0] = self.unknown
        return rows


def read_pretrained(
    pretrained: Mapping[str, Any] | None, names: Sequence[str], coder: FrameCoder
) -> dict[int, GivenVectors]:
    """Return the vectors that tables start from.

    Parameters
    ----------
    pretrained : dict or None
        As the encoder's parameter.
    names : list of str
        The categorical columns.
    coder : FrameCoder

    Raises
    ------
    ColumnError
        If vectors are given for what has no table of its own, or are not vectors.
    """
    found = dict[int, GivenVectors]()
    for name, source in (pretrained or {}).items():
        if str(name) not in names:
            raise ColumnError(
                f"pretrained names {name!r}, which is not a categorical column. "
                f"Those are {list(names)!r}."
            )
        if not isinstance(source, Pretrained):
            source = Pretrained(source)
        t = coder.table_of[names.index(str(name))]
        if t in found:
            raise ColumnError(
                f"pretrained names {found[t].name!r} and {name!r}, which share a "
                "table: give vectors for one of them."
            )
        if coder.coders[t].subwords or coder.coders[t].plan.hash_buckets:
            raise ColumnError(
                f"pretrained names {name!r}, a column with subwords or hash_buckets: "
                "vectors can be given for columns of whole values."
            )
        known = coder.coders[t].vocabulary.known
        keys, vectors, unknown = _read(str(name), source.vectors, known)
        found[t] = GivenVectors(str(name), keys, vectors, unknown, source.freeze)
    return found


def _read(
    name: str, given: Any, known: Known
) -> tuple[pd.Series, NDArray[np.float32], NDArray[np.float32]]:
    """Return values, their vectors, and that of unknown values.

    Parameters
    ----------
    name : str
        The column.
    given : EmbeddingTable, DataFrame, dict, str or Path
    known : Known
        The column's values: keys of text files are read as such.

    Raises
    ------
    ColumnError
        If they are not vectors of finite numbers, all of one length.
    """
    keys, columns = _parts(name, given, known)
    keys = keys.rename(name).reset_index(drop=True)
    try:
        # By rows, whatever the frame: the order of sums decides on their last bit.
        vectors = columns.to_numpy().astype(np.float64).astype(np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise ColumnError(
            f"pretrained for column {name!r} holds what is not a number: {error}."
        ) from error
    if not vectors.size or not np.isfinite(vectors).all():
        raise ColumnError(
            f"pretrained for column {name!r} must hold at least one vector, and only "
            "finite numbers."
        )
    row, distinct = factorize(keys)
    twice = np.bincount(row[row >= 0], minlength=len(distinct)) > 1
    if twice.any() or int((row < 0).sum()) > 1:
        shown = distinct.values[twice].tolist()[:5] or [None]
        raise ColumnError(f"pretrained for column {name!r} holds {shown!r} twice.")
    unknown = vectors.mean(axis=0)
    if isinstance(given, EmbeddingTable):
        unknown = given.unknown
    return keys, vectors, unknown.astype(np.float32)


def _parts(name: str, given: Any, known: Known) -> tuple[pd.Series, pd.DataFrame]:
    """Return values and coordinates of vectors, however they are given."""
    if isinstance(given, EmbeddingTable):
        given = given.to_frame()
    if isinstance(given, (str, Path)):
        try:
            keys, columns, is_text = read_keyed_file(Path(given))
        except ValueError as error:
            raise ColumnError(
                f"pretrained for column {name!r} is the path {str(given)!r}: pass a "
                ".csv or .parquet file whose first column holds the values."
            ) from error
        keys = parse_keys(keys, known, name) if is_text else keys
        return keys, coordinates(columns)
    if isinstance(given, Mapping):
        lengths = {len(np.atleast_1d(vector)) for vector in given.values()}
        if len(lengths) != 1:
            raise ColumnError(
                f"pretrained for column {name!r} holds vectors of lengths "
                f"{sorted(lengths)}: all must have one length, and there must be one."
            )
        rows = [np.atleast_1d(vector) for vector in given.values()]
        return read_series(list(given), name), pd.DataFrame(rows)
    if not isinstance(given, pd.DataFrame):
        raise ColumnError(
            f"pretrained for column {name!r} is a {type(given).__name__}: pass an "
            "EmbeddingTable, a DataFrame with the values as its index, a dict from "
            "value to vector, or the path of a CSV or Parquet file."
        )
    return pd.Series(given.index), coordinates(given)


def coordinates(columns: pd.DataFrame) -> pd.DataFrame:
    """Return a table's columns without what `EmbeddingTable.to_frame` adds.

    ``count`` and ``spread`` are no coordinates if the others are named as those of a
    table are: ``city_00``, ``city_01``.
    """
    beside = [name for name in ("count", "spread") if name in columns]
    rest = columns.drop(columns=beside)
    named = all(re.fullmatch(r".*_\d{2,}", str(name), re.DOTALL) for name in rest)
    return rest if named and len(rest.columns) else columns
