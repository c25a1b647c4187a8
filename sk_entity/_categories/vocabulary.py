"""One column's vocabulary: a code for every category value."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as pdt

from sk_entity._categories.cells import Cells
from sk_entity.exceptions import CategoryError, CellTypeError

#: The code of every value that the training rows did not hold.
UNKNOWN = 0


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Category values of one column and their codes.

    Code 0 stands for unknown values; frequent categories follow in sorted order,
    then one code for all infrequent ones (if any), then one for missing values (if
    the training rows held any).

    Attributes
    ----------
    categories : Index of shape (n_categories,)
        Every value seen in training, without missing values, sorted.
    codes : ndarray of shape (n_categories,), int64
        The code of each category; infrequent categories share one.
    infrequent_code : int or None
        The code that infrequent categories share.
    missing_code : int or None
        The code of missing values, None when training rows held none.
    n_codes : int
        Number of codes, the unknown one included.
    counts : ndarray of shape (n_categories,), float64
        Weight of the training rows of each category.
    total : float
        Weight of all training rows, those of missing values included.
    """

    categories: pd.Index
    codes: NDArray[np.int64]
    infrequent_code: int | None
    missing_code: int | None
    n_codes: int
    counts: NDArray[np.float64]
    total: float

    @property
    def code_counts(self) -> NDArray[np.float64]:
        """Weight of the training rows of each code."""
        counts = weighted_counts(self.codes, self.counts, self.n_codes)
        if self.missing_code is not None:
            counts[self.missing_code] = self.total - self.counts.sum()
        return counts

    @classmethod
    def build(
        cls,
        values: pd.Series,
        weights: NDArray[np.float64],
        *,
        min_frequency: float | None = None,
        max_categories: int | None = None,
    ) -> Self:
        """Learn the vocabulary of ``values``.

        Parameters
        ----------
        values : Series of shape (n_rows,)
            Raw cells; rows of weight zero do not count as seen.
        weights : ndarray of shape (n_rows,)
            Sample weights; counts are sums of weights.
        min_frequency : int, float or None
            Categories below this count (int) or share of the weights (float) are
            infrequent.
        max_categories : int or None
            Upper limit on the codes of seen values, the infrequent one included.

        Returns
        -------
        vocabulary : Vocabulary
        """
        categories, counts, any_missing = _count(values, weights)
        nothing = np.zeros(len(categories), dtype=np.int64)
        total = float(weights.sum())
        # Codes follow.
        seen = cls(
            categories, nothing, None, int(any_missing) or None, 0, counts, total
        )
        return seen.numbered(min_frequency=min_frequency, max_categories=max_categories)

    def numbered(
        self,
        *,
        min_frequency: float | None = None,
        max_categories: int | None = None,
    ) -> Self:
        """Return the same categories with codes anew, as `build` gives them."""
        counts = self.counts
        rare = _infrequent(counts, self.total, min_frequency, max_categories)
        n_frequent = int((~rare).sum())
        codes = np.empty(len(counts), dtype=np.int64)
        codes[~rare] = np.arange(1, n_frequent + 1)
        codes[rare] = n_frequent + 1
        infrequent_code = n_frequent + 1 if rare.any() else None
        n_codes = n_frequent + 1 + int(rare.any())
        missing_code = None if self.missing_code is None else n_codes
        return replace(
            self,
            codes=codes,
            infrequent_code=infrequent_code,
            missing_code=missing_code,
            n_codes=n_codes + int(missing_code is not None),
        )

    def extend(
        self,
        values: pd.Series,
        weights: NDArray[np.float64],
        *,
        min_frequency: float | None = None,
        max_categories: int | None = None,
    ) -> Self:
        """Return the vocabulary with the categories of further rows.

        Codes once given stay. New categories get the next ones; infrequent ones get a
        code of their own once all rows together hold enough of them.

        Parameters
        ----------
        values : Series of shape (n_rows,)
        weights : ndarray of shape (n_rows,)
        min_frequency, max_categories : float or None
            As in `build`.
        """
        found, found_counts, any_missing = _count(values, weights)
        place = _indexer(self.categories, found) if len(found) else np.empty(0, int)
        new = place < 0
        counts = np.append(self.counts, found_counts[new])
        counts[place[~new]] += found_counts[~new]
        total = self.total + float(weights.sum())
        old, fresh = self.categories, found[new]
        if pdt.is_object_dtype(old.dtype) != pdt.is_object_dtype(fresh.dtype):
            old, fresh = old.astype(object), fresh.astype(object)
        categories = old.append(fresh) if len(old) else fresh
        codes = np.append(self.codes, np.full(int(new.sum()), -1, dtype=np.int64))
        kept = codes >= 0
        if self.infrequent_code is not None:
            kept &= codes != self.infrequent_code
        rare = _infrequent(counts, total, min_frequency, max_categories) & ~kept
        grown = ~rare & ~kept
        if max_categories is not None and (kept | grown).sum() >= max_categories:
            rare, grown = ~kept, np.zeros_like(grown)  # full: codes once given stay
        n_codes, infrequent_code = self.n_codes, self.infrequent_code
        codes[grown] = n_codes + np.arange(int(grown.sum()))
        n_codes += int(grown.sum())
        if rare.any() and infrequent_code is None:
            infrequent_code, n_codes = n_codes, n_codes + 1
        codes[rare] = -1 if infrequent_code is None else infrequent_code
        missing_code = self.missing_code
        if any_missing and missing_code is None:
            missing_code, n_codes = n_codes, n_codes + 1
        order = _sorted_order(categories)
        return replace(
            self,
            categories=categories[order],
            codes=codes[order],
            infrequent_code=infrequent_code,
            missing_code=missing_code,
            n_codes=n_codes,
            counts=counts[order],
            total=total,
        )

    def encode(self, values: pd.Series) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Give each value its code.

        Parameters
        ----------
        values : Series of shape (n_rows,)

        Returns
        -------
        codes : ndarray of shape (n_rows,), int32
            Values not seen in training, and missing ones if training held none, get
            code 0.
        missing : ndarray of shape (n_rows,), bool
            True where the cell is missing.
        """
        row, uniques = factorize(values)
        # One more slot at the end: row -1 (missing) reads it.
        code_of = np.full(len(uniques) + 1, UNKNOWN, dtype=np.int32)
        if len(uniques) and len(self.categories):
            found = _indexer(self.categories, uniques)
            code_of[:-1][found >= 0] = self.codes[found[found >= 0]]
        code_of[-1] = UNKNOWN if self.missing_code is None else self.missing_code
        return code_of.take(row, mode="wrap"), row < 0

    def joined(self, values: pd.Series) -> Self:
        """Return the vocabulary with values that no row holds; none is infrequent."""
        found, _, _ = _count(values, np.ones(len(values)))
        if len(self.categories):
            found = found[_indexer(self.categories, found) < 0]
        n = len(found)
        old = self.categories
        if pdt.is_object_dtype(old.dtype) != pdt.is_object_dtype(found.dtype):
            old, found = old.astype(object), found.astype(object)
        categories = old.append(found) if len(old) else found
        order = _sorted_order(categories)
        codes = np.append(self.codes, self.n_codes + np.arange(n))
        counts = np.append(self.counts, np.zeros(n))
        return replace(
            self,
            categories=categories[order],
            codes=codes[order],
            counts=counts[order],
            n_codes=self.n_codes + n,
        )

    def cells(self, values: pd.Series) -> Cells:
        """Encode a column whose cells are one value each."""
        codes, missing = self.encode(values)
        unknown = (codes == UNKNOWN) & ~missing
        return Cells(codes, missing, unknown, unknown)

    @staticmethod
    def refuse(values: pd.Series, mask: NDArray[np.bool_], what: str) -> None:
        """Raise a `CategoryError` if any row of ``mask`` is True."""
        if mask.any():
            # By what they look like: cells may be lists, which do not hash.
            shown = {repr(value): value for value in values[mask].head(1000)}
            raise CategoryError(
                f"Column {values.name!r} has {int(mask.sum())} {what} cells, for "
                f"example {list(shown.values())[:5]!r}, and handle_{what}='error'. "
                f"Clean the column, or pass handle_{what}='value' (a learned vector) "
                "or 'return_nan'."
            )


def _count(
    values: pd.Series, weights: NDArray[np.float64]
) -> tuple[pd.Index, NDArray[np.float64], bool]:
    """Return the sorted categories of rows of weight, their weights; any missing."""
    seen = weights > 0
    row, uniques = factorize(values if seen.all() else values[seen])
    counts = weighted_counts(row[row >= 0], weights[seen][row >= 0], len(uniques))
    # An unused level of a category dtype is not a category that was seen.
    order = _sorted_order(uniques)
    order = order[counts[order] > 0]
    return uniques[order], counts[order], bool((row < 0).any())


def weighted_counts(
    codes: NDArray[Any], weights: NDArray[np.float64], n_codes: int
) -> NDArray[np.float64]:
    """Sum of the weights of the rows of each code."""
    return np.bincount(codes, weights, n_codes).astype(np.float64, copy=False)


def factorize(values: pd.Series) -> tuple[NDArray[Any], pd.Index]:
    """Row -> position in the unique values (-1: missing); hashes each value once."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = values.cat.categories
        return values.cat.codes.to_numpy(), _plain_index(levels)
    try:
        row, uniques = pd.factorize(values, use_na_sentinel=True)
    except TypeError as error:
        _refuse_nested(values.name, values)
        raise CellTypeError(
            f"Column {values.name!r} holds cells that cannot be compared: {error}. "
            "Each argument must be a string or a number, one a cell."
        ) from error
    index = _plain_index(pd.Index(uniques))
    if pdt.is_object_dtype(index.dtype):
        _refuse_nested(values.name, index)
    return row, index


def _refuse_nested(name: Hashable, values: Any) -> None:
    for value in values:
        if isinstance(value, (dict, list, set, tuple, frozenset, np.ndarray)):
            raise CellTypeError(
                f"Column {name!r} holds {value!r}, a {type(value).__name__}: each "
                "argument must be a string or a number, one a cell. If cells hold "
                f"several values, pass multivalued=[{name!r}]; otherwise join or drop "
                "the column."
            )


def _plain_index(index: pd.Index) -> pd.Index:
    """Numbers stay numbers, everything else becomes Python objects.

    The same value then has the same key whatever string, nullable or Arrow dtype the
    frame stores it in.
    """
    dtype = index.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return index
    if pdt.is_numeric_dtype(dtype) and not pdt.is_bool_dtype(dtype):
        kind = "float64" if pdt.is_float_dtype(dtype) else "int64"
        return index.astype(kind)
    return index.astype(object)


def _indexer(categories: pd.Index, uniques: pd.Index) -> NDArray[np.intp]:
    if pdt.is_object_dtype(categories.dtype) != pdt.is_object_dtype(uniques.dtype):
        categories, uniques = categories.astype(object), uniques.astype(object)
    return categories.get_indexer(uniques)


def _sorted_order(index: pd.Index) -> NDArray[np.intp]:
    """Sort by value; values of several types by type first."""
    try:
        return np.argsort(index.to_numpy(), kind="stable")
    except TypeError:
        keys = [(type(value).__name__, str(value)) for value in index]
        return np.asarray(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def _infrequent(
    counts: NDArray[np.float64],
    total: float,
    min_frequency: float | None,
    max_categories: int | None,
) -> NDArray[np.bool_]:
    """Which categories are infrequent, by the rules of scikit-learn's encoders."""
    rare = np.zeros(len(counts), dtype=bool)
    if min_frequency is not None:
        is_share = not isinstance(min_frequency, (int, np.integer))
        rare = counts < (min_frequency * total if is_share else min_frequency)
    limit = max_categories
    if limit is not None and limit < int((~rare).sum()) + int(rare.any()):
        by_count = np.argsort(-counts, kind="stable")
        rare[by_count[limit - 1 :]] = True
    return rare
