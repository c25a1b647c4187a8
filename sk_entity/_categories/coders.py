"""Which table each column reads, and how its cells become rows of that table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Cells
from sk_entity._categories.hashing import HashedVocabulary, Hashing
from sk_entity._categories.multivalued import MultiValued, element_rows
from sk_entity._categories.subwords import Subwords
from sk_entity._categories.vocabulary import Vocabulary, weighted_counts
from sk_entity._columns import Kind, factorize
from sk_entity._columns.keys import LARGEST_EXACT
from sk_entity._warnings import warn
from sk_entity.exceptions import ColumnError, RoundedIdentifiersWarning


@dataclass(frozen=True)
class TablePlan:
    """One embedding table, before it has seen any rows.

    Attributes
    ----------
    columns : tuple of int
        Positions, among the categorical columns, of those that share the table.
    multivalued : bool
    separators : tuple of str or None
        Of each column, if they are multi-valued.
    hash_buckets : int or None
    subwords : bool
    """

    columns: tuple[int, ...]
    multivalued: bool = False
    separators: tuple[str | None, ...] = ()
    hash_buckets: int | None = None
    subwords: bool = False


@dataclass(frozen=True, eq=False)
class TableCoder:
    """One table's vocabulary, and how the cells of its columns read it.

    Attributes
    ----------
    plan : TablePlan
    vocabulary : Vocabulary
        Of the values of all its columns.
    subwords : Subwords or None
    """

    plan: TablePlan
    vocabulary: Vocabulary
    subwords: Subwords | None

    @classmethod
    def build(
        cls,
        plan: TablePlan,
        columns: Sequence[pd.Series],
        weights: NDArray[np.float64],
        *,
        seed: int,
        **limits: Any,
    ) -> "TableCoder":
        """Learn the vocabulary of the columns together.

        Parameters
        ----------
        plan : TablePlan
        columns : list of Series of shape (n_rows,)
        weights : ndarray of shape (n_rows,)
        seed : int
            Of the hash function.
        **limits : dict
            ``min_frequency`` and ``max_categories``.
        """
        values, weight = _union(plan, columns, weights)
        vocabulary: Vocabulary
        if plan.hash_buckets is None:
            vocabulary = Vocabulary.build(values, weight, **limits)
            _warn_if_rounded(columns[0].name, vocabulary)
        else:
            hashing = Hashing(plan.hash_buckets, seed)
            vocabulary = HashedVocabulary.build_hashed(
                values, weight, hashing, **limits
            )
        subwords = Subwords.build(vocabulary) if plan.subwords else None
        return cls(plan, vocabulary, subwords)

    def extend(
        self,
        columns: Sequence[pd.Series],
        weights: NDArray[np.float64],
        **limits: Any,
    ) -> "TableCoder":
        """Return the coder with the values of further rows; rows once given stay."""
        values, weight = _union(self.plan, columns, weights)
        if self.subwords is None:
            vocabulary = self.vocabulary.extend(values, weight, **limits)
            return replace(self, vocabulary=vocabulary)
        subwords = self.subwords.extend(values, weight, **limits)
        return replace(self, vocabulary=subwords.vocabulary, subwords=subwords)

    def merged(self, other: "TableCoder") -> "TableCoder":
        """Return the coder of the rows of both, without subwords."""
        return replace(self, vocabulary=self.vocabulary.merged(other.vocabulary))

    def numbered(self, **limits: Any) -> tuple["TableCoder", NDArray[np.int32]]:
        """Give codes anew, as if all rows had come at once; return the new by the old.

        For tables whose cells are rows.
        """
        old, new = self.vocabulary, self.vocabulary.numbered(**limits)
        code = np.zeros(old.n_codes, dtype=np.int32)
        code[old.codes] = new.codes
        if old.missing_code is not None and new.missing_code is not None:
            code[old.missing_code] = new.missing_code
        return replace(self, vocabulary=new), code

    @property
    def n_codes(self) -> int:
        """Rows of the table."""
        coder = self.vocabulary if self.subwords is None else self.subwords
        return coder.n_codes

    def cells(self, k: int, values: pd.Series) -> Cells:
        """Encode the cells of the table's k-th column."""
        if self.subwords is not None:
            return self.subwords.cells(values)
        if self.plan.multivalued:
            return MultiValued(self.vocabulary, self.plan.separators[k]).cells(values)
        return self.vocabulary.cells(values)


def _warn_if_rounded(name: Any, vocabulary: Vocabulary) -> None:
    """Warn if floats may be identifiers that lost their last digits on the way."""
    if vocabulary.kind is not Kind.FLOAT or not len(vocabulary.categories):
        return
    floats = vocabulary.categories.to_numpy().astype(np.float64)
    size = np.abs(floats)
    large = (size >= LARGEST_EXACT) & (size < 2.0**64)
    if large.any() and (floats == np.floor(floats)).all():
        warn(
            f"Column {name!r} holds whole numbers as floats, for example "
            f"{floats[large][0]!r}: beyond 2**53 neighbours share one float. If they "
            "are identifiers, read them in an integer dtype (nullable 'Int64' where "
            "cells are missing) or as text.",
            RoundedIdentifiersWarning,
        )


def plan_tables(
    names: Sequence[str],
    *,
    shared_embeddings: Sequence[Sequence[str]] | None,
    multivalued: Mapping[str, str | None] | Sequence[str] | None,
    hash_buckets: Mapping[str, int] | int | None,
    subwords: Sequence[str] | None,
) -> list[TablePlan]:
    """Return the tables of the categorical columns, in the order of first use.

    Parameters
    ----------
    names : list of str
        The categorical columns.
    shared_embeddings, multivalued, hash_buckets, subwords
        As the encoder's parameters.

    Raises
    ------
    ColumnError
        If a parameter names what is not a categorical column, or they contradict
        each other.
    """
    separators = multivalued_columns(multivalued)
    buckets = _buckets(hash_buckets, names, set(subwords or ()))
    pieces = set(_known(subwords or (), "subwords", names))
    _known(separators, "multivalued", names)
    groups = [[str(name) for name in group] for group in shared_embeddings or ()]
    shared = [name for group in groups for name in group]
    _known(shared, "shared_embeddings", names)
    twice = sorted({name for name in shared if shared.count(name) > 1})
    if twice or any(len(group) < 2 for group in groups):
        raise ColumnError(
            "shared_embeddings must hold lists of two or more columns, each column at "
            f"most once, got {shared_embeddings!r}."
        )
    groups += [[name] for name in names if name not in shared]
    groups.sort(key=lambda group: min(names.index(name) for name in group))
    return [
        _plan(sorted(group, key=names.index), names, separators, buckets, pieces)
        for group in groups
    ]


def multivalued_columns(
    multivalued: Mapping[str, str | None] | Sequence[str] | None,
) -> dict[str, str | None]:
    """Return the separator of each multi-valued column, None for lists."""
    if multivalued is None:
        return {}
    if isinstance(multivalued, Mapping):
        found = {str(name): separator for name, separator in multivalued.items()}
    elif isinstance(multivalued, str):
        found = {multivalued: None}
    else:
        found = dict.fromkeys(map(str, multivalued))
    for name, separator in found.items():
        if separator is not None and not (isinstance(separator, str) and separator):
            raise ColumnError(
                f"multivalued gives column {name!r} the separator {separator!r}: pass "
                "a string such as '|', or None for cells that are lists."
            )
    return found


def _plan(
    group: Sequence[str],
    names: Sequence[str],
    separators: Mapping[str, str | None],
    buckets: Mapping[str, int],
    pieces: set[str],
) -> TablePlan:
    kinds = {(name in separators, buckets.get(name), name in pieces) for name in group}
    if len(kinds) > 1:
        raise ColumnError(
            f"The columns {list(group)!r} of shared_embeddings must be alike: all or "
            "none multi-valued, all or none with subwords, and of the same number of "
            "hash_buckets."
        )
    several, n_buckets, parts = kinds.pop()
    if parts and (several or n_buckets is not None):
        raise ColumnError(
            f"Columns {list(group)!r}: subwords goes neither with multivalued nor with "
            "hash_buckets. Choose one of them."
        )
    return TablePlan(
        tuple(names.index(name) for name in group),
        several,
        tuple(separators.get(name) for name in group),
        n_buckets,
        parts,
    )


def _buckets(
    hash_buckets: Mapping[str, int] | int | None, names: Sequence[str], but: set[str]
) -> dict[str, int]:
    if hash_buckets is None:
        return {}
    if not isinstance(hash_buckets, Mapping):
        return {name: int(hash_buckets) for name in names if name not in but}
    _known(hash_buckets, "hash_buckets", names)
    for name, n in hash_buckets.items():
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
            raise ColumnError(
                f"hash_buckets gives column {name!r} {n!r} buckets: pass a positive "
                "integer."
            )
    return {str(name): int(n) for name, n in hash_buckets.items()}


def _known(given: Iterable[Any], parameter: str, names: Sequence[str]) -> list[str]:
    """Return the names given, as strings; raise if one is no categorical column."""
    if isinstance(given, str):
        given = [given]
    found = [str(name) for name in given]
    for name in found:
        if name not in names:
            close = get_close_matches(name, names, n=3)
            hint = f" Did you mean {', '.join(map(repr, close))}?" if close else ""
            raise ColumnError(
                f"{parameter} names {name!r}, which is not a categorical column.{hint} "
                f"Those are {list(names)!r}."
            )
    return found


def _union(
    plan: TablePlan, columns: Sequence[pd.Series], weights: NDArray[np.float64]
) -> tuple[pd.Series, NDArray[np.float64]]:
    """Return the values of all columns, one after the other, and their weights."""
    parts = [(column, weights) for column in columns]
    if plan.multivalued:
        parts = [
            element_rows(column, weights, separator)
            for column, separator in zip(columns, plan.separators, strict=True)
        ]
    if len(parts) == 1:
        return parts[0]
    pairs = [_weighed(*part) for part in parts]
    union = pd.concat([values for values, _ in pairs], ignore_index=True)
    union.name = columns[0].name
    return union, np.concatenate([w for _, w in pairs])


def _weighed(
    values: pd.Series, weights: NDArray[np.float64]
) -> tuple[pd.Series, NDArray[np.float64]]:
    """Return the distinct values of a column, whatever its dtype, and their weights."""
    row, keys = factorize(values)
    total = weighted_counts(row.astype(np.intp) + 1, weights, len(keys) + 1)
    cells = np.empty(len(keys) + 1, dtype=object)
    cells[1:] = keys.values.tolist()
    return pd.Series(cells), total
