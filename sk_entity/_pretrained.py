"""Vectors from elsewhere -> rows of a table, by category value."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Vocabulary
from sk_entity._table import EmbeddingTable
from sk_entity.exceptions import ColumnError, PretrainedWarning


@dataclass(frozen=True, eq=False)
class Pretrained:
    """Vectors from which a column's table starts, for ``pretrained``.

    Parameters
    ----------
    vectors : EmbeddingTable, DataFrame, dict, str or Path
        By category value: a frame with the values as its index, a dict from value to
        vector, or the path of a CSV or Parquet file whose first column holds the
        values.
    freeze : bool, default=False
        Whether the vectors stay as they are; otherwise training fine-tunes them, and
        draws those of categories with few rows towards where they started.

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder, Pretrained
    >>> capitals = {"Rome": [1.0, 0.0], "Oslo": [0.0, 1.0]}
    >>> EntityEmbeddingEncoder(pretrained={"city": Pretrained(capitals, freeze=True)})
    EntityEmbeddingEncoder(pretrained={'city': ...
    """

    vectors: Any
    freeze: bool = False


def read_vectors(name: str, given: Any) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Return given vectors as a frame by value, and that of unknown values.

    Parameters
    ----------
    name : str
        The column.
    given : EmbeddingTable, DataFrame, dict, str or Path

    Raises
    ------
    ColumnError
        If they are not vectors of finite numbers, all of one length.
    """
    unknown = None
    if isinstance(given, EmbeddingTable):
        unknown = given.unknown
        given = given.to_frame().drop(columns="count")
    elif isinstance(given, (str, Path)):
        given = _read_file(name, Path(given))
    elif isinstance(given, Mapping):
        lengths = {len(np.atleast_1d(vector)) for vector in given.values()}
        if len(lengths) != 1:
            raise ColumnError(
                f"pretrained for column {name!r} holds vectors of lengths "
                f"{sorted(lengths)}: all must have one length, and there must be one."
            )
        index = pd.Index(list(given), dtype=object)
        rows = [np.atleast_1d(vector) for vector in given.values()]
        given = pd.DataFrame(rows, index=index)
    if not isinstance(given, pd.DataFrame):
        raise ColumnError(
            f"pretrained for column {name!r} is a {type(given).__name__}: pass an "
            "EmbeddingTable, a DataFrame with the values as its index, a dict from "
            "value to vector, or the path of a CSV or Parquet file."
        )
    try:
        vectors = given.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ColumnError(
            f"pretrained for column {name!r} holds what is not a number: {error}."
        ) from error
    if vectors.empty or not np.isfinite(vectors.to_numpy()).all():
        raise ColumnError(
            f"pretrained for column {name!r} must hold at least one vector, and only "
            "finite numbers."
        )
    if not vectors.index.is_unique:
        twice = list(vectors.index[vectors.index.duplicated()].unique())[:5]
        raise ColumnError(f"pretrained for column {name!r} holds {twice!r} twice.")
    if unknown is None:
        unknown = vectors.to_numpy().mean(axis=0)
    return vectors, unknown.astype(np.float32)


def table_vectors(
    name: str, given: Any, vocabulary: Vocabulary, n_codes: int
) -> NDArray[np.float32]:
    """Return the rows of a table that start from given vectors.

    Parameters
    ----------
    name : str
        The column.
    given : EmbeddingTable, DataFrame, dict, str or Path
    vocabulary : Vocabulary
    n_codes : int
        Rows of the table.

    Returns
    -------
    rows : ndarray of shape (n_codes, dim), float32
        NaN where nothing is given; row 0 is the vector of unknown values.
    """
    vectors, unknown = read_vectors(name, given)
    codes, missing = vocabulary.encode(pd.Series(vectors.index, dtype=object))
    used = (codes > 0) & (~missing | (codes == vocabulary.missing_code))
    count = np.bincount(codes[used], minlength=n_codes)
    # Infrequent categories share a row: the mean of theirs.
    total = np.zeros((n_codes, vectors.shape[1]))
    np.add.at(total, codes[used], vectors.to_numpy()[used])
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = (total / count[:, None]).astype(np.float32)
    rows[0] = unknown
    lacking = vocabulary.categories[count[vocabulary.codes] == 0]
    if len(lacking) == len(vocabulary.categories):
        raise ColumnError(
            f"pretrained for column {name!r} holds none of the column's values, such "
            f"as {list(lacking[:3])!r}; it holds {list(vectors.index[:3])!r}. The keys "
            "must be the values as they stand in X."
        )
    if len(lacking):
        warnings.warn(
            f"pretrained for column {name!r} lacks {len(lacking)} of "
            f"{len(vocabulary.categories)} values, for example {list(lacking[:3])!r}: "
            "they start at the vector of unknown values.",
            PretrainedWarning,
            stacklevel=2,
        )
    return rows


def _read_file(name: str, path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        if isinstance(frame.index, pd.RangeIndex):
            frame = frame.set_index(frame.columns[0])
    elif path.suffix == ".csv":
        frame = pd.read_csv(path, index_col=0)
    else:
        raise ColumnError(
            f"pretrained for column {name!r} is the path {str(path)!r}: pass a .csv or "
            ".parquet file whose first column holds the values."
        )
    return frame.drop(columns="count", errors="ignore")
