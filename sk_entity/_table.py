"""One column's embedding table: vocabulary, vectors and counts."""

import difflib
import os
from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import UNKNOWN, Hashing, Subwords, Vocabulary
from sk_entity._categories.consistency import check_subwords, check_vocabulary
from sk_entity._categories.hashing import HashedVocabulary
from sk_entity._columns import Kind, conform, factorize, places, read_series
from sk_entity._files import NotPlain, Packer, Unpacker, pack, read, require, write
from sk_entity.exceptions import (
    ColumnError,
    NotSavableError,
    SavedFileError,
    UnknownCategoryError,
)

#: Categories that a misspelled one is compared with, at most.
_MOST_COMPARED = 100_000


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
    spread : ndarray of shape (n_codes,) or None, default=None
        How far the folds' vectors of a code are from that of all rows (root mean
        square): what is smaller than this says nothing. None without folds.

    See Also
    --------
    EntityEmbeddingEncoder : Learns tables, which are its ``embeddings_``.
    sk_entity.plotting.EmbeddingMapDisplay : Draws a table.
    sk_entity.inspection.neighbour_overlap : How far two tables agree.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bari"] * 10})
    >>> y = [1.0, 3.0, 1.2, 2.0] * 10
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=30).fit(X, y)
    >>> encoder.embeddings_["city"]
    EmbeddingTable('city', 3 categories, dim 1)
    >>> list(encoder.embeddings_["city"].to_frame()["count"])
    [10.0, 10.0, 20.0]
    >>> encoder.embeddings_["city"].nearest("Rome", k=1).index.tolist()
    ['Bari']
    """

    name: str
    vocabulary: Vocabulary
    vectors: NDArray[np.float32]
    counts: NDArray[np.float64]
    subwords: Subwords | None = None
    spread: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        return f"EmbeddingTable({self.name!r}, {len(self)} categories, dim {self.dim})"

    def __len__(self) -> int:
        return len(self.vocabulary.categories)

    def __contains__(self, value: Hashable) -> bool:
        codes = self.vocabulary.encode(read_series([value], self.name))[0]
        return bool(codes[0] != UNKNOWN)

    def __getitem__(self, value: Hashable) -> NDArray[np.float32]:
        """Return the vector of one value.

        Raises
        ------
        UnknownCategoryError
            If the value has no vector of its own: training did not show it, nor, with
            subwords, any of its pieces. :meth:`look_up` gives unknown vectors.
        """
        if value not in self and not self._has_pieces(value):
            self._refuse(value)
        row: NDArray[np.float32] = self.look_up([value])[0]
        return row

    def _has_pieces(self, value: Hashable) -> bool:
        """Whether training showed pieces of a string, if the column has subwords."""
        if self.subwords is None:
            return False
        cells = self.subwords.cells(read_series([value], self.name))
        assert cells.bags is not None
        return bool((cells.bags.entries(cells.number)[1] != UNKNOWN).any())

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the table to one file without code.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.

        Raises
        ------
        NotSavableError
            If categories are of a type that a file cannot hold.

        See Also
        --------
        EmbeddingTable.load : The way back.
        """
        packer = Packer(_classes())
        try:
            document = {"table": packer.pack(self)}
        except NotPlain as error:
            raise NotSavableError(
                f"The table of {self.name!r} cannot be saved: {error}."
            ) from error
        write(path, pack(_KIND, document, packer.arrays))

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> "EmbeddingTable":
        """Return the table of a file of :meth:`save`.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        table : EmbeddingTable
            The table that was saved, to the bit.

        Raises
        ------
        SavedFileError
            If the file is damaged, of something else, or of a later format.
        """
        document, arrays = read(path, _KIND)
        try:
            require("table" in document, "no table")
            table = Unpacker(_classes(), arrays).unpack(document["table"], cls)
            check_table(table)
        except SavedFileError as error:
            raise SavedFileError(f"{str(path)!r} cannot be loaded. {error}") from error
        found: EmbeddingTable = table
        return found

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, name: str | None = None, *, unknown: Any = None
    ) -> "EmbeddingTable":
        """Return the table of a frame of vectors: the way back of :meth:`to_frame`.

        Parameters
        ----------
        frame : DataFrame of shape (n_categories, embedding_dim)
            Index: the category values, NaN or None for missing ones. A column ``count``
            and a column ``spread`` are what :meth:`to_frame` calls so.
        name : str or None, default=None
            The column; None: the name of the index.
        unknown : array-like of shape (embedding_dim,) or None, default=None
            The vector of unknown values, which a frame has not; None: the mean of the
            vectors, by their counts.

        Returns
        -------
        table : EmbeddingTable
            Infrequent categories that shared a vector have one each.

        Raises
        ------
        ColumnError
            If the frame holds a value twice, or no finite numbers.
        """
        return table_of_frame(frame, name, unknown)

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
            0 for unknown values.
        """
        return self.vocabulary.encode(read_series(values, self.name))[0]

    def look_up(self, values: Any) -> NDArray[np.float32]:
        """Return the vector of each value.

        Parameters
        ----------
        values : array-like of shape (n_values,)
            Category values; unknown ones get the unknown vector.

        Returns
        -------
        vectors : ndarray of shape (n_values, embedding_dim), float32
            In the order of ``values``.
        """
        if self.subwords is None:
            return self.vectors[self.encode(values)]
        cells = self.subwords.cells(read_series(values, self.name))
        assert cells.bags is not None
        composed: NDArray[np.float32] = cells.bags.compose(self.vectors[None])[0]
        return composed[cells.number]

    def to_frame(self, *, spread: bool = False) -> pd.DataFrame:
        """Return the table as a frame, a row for every category value seen.

        Parameters
        ----------
        spread : bool, default=False
            Whether to add a column ``spread``: NaN without folds.

        Returns
        -------
        frame : DataFrame of shape (n_categories, embedding_dim + 1)
            Index: the category values (NaN: missing values, if training had any).
            Columns: the coordinates, then ``count``. Infrequent categories carry the
            vector and the count of their group.
        """
        index, codes = self.vocabulary.categories, self.vocabulary.codes
        if self.vocabulary.missing_code is not None:
            whole = index.dtype.kind in "iu"  # as objects, Parquet takes no uint64
            index = pd.Index(
                [*index, pd.NA if whole else np.nan],
                dtype={"i": "Int64", "u": "UInt64"}.get(index.dtype.kind, object),
            )
            codes = np.append(codes, self.vocabulary.missing_code)
        vectors = self.vectors[codes] if self.subwords is None else self.look_up(index)
        frame = pd.DataFrame(
            vectors,
            index=index.rename(self.name),
            columns=coordinate_names(self.name, self.dim),
        )
        frame["count"] = self.counts[codes]
        if spread:
            frame["spread"] = np.nan if self.spread is None else self.spread[codes]
        return frame

    def nearest(
        self,
        value: Any,
        k: int = 10,
        *,
        metric: str = "euclidean",
        min_count: float = 0,
    ) -> pd.DataFrame:
        """Return the categories whose vectors are nearest.

        Parameters
        ----------
        value : category value, or array-like of shape (embedding_dim,)
            A category, which is not among its own neighbours; or a vector.
        k : int, default=10
            How many, at most.
        metric : str, default="euclidean"
            As :class:`sklearn.neighbors.NearestNeighbors` takes it.
        min_count : float, default=0
            Only categories with at least so many rows are neighbours.

        Returns
        -------
        neighbours : DataFrame of shape (n_neighbours, 2)
            Index: category values. Columns: ``distance`` and ``count``.

        Raises
        ------
        UnknownCategoryError
            If the value has no vector of its own.
        ValueError
            If ``k`` is below 1, or a vector has another length.
        """
        if isinstance(value, (np.ndarray, list)):
            vector = np.asarray(value, dtype=np.float64)
            return self._nearest(vector, k, [], metric, min_count)
        return self._nearest(self._known(value), k, [value], metric, min_count)

    def similarity(self, a: Hashable, b: Hashable) -> float:
        """Return the cosine of the angle between two categories.

        It is seen from the mean of all categories, each counted by its rows: from the
        origin all of them may lie in one direction.

        Parameters
        ----------
        a, b : category value
            Two categories, in any order.

        Returns
        -------
        similarity : float
            Between -1 and 1; 0 if one of them is at the mean.

        Raises
        ------
        UnknownCategoryError
            If a value has no vector of its own.
        """
        total = max(float(self.counts.sum()), np.finfo(float).tiny)
        center = self.counts @ self.vectors / total
        first, second = self._known(a) - center, self._known(b) - center
        size = float(np.linalg.norm(first) * np.linalg.norm(second))
        return float(first @ second) / size if size > 0 else 0.0

    def analogy(
        self, a: Hashable, b: Hashable, c: Hashable, k: int = 1
    ) -> pd.DataFrame:
        """Return what is to ``c`` as ``b`` is to ``a``: next to ``c - a + b``.

        The question of T. Mikolov, W. Yih and G. Zweig (2013), "Linguistic Regularities
        in Continuous Space Word Representations".

        Parameters
        ----------
        a, b, c : category value
            They are not among the answers.
        k : int, default=1
            How many answers.

        Returns
        -------
        answers : DataFrame of shape (n_answers, 2)
            As :meth:`nearest`.

        Raises
        ------
        UnknownCategoryError
            If a value has no vector of its own.
        ValueError
            If ``k`` is below 1.
        """
        target = self._known(c) - self._known(a) + self._known(b)
        return self._nearest(target, k, [a, b, c], "euclidean")

    def mean(self, values: Any) -> NDArray[np.float64]:
        """Return the mean vector of some categories.

        Parameters
        ----------
        values : array-like of shape (n_values,)
            Category values, all known; one that comes twice counts twice.

        Returns
        -------
        vector : ndarray of shape (embedding_dim,), float64
            Where :meth:`nearest` can look for the category in their middle.

        Raises
        ------
        UnknownCategoryError
            If a value has no vector of its own.
        ValueError
            If there are no values.
        """
        values = list(values)
        if not values:
            raise ValueError("mean needs at least one category value, got none.")
        return np.asarray(np.mean([self._known(value) for value in values], axis=0))

    def decode(self, vectors: Any) -> NDArray[Any]:
        """Return the category whose vector is nearest to each of some vectors.

        Parameters
        ----------
        vectors : array-like of shape (n_vectors, embedding_dim)
            Without NaN.

        Returns
        -------
        values : ndarray of shape (n_vectors,), object
            Of categories that share a vector, any.
        """
        _, place = self._search(np.asarray(vectors), 1, "euclidean")
        values: NDArray[Any] = np.asarray(self._frame.index[place[:, 0]], dtype=object)
        return values

    def _refuse(self, value: Hashable) -> NoReturn:
        shown = map(str, self.vocabulary.categories[:_MOST_COMPARED])
        close = difflib.get_close_matches(str(value), list(shown), n=3)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UnknownCategoryError(
            f"Column {self.name!r} has no category {value!r}.{hint} "
            f"look_up([{value!r}]) gives the vector of unknown values, and to_frame() "
            f"shows the {len(self)} known ones."
        )

    def _known(self, value: Hashable) -> NDArray[np.float64]:
        """Return the vector of a value that has one of its own."""
        return self[value].astype(np.float64)

    def _nearest(
        self,
        vector: NDArray[np.float64],
        k: int,
        but: list[Any],
        metric: str,
        min_count: float = 0,
    ) -> pd.DataFrame:
        if vector.shape != (self.dim,):
            raise ValueError(
                f"A vector of column {self.name!r} has shape ({self.dim},), got "
                f"{vector.shape}."
            )
        if k < 1:
            raise ValueError(f"k must be 1 or more, got {k!r}.")
        # Those that are too small may be the nearest: look at all, then leave them out.
        small = int((self._frame["count"] < min_count).sum())
        k_more = min(k + len(but) + small, len(self._frame))
        (distance,), (place,) = self._search(vector[None], k_more, metric)
        found = self._frame.iloc[place][["count"]]
        found.insert(0, "distance", distance)
        own = [self._row(value) for value in but]
        kept = ~np.isin(place, own) & (found["count"] >= min_count)
        others: pd.DataFrame = found[kept][:k]
        return others

    def _row(self, value: Any) -> int:
        """Return the row of ``to_frame()`` of a value, whatever its spelling; or -1."""
        row, keys = factorize(read_series([value], self.name))
        known = self.vocabulary.known
        if row[0] < 0:
            return len(known.values)  # missing values come last
        found, _ = conform(keys, known, self.name)
        return int(places(known.values, found.values)[0])

    def _search(
        self, vectors: NDArray[Any], k: int, metric: str
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return distances and rows of ``to_frame()``, (n_vectors, k); nearest first.

        The index of a metric is built once: of a million categories in seconds.
        """
        from sklearn.neighbors import NearestNeighbors

        if metric not in self._indexes:
            known = self._frame.iloc[:, : self.dim].to_numpy(dtype=np.float64)
            self._indexes[metric] = NearestNeighbors(metric=metric).fit(known)
        distance, place = self._indexes[metric].kneighbors(vectors, n_neighbors=k)
        order = np.lexsort((place, distance))  # equally near: in the frame's order
        rows = np.arange(len(vectors))[:, None]
        return distance[rows, order], place[rows, order]

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return self.to_frame()

    @cached_property
    def _indexes(self) -> dict[str, Any]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is found again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def coordinate_names(name: str, dim: int) -> list[str]:
    """Names of a column's coordinates, zero-padded so that they sort."""
    width = max(2, len(str(dim - 1)))
    return [f"{name}_{i:0{width}d}" for i in range(dim)]


_KIND = "table"


def _classes() -> dict[str, type]:
    """Return what a file of a table may hold."""
    known = (EmbeddingTable, HashedVocabulary, Hashing, Kind, Subwords, Vocabulary)
    return {cls.__name__: cls for cls in known}


def check_table(table: EmbeddingTable) -> None:
    """Raise a `SavedFileError` if a table from a file contradicts itself."""
    check_vocabulary(table.vocabulary)
    n_codes = table.vocabulary.n_codes
    if table.subwords is not None:
        check_subwords(table.subwords, table.vocabulary)
        n_codes = table.subwords.n_codes
    require(table.vectors.ndim == 2 and len(table.vectors) == n_codes, "vectors")
    require(table.vectors.shape[1] >= 1, "vectors without coordinates")
    require(table.counts.shape == (n_codes,), "counts and vectors")
    spread = table.spread
    require(spread is None or spread.shape == (n_codes,), "spreads and vectors")


def table_of_frame(
    frame: pd.DataFrame, name: str | None, unknown: Any
) -> EmbeddingTable:
    """Return the table of a frame; see `EmbeddingTable.from_frame`."""
    name = str(frame.index.name) if name is None else name
    columns = frame.drop(columns=["count", "spread"], errors="ignore")
    try:
        vectors = columns.to_numpy().astype(np.float32)
        counts = frame.get("count", pd.Series(1.0, frame.index)).to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise ColumnError(
            f"The frame of {name!r} holds no numbers: {error}."
        ) from error
    if not vectors.size or not (np.isfinite(vectors).all() and (counts >= 0).all()):
        raise ColumnError(
            f"The frame of {name!r} must hold vectors of finite numbers, at least one, "
            "and counts that are zero or positive."
        )
    values = pd.Series(frame.index, name=name)
    if values.duplicated().any():
        twice = values[values.duplicated()].tolist()[:5]
        raise ColumnError(f"The frame of {name!r} holds {twice!r} twice.")
    vocabulary = Vocabulary.build(values, np.ones(len(values)))
    codes, _ = vocabulary.encode(values)
    table = np.zeros((vocabulary.n_codes, vectors.shape[1]), np.float32)
    table[codes] = vectors
    total = np.zeros(vocabulary.n_codes)
    total[codes] = counts
    weight = total if total.any() else np.append(0.0, np.ones(len(total) - 1))
    table[UNKNOWN] = np.average(table, axis=0, weights=weight)
    if unknown is not None:
        table[UNKNOWN] = unknown
    spread = None
    if "spread" in frame and frame["spread"].notna().all():
        spread = np.zeros(vocabulary.n_codes)
        spread[codes] = frame["spread"]
    seen = total[vocabulary.codes]
    vocabulary = replace(vocabulary, counts=seen, total=float(total.sum()))
    return EmbeddingTable(name, vocabulary, table, total, None, spread)
