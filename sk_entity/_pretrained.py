"""Vectors from elsewhere, for the parameter ``pretrained``."""

from dataclasses import dataclass
from typing import Any


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

    See Also
    --------
    EntityEmbeddingEncoder : Takes it by column, in ``pretrained``.
    EmbeddingTable.from_frame : To ask a frame of vectors for neighbours first.

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder, Pretrained
    >>> capitals = {"Rome": [1.0, 0.0], "Oslo": [0.0, 1.0]}
    >>> EntityEmbeddingEncoder(pretrained={"city": Pretrained(capitals, freeze=True)})
    EntityEmbeddingEncoder(pretrained={'city': ...
    """

    vectors: Any
    freeze: bool = False
