"""Values -> codes: which columns are categories, and a code for every value."""

from sk_entity._categories.columns import ColumnSelection, check_dtypes, select_columns
from sk_entity._categories.vocabulary import UNKNOWN, Vocabulary, weighted_counts

__all__ = [
    "UNKNOWN",
    "ColumnSelection",
    "Vocabulary",
    "check_dtypes",
    "select_columns",
    "weighted_counts",
]
