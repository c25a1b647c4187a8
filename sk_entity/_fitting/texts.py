"""Columns of free text: one vector a value says little, one a word says more."""

from collections import Counter
from collections.abc import Collection, Sequence

from sk_entity._categories import FrameCoder, Vocabulary
from sk_entity._columns import Kind
from sk_entity._warnings import warn
from sk_entity.exceptions import FreeTextWarning

#: Fewer values may differ by chance; free text differs in this share of the rows, and
#: this share of the texts have words that others have.
_LEAST_VALUES, _SHARE = 1000, 0.5
#: Values that are looked at, and words of each that others must have, too.
_LOOKED_AT, _WORDS = 1000, 2


def tell_of_texts(
    coder: FrameCoder, names: Sequence[str], given: Collection[str], n_rows: int
) -> None:
    """Warn of columns whose values are texts of words in common, nearly all different.

    Parameters
    ----------
    coder : FrameCoder
    names : list of str
        The categorical columns.
    given : list of str
        Columns whose vectors come from elsewhere.
    n_rows : int
    """
    for part in coder.coders:
        columns = [names[j] for j in part.plan.columns]
        learns_values = part.subwords is None and part.plan.hash_buckets is None
        if set(columns) & set(given) or not learns_values:
            continue
        if _is_free_text(part.vocabulary, n_rows):
            n_values = len(part.vocabulary.categories)
            warn(
                f"Column {', '.join(map(repr, columns))} holds {n_values:,} different "
                f"texts in {n_rows:,} rows: a vector for each has hardly a row to "
                f"learn from. Pass subwords={columns!r}, so that texts share the "
                "vectors of their parts, or drop the column.",
                FreeTextWarning,
            )


def _is_free_text(vocabulary: Vocabulary, n_rows: int) -> bool:
    values = vocabulary.categories
    if vocabulary.kind is not Kind.TEXT or len(values) < _LEAST_VALUES:
        return False
    if len(values) < _SHARE * n_rows:
        return False
    texts = [set(str(v).split()) for v in values[:: -(-len(values) // _LOOKED_AT)]]
    seen = Counter(word for words in texts for word in words)
    shared = [sum(seen[word] > 1 for word in words) for words in texts]
    # "Row 17" and "row 18" have a word in common, and are identifiers all the same.
    return sum(n >= _WORDS for n in shared) > _SHARE * len(texts)
