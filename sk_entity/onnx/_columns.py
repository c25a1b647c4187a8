"""Which columns a graph reads, as what, and which keys stand for which codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import UNKNOWN, TableCoder
from sk_entity._columns import Kind
from sk_entity._learned import Learned
from sk_entity.exceptions import ColumnError

#: What stands for a missing cell in a column of text, and in one of whole numbers.
MISSING_TEXT = "\x00missing"
MISSING_INTEGER = int(np.iinfo(np.int64).min)

#: Kinds of categories by the tensors that hold them.
_TENSORS = {
    Kind.TEXT: "string",
    Kind.NOTHING: "string",
    Kind.INTEGER: "int64",
    Kind.BOOLEAN: "int64",
    Kind.FLOAT: "double",
}


@dataclass(frozen=True, eq=False)
class KeyColumn:
    """A categorical column of a graph.

    Attributes
    ----------
    name : str
    tensor : {"string", "int64", "double"}
        What holds its cells.
    keys : list
        Values that have a code, the one that stands for missing cells included.
    codes : ndarray of shape (n_keys,), int64
    default : int
        The code of all other values.
    table : int
        The embedding table.
    n_codes : int
        Rows of it. Code ``n_codes`` stands for cells whose features are NaN.
    """

    name: str
    tensor: str
    keys: list[Any]
    codes: NDArray[np.int64]
    default: int
    table: int
    n_codes: int

    @property
    def may_be_nan(self) -> bool:
        """Whether features of some cells are NaN."""
        return self.default == self.n_codes or bool((self.codes == self.n_codes).any())


def key_columns(learned: Learned) -> list[KeyColumn]:
    """Return the categorical columns of a graph.

    Raises
    ------
    ColumnError
        If one cannot be part of a graph.
    """
    coder = learned.coder
    for name in ("handle_unknown", "handle_missing"):
        if getattr(coder, name) == "error":
            raise ColumnError(
                f"{name}='error' cannot be exported: a graph raises no errors. Fit "
                f"with {name}='value' or 'return_nan', and check cells before they are "
                "sent."
            )
    return [
        _key_column(learned, name, t)
        for name, t in zip(learned.categorical, coder.table_of, strict=True)
    ]


def _key_column(learned: Learned, name: str, table: int) -> KeyColumn:
    coder, part = learned.coder, learned.coder.coders[table]
    _refuse(name, part)
    vocabulary = part.vocabulary
    tensor = _TENSORS.get(vocabulary.kind)
    categories = vocabulary.categories
    exact = tensor != "double" or (
        categories.dtype == np.float64 and not vocabulary.narrow
    )
    if tensor == "int64" and vocabulary.kind is Kind.INTEGER:
        exact = categories.dtype == np.int64
    if tensor is None or not exact:
        raise ColumnError(
            f"Column {name!r} holds categories of type {vocabulary.kind} "
            f"({categories.dtype}), for which ONNX has no exact keys: make it text "
            "with astype(str) before the encoder is fitted."
        )
    n_codes = len(learned.vectors[table])
    keys = [int(x) if tensor == "int64" else x for x in categories.tolist()]
    codes = vocabulary.codes.tolist()
    missing = vocabulary.missing_code
    code = UNKNOWN if missing is None else missing
    if coder.handle_missing == "return_nan":
        code = n_codes
    sentinel = {"string": MISSING_TEXT, "int64": MISSING_INTEGER}.get(tensor, np.nan)
    if sentinel in keys:
        raise ColumnError(
            f"Column {name!r} has the category {sentinel!r}, which stands for missing "
            "cells in a graph: rename it."
        )
    nothing = coder.handle_unknown == "return_nan"
    return KeyColumn(
        name,
        tensor,
        [*keys, sentinel],
        np.asarray([*codes, code], dtype=np.int64),
        n_codes if nothing else UNKNOWN,
        table,
        n_codes,
    )


def _refuse(name: str, part: TableCoder) -> None:
    what = {
        "multivalued": part.plan.multivalued,
        "subwords": part.plan.subwords,
        "hash_buckets": part.plan.hash_buckets is not None,
    }
    for parameter, used in what.items():
        if used:
            raise ColumnError(
                f"Column {name!r} is one of {parameter}, which cannot be exported: "
                "ONNX looks whole values up and has none of its operations. Fit "
                "without, or leave the column out with categorical_features and "
                "remainder='drop'."
            )


def number_columns(learned: Learned) -> list[str]:
    """Return the numeric columns of a graph.

    Raises
    ------
    ColumnError
        If other columns would have to pass through.
    """
    schema = learned.coder.schema
    if learned.passes and schema.others:
        names = [learned.names[i] for i in schema.others]
        raise ColumnError(
            f"Columns {names!r} are neither categories nor numbers and would pass "
            "through: a graph gives numbers. Drop them, or fit with remainder='drop'."
        )
    return [learned.names[i] for i in schema.numeric]
