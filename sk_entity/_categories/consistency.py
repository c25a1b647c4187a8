"""What must hold of vocabularies that come from a file."""

from typing import Any

import numpy as np

from sk_entity._categories.coders import TableCoder
from sk_entity._categories.frames import FrameCoder
from sk_entity._categories.hashing import HashedVocabulary
from sk_entity._categories.subwords import Subwords
from sk_entity._categories.vocabulary import Vocabulary
from sk_entity._columns import Kind
from sk_entity._files import require

#: What keys of a type are, where their dtype does not say it.
_OF_KIND: dict[Kind, Any] = {Kind.TEXT: str, Kind.BINARY: bytes}
_NEVER = (Kind.TEMPORAL, Kind.NESTED, Kind.COMPLEX, Kind.SPARSE)
_HANDLINGS = ("value", "warn", "return_nan", "error")


def check_vocabulary(vocabulary: Vocabulary) -> None:
    """Raise a `SavedFileError` if codes are not those of the categories."""
    categories, n_codes = vocabulary.categories, vocabulary.n_codes
    shape = (len(categories),)
    require(n_codes >= 1, "a vocabulary without codes")
    require(vocabulary.codes.shape == shape, "categories and their codes")
    require(vocabulary.counts.shape == shape, "categories and their counts")
    require(_within(vocabulary.codes, n_codes), "codes beyond the table")
    for code in (vocabulary.infrequent_code, vocabulary.missing_code):
        require(code is None or 0 <= code < n_codes, "codes beyond the table")
    try:
        good = categories.is_unique and not categories.isna().any()
    except TypeError:
        good = False
    require(good, "categories that are missing, come twice or are no values")
    require(vocabulary.kind not in _NEVER, "categories of no such type")
    if categories.dtype != object:
        numbers = (Kind.INTEGER, Kind.FLOAT)
        require(vocabulary.kind in numbers, "categories of another type")
        whole = categories.dtype in (np.int64, np.uint64)
        real = categories.dtype == np.float64
        require(whole or (real and vocabulary.kind is Kind.FLOAT), "categories' dtype")
    kind = _OF_KIND.get(vocabulary.kind)
    if kind is not None:
        require(all(type(x) is kind for x in categories), "categories of another type")
    if isinstance(vocabulary, HashedVocabulary):
        require(vocabulary.hashing.n_buckets >= 1, "hash_buckets below one")


def check_subwords(subwords: Subwords, vocabulary: Vocabulary) -> None:
    """Raise a `SavedFileError` if pieces read rows that are not there."""
    check_vocabulary(subwords.parts)
    known = subwords.vocabulary
    check_vocabulary(known)
    require(known.categories.equals(vocabulary.categories), "two vocabularies")
    require(known.n_codes == vocabulary.n_codes, "two vocabularies")
    require(subwords.own_rows.shape == (known.n_codes,), "rows of categories")
    require(subwords.part_rows.shape == (subwords.parts.n_codes,), "rows of pieces")
    for rows in (subwords.own_rows, subwords.part_rows):
        require(_within(rows, subwords.n_codes), "rows beyond the table")


def check_coder(coder: FrameCoder, n_columns: int) -> None:
    """Raise a `SavedFileError` if columns and tables do not fit together."""
    schema = coder.schema
    for part in (schema.labels, schema.types, schema.dtypes):
        require(len(part) == n_columns, "columns and their types")
    placed = [*schema.categorical, *schema.numeric, *schema.others]
    require(all(0 <= i < n_columns for i in placed), "columns that are not there")
    require(len(set(placed)) == len(placed), "a column of two parts")
    for some in (schema.nested, schema.undecided):
        require(set(some) <= set(schema.categorical), "columns that are no categories")
    columns = [j for part in coder.coders for j in part.plan.columns]
    require(sorted(columns) == [*range(len(schema.categorical))], "columns of tables")
    for handling in (coder.handle_unknown, coder.handle_missing):
        require(handling in _HANDLINGS, "a handling that is none")
    for table in coder.coders:
        _check_table(table)


def _check_table(coder: TableCoder) -> None:
    plan, vocabulary = coder.plan, coder.vocabulary
    check_vocabulary(vocabulary)
    if plan.multivalued:
        require(len(plan.separators) == len(plan.columns), "columns and separators")
        good = all(separator is None or separator for separator in plan.separators)
        require(good, "empty separators")
    require(plan.subwords == (coder.subwords is not None), "subwords")
    hashed = isinstance(vocabulary, HashedVocabulary)
    require((plan.hash_buckets is not None) == hashed, "hash_buckets")
    if coder.subwords is not None:
        check_subwords(coder.subwords, vocabulary)


def _within(numbers: Any, n: int) -> bool:
    """Whether whole numbers are rows of a table of n rows."""
    return not len(numbers) or bool((numbers >= 0).all() and (numbers < n).all())
