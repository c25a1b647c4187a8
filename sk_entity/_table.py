"""One column's embedding table: vocabulary, vectors and counts."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import UNKNOWN, Subwords, Vocabulary


@dataclass(frozen=True, eq=False, repr=False)
class EmbeddingTable:
    """The learned vectors of one column, keyed by category value.

    Parameters
    ----------
    name : str
        The column.
    vocabulary : Vocabulary
        Values and their codes, the rows of ``vectors``.
    vectors : ndarray of shape (n_codes, embedding_dim), float32
        One row a code; row 0 is the vector of unknown values.
    counts : ndarray of shape (n_codes,), float64
        Sum of the sample weights of the training rows of each code.
    subwords : Subwords or None, default=None
        The pieces of values, whose vectors stand behind those of whole values.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bari"] * 10})
    >>> y = [1.0, 3.0, 1.2, 2.0] * 10
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=3).fit(X, y)
    >>> encoder.embeddings_["city"]
    EmbeddingTable('city', 3 categories, dim 1)
    >>> list(encoder.embeddings_["city"].to_frame()["count"])
    [10.0, 10.0, 20.0]
    """

    name: str
    vocabulary: Vocabulary
    vectors: NDArray[np.float32]
    counts: NDArray[np.float64]
    subwords: Subwords | None = None

    def __repr__(self) -> str:
        return f"EmbeddingTable({self.name!r}, {len(self)} categories, dim {self.dim})"

    def __len__(self) -> int:
        return len(self.vocabulary.categories)

    def __contains__(self, value: Hashable) -> bool:
        codes, missing = self.vocabulary.encode(pd.Series([value], name=self.name))
        return bool(codes[0] != UNKNOWN or missing[0])

    def __getitem__(self, value: Hashable) -> NDArray[np.float32]:
        """Return the vector of one value; unknown values get the unknown vector."""
        row: NDArray[np.float32] = self.look_up([value])[0]
        return row

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return int(self.vectors.shape[1])

    @property
    def unknown(self) -> NDArray[np.float32]:
        """The learned vector of values that training did not show."""
        row: NDArray[np.float32] = self.vectors[UNKNOWN]
        return row

    def encode(self, values: Any) -> NDArray[np.int32]:
        """Return the row of ``vectors`` of each value.

        Parameters
        ----------
        values : array-like of shape (n_values,)
            Category values.

        Returns
        -------
        codes : ndarray of shape (n_values,), int32
        """
        return self.vocabulary.encode(_series(values))[0]

    def look_up(self, values: Any) -> NDArray[np.float32]:
        """Return the vector of each value.

        Parameters
        ----------
        values : array-like of shape (n_values,)
            Category values; unknown ones get the unknown vector.

        Returns
        -------
        vectors : ndarray of shape (n_values, embedding_dim), float32
        """
        if self.subwords is None:
            return self.vectors[self.encode(values)]
        cells = self.subwords.cells(_series(values))
        assert cells.bags is not None
        composed: NDArray[np.float32] = cells.bags.compose(self.vectors[None])[0]
        return composed[cells.number]

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a frame, a row for every category value seen.

        Returns
        -------
        frame : DataFrame of shape (n_categories, embedding_dim + 1)
            Index: the category values (NaN: missing values, if training had any).
            Columns: the coordinates, then ``count``. Infrequent categories carry the
            vector and the count of their group.
        """
        index, codes = self.vocabulary.categories, self.vocabulary.codes
        if self.vocabulary.missing_code is not None:
            index = pd.Index([*index, np.nan], dtype=object)
            codes = np.append(codes, self.vocabulary.missing_code)
        vectors = self.vectors[codes] if self.subwords is None else self.look_up(index)
        frame = pd.DataFrame(
            vectors,
            index=index.rename(self.name),
            columns=coordinate_names(self.name, self.dim),
        )
        frame["count"] = self.counts[codes]
        return frame


def _series(values: Any) -> pd.Series:
    return values if isinstance(values, pd.Series) else pd.Series(list(values))


def coordinate_names(name: str, dim: int) -> list[str]:
    """Names of a column's coordinates, zero-padded so that they sort."""
    width = max(2, len(str(dim - 1)))
    return [f"{name}_{i:0{width}d}" for i in range(dim)]
