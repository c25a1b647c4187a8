"""Values -> codes: which columns are categories, and what table rows cells read."""

from sk_entity._categories.cells import Bags, Cells, Codes
from sk_entity._categories.coders import (
    TableCoder,
    TablePlan,
    multivalued_columns,
    plan_tables,
)
from sk_entity._categories.frames import FrameCoder
from sk_entity._categories.hashing import Hashing
from sk_entity._categories.layout import Layout, by_column
from sk_entity._categories.report import Report, tell
from sk_entity._categories.subwords import Subwords
from sk_entity._categories.vocabulary import UNKNOWN, Vocabulary

__all__ = [
    "UNKNOWN",
    "Bags",
    "Cells",
    "Codes",
    "FrameCoder",
    "Hashing",
    "Layout",
    "Report",
    "Subwords",
    "TableCoder",
    "TablePlan",
    "Vocabulary",
    "by_column",
    "multivalued_columns",
    "plan_tables",
    "tell",
]
