"""One column's vocabulary: a code for every category value."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Cells, TypeNote
from sk_entity._columns import Keys, Kind, Known, conform, factorize, places
from sk_entity._columns.keys import joined, order_of
from sk_entity.exceptions import CategoryError, ColumnError

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
    kind : Kind, default=Kind.NOTHING
        The type of the categories.
    narrow : bool, default=False
        Whether they came as float32 or narrower.
    """

    categories: pd.Index
    codes: NDArray[np.int64]
    infrequent_code: int | None
    missing_code: int | None
    n_codes: int
    counts: NDArray[np.float64]
    total: float
    kind: Kind = Kind.NOTHING
    narrow: bool = False

    @property
    def known(self) -> Known:
        """The categories and their type, as keys of a batch are read."""
        return Known(self.categories, self.kind, self.narrow)

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
        keys, counts, any_missing = _count(values, weights)
        order = order_of(keys.values)
        nothing = np.zeros(len(keys), dtype=np.int64)
        missing, total = int(any_missing) or None, float(weights.sum())
        seen = cls(  # codes follow
            keys.values[order],
            nothing,
            None,
            missing,
            0,
            counts[order],
            total,
            keys.kind,
            keys.exact is not None,
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
        keys, found_counts, any_missing = _count(values, weights)
        keys, narrow = self._conformed(keys, values.name)
        found, kind = keys.values, self._kind_with(keys)
        place = places(self.categories, found)
        new = place < 0
        counts = np.append(self.counts, found_counts[new])
        np.add.at(counts, place[~new], found_counts[~new])
        total = self.total + float(weights.sum())
        categories = joined(self.categories, found[new])
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
        order = order_of(categories)
        return replace(
            self,
            categories=categories[order],
            codes=codes[order],
            infrequent_code=infrequent_code,
            missing_code=missing_code,
            n_codes=n_codes,
            counts=counts[order],
            total=total,
            kind=kind,
            narrow=narrow,
        )

    def merged(self, other: "Vocabulary") -> Self:
        """Return the vocabulary of the rows of both; codes once given stay.

        Parameters
        ----------
        other : Vocabulary
            Of other rows of the same column.
        """
        cells = np.empty(len(other.categories) + 1, dtype=object)
        cells[1:] = other.categories.tolist()
        missing = other.total - other.counts.sum()
        weights = np.append(missing, other.counts)
        if other.missing_code is None:
            cells, weights = cells[1:], weights[1:]
        elif missing <= 0:  # what rounding has left of it
            weights[0] = np.finfo(float).tiny
        # Of buckets, the values are what is merged here, not hashed again.
        found = Vocabulary.extend(self, pd.Series(cells), weights)
        return replace(found, narrow=self.narrow and other.narrow)

    def _conformed(self, keys: Keys, name: Any) -> tuple[Keys, bool]:
        """Return further keys as the type of the categories has them; and if narrow.

        Raises
        ------
        ColumnError
            If some are of a type that is not that of the categories.
        """
        if self.kind is Kind.NOTHING:
            return keys, keys.exact is not None
        found, lost = conform(keys, self.known, name)
        if lost is not None:
            raise ColumnError(
                f"Column {name!r} was of type {self.kind} so far, and holds "
                f"{keys.values[lost][0]!r} ({keys.kind}) now. Read the column in one "
                "type everywhere, for example as text with astype(str)."
            )
        return found, self.narrow

    def _kind_with(self, keys: Keys) -> Kind:
        """Return the type of the categories and further keys together."""
        if self.kind is Kind.NOTHING or not len(keys):
            return self.kind if len(self.categories) else keys.kind
        fractions = keys.values.dtype == object or keys.values.dtype.kind == "f"
        if self.kind is Kind.INTEGER and fractions:
            return Kind.FLOAT  # as a column of both is
        return self.kind

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
        row, keys = factorize(values)
        code_of, _ = self.codes_of(keys, values.name)
        return self._take(code_of, row), row < 0

    def codes_of(
        self, keys: Keys, name: Any
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_] | None]:
        """Return the code of each key, and which keys the type of fit cannot have."""
        found, lost = conform(keys, self.known, name)
        place = places(self.categories, found.values)
        code = np.full(len(keys), UNKNOWN, dtype=np.int32)
        code[place >= 0] = self.codes[place[place >= 0]]
        return code, lost

    def _take(self, code_of: NDArray[np.int32], row: NDArray[Any]) -> NDArray[np.int32]:
        # One more slot at the end: row -1 (missing) reads it.
        missing = UNKNOWN if self.missing_code is None else self.missing_code
        return np.append(code_of, np.int32(missing)).take(row, mode="wrap")

    def joined(self, values: pd.Series) -> Self:
        """Return the vocabulary with values that no row holds; none is infrequent."""
        keys, _, _ = _count(values, np.ones(len(values)))
        keys, narrow = self._conformed(keys, values.name)
        found = keys.values[places(self.categories, keys.values) < 0]
        n = len(found)
        categories = joined(self.categories, found)
        order = order_of(categories)
        codes = np.append(self.codes, self.n_codes + np.arange(n))
        counts = np.append(self.counts, np.zeros(n))
        return replace(
            self,
            categories=categories[order],
            codes=codes[order],
            counts=counts[order],
            n_codes=self.n_codes + n,
            kind=self._kind_with(keys),
            narrow=narrow,
        )

    def cells(self, values: pd.Series) -> Cells:
        """Encode a column whose cells are one value each."""
        row, keys = factorize(values)
        code_of, lost = self.codes_of(keys, values.name)
        codes, missing = self._take(code_of, row), row < 0
        unknown = (codes == UNKNOWN) & ~missing
        note = None if lost is None else self.note(values, keys, lost)
        return Cells(codes, missing, unknown, unknown, note=note)

    def note(self, values: pd.Series, keys: Keys, lost: NDArray[np.bool_]) -> TypeNote:
        """Return what is to be said of keys that the type of fit cannot have."""
        return TypeNote(
            str(values.name), str(self.kind), str(keys.kind), keys.values[lost][0]
        )

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
) -> tuple[Keys, NDArray[np.float64], bool]:
    """Return the keys of rows of weight, their weights, and whether any is missing."""
    seen = weights > 0
    row, keys = factorize(values if seen.all() else values[seen])
    counts = weighted_counts(row[row >= 0], weights[seen][row >= 0], len(keys))
    # An unused level of a category dtype is not a category that was seen.
    used = np.flatnonzero(counts > 0)
    if len(used) < len(keys):
        keys, counts = keys.take(used), counts[used]
    if not len(keys):
        keys = Keys(keys.values, Kind.NOTHING)
    return keys, counts, bool((row < 0).any())


def weighted_counts(
    codes: NDArray[Any], weights: NDArray[np.float64], n_codes: int
) -> NDArray[np.float64]:
    """Sum of the weights of the rows of each code."""
    return np.bincount(codes, weights, n_codes).astype(np.float64, copy=False)


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
        # Of equally frequent ones the first in order go, as there.
        by_count = np.argsort(counts, kind="stable")
        rare[by_count[: len(counts) - (limit - 1)]] = True
    return rare
