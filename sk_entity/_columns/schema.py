"""What fit learned of a frame: its columns, their types and their parts."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._columns.kinds import NUMBERS, ColumnType, Kind, read_type
from sk_entity._columns.numbers import exact_floats
from sk_entity._columns.refusals import refuse_kind
from sk_entity.exceptions import ColumnError


@dataclass(frozen=True, eq=False)
class Schema:
    """The columns of a frame, as fit saw them.

    Attributes
    ----------
    labels : tuple
        Names as the frame had them.
    types : tuple of ColumnType
    dtypes : tuple of dtype
        What pandas held the columns in.
    categorical, numeric, others : tuple of int
        Positions: what is embedded, what the net reads as numbers, and what passes
        through untouched.
    nested : tuple of int
        The categorical columns whose cells may hold several values.
    undecided : tuple of int
        Categories for want of a value: nobody chose them, and all cells were missing.
    """

    labels: tuple[Hashable, ...]
    types: tuple[ColumnType, ...]
    dtypes: tuple[Any, ...]
    categorical: tuple[int, ...]
    numeric: tuple[int, ...]
    others: tuple[int, ...]
    nested: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()

    def check_further(self, frame: pd.DataFrame) -> None:
        """Raise a `ColumnError` if further rows show that a column is one of numbers.

        Also where `check_labels` raises.
        """
        self.check_labels(frame)
        for i in self.undecided:
            found = read_type(frame.iloc[:, i])
            if _is_number(found):
                raise ColumnError(
                    f"Column {self.labels[i]!r} held only missing values in the first "
                    "rows and was taken for a category; now it holds numbers "
                    f"({found}). Name the categorical columns, "
                    "categorical_features=[...], or put rows first that have a value."
                )

    def check_labels(self, frame: pd.DataFrame) -> None:
        """Raise a `ValueError` if the columns are others than those of fit.

        Names that are strings are compared by scikit-learn.
        """
        labels = tuple(frame.columns)
        strings = all(isinstance(label, str) for label in (*labels, *self.labels))
        nameless = _positional(self.labels) or _positional(labels)
        if strings or labels == self.labels or nameless:
            return
        raise ValueError(
            "The feature names should match those that were passed during fit: X has "
            f"the columns {list(labels)[:20]!r}, in fit they were "
            f"{list(self.labels)[:20]!r}. Pass the columns of fit, in their order."
        )


def read_numbers(
    frame: pd.DataFrame, schema: Schema, names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the numeric columns as floats, shape (n_rows, n_numeric), NaN if missing.

    Raises
    ------
    ColumnError
        If one holds what is no number, or whole numbers that float64 would round.
    """
    numeric = np.empty((len(frame), len(schema.numeric)))
    for j, i in enumerate(schema.numeric):
        numeric[:, j] = exact_floats(names[i], frame.iloc[:, i])
    return numeric


def _positional(labels: tuple[Hashable, ...]) -> bool:
    """Whether these are the names that the columns of an array get."""
    return labels == tuple(f"x{i}" for i in range(len(labels)))


def read_schema(
    frame: pd.DataFrame,
    choice: str | Sequence[Any] | Callable[[pd.DataFrame], Any],
    multivalued: Collection[str] = (),
) -> Schema:
    """Read the columns' types and give each its part, by ``categorical_features``.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The input of the encoder.
    choice : {"from_dtype", "all"}, list of names, of positions, bool mask or callable
        As the encoder's ``categorical_features``.
    multivalued : collection of str
        Columns whose cells hold several values; ``"from_dtype"`` takes them, too.

    Returns
    -------
    schema : Schema

    Raises
    ------
    ColumnError
        If a column is unknown, chosen twice, or of a type that has no part.
    """
    types = tuple(read_type(frame.iloc[:, i]) for i in range(frame.shape[1]))
    several = {i for i, name in enumerate(frame.columns) if str(name) in multivalued}
    if callable(choice):
        choice = choice(frame)
    by_type = isinstance(choice, str) and choice == "from_dtype"
    if isinstance(choice, str) and choice == "all":
        chosen = list(range(frame.shape[1]))
    elif by_type:
        chosen = [i for i, t in enumerate(types) if i in several or _is_category(t)]
    else:
        chosen = _positions(frame, choice)
    taken = set(chosen)
    rest = [i for i in range(frame.shape[1]) if i not in taken]
    for i in (*chosen, *(rest if by_type else ())):
        if i not in several and not _holds_containers(types[i]):
            refuse_kind(frame.columns[i], types[i])
    numeric = tuple(i for i in rest if _is_number(types[i]))
    return Schema(
        labels=tuple(frame.columns),
        types=types,
        dtypes=tuple(frame.dtypes),
        categorical=tuple(chosen),
        numeric=numeric,
        others=tuple(i for i in rest if i not in set(numeric)),
        nested=tuple(i for i in chosen if i in several),
        undecided=tuple(i for i in chosen if by_type and types[i].kind is Kind.NOTHING),
    )


def _is_number(found: ColumnType) -> bool:
    return found.kind in NUMBERS and not found.is_category


def _holds_containers(found: ColumnType) -> bool:
    """Whether cells of an object column are lists and the like."""
    return found.kind is Kind.NESTED and found.dtype == "object"


def _is_category(found: ColumnType) -> bool:
    """Whether a column is embedded if nobody says so."""
    kinds = (Kind.TEXT, Kind.BINARY, Kind.MIXED, Kind.NOTHING)
    refused = (Kind.TEMPORAL, Kind.NESTED, Kind.COMPLEX, Kind.SPARSE)
    if _holds_containers(found):
        return True
    return found.kind in kinds or (found.is_category and found.kind not in refused)


def _positions(frame: pd.DataFrame, choice: Any) -> list[int]:
    if isinstance(choice, str):
        choice = [choice]
    items = list(choice)
    mask = [isinstance(item, (bool, np.bool_)) for item in items]
    if any(mask):
        if not all(mask) or len(items) != frame.shape[1]:
            raise ColumnError(
                "A boolean mask in categorical_features must hold one bool for each "
                f"of the {frame.shape[1]} columns, got {len(items)} items: {items!r}."
            )
        return [i for i, flag in enumerate(items) if flag]
    positions = sorted(_position(frame, item) for item in items)
    for left, right in pairwise(positions):
        if left == right:
            raise ColumnError(
                f"categorical_features names column {frame.columns[left]!r} twice: "
                f"{items!r}."
            )
    return positions


def _position(frame: pd.DataFrame, item: Hashable) -> int:
    names = list(frame.columns)
    if isinstance(item, (int, np.integer)):
        if not -len(names) <= item < len(names):
            raise ColumnError(
                f"categorical_features holds position {item}, but X has "
                f"{len(names)} columns (positions 0 to {len(names) - 1})."
            )
        return int(item) % len(names)
    if item not in names:
        close = get_close_matches(str(item), [str(name) for name in names], n=3)
        hint = f" Did you mean {', '.join(map(repr, close))}?" if close else ""
        raise ColumnError(
            f"categorical_features names {item!r}, which is not a column of X.{hint} "
            f"The columns are {names[:20]!r}{' ...' if len(names) > 20 else ''}."
        )
    return names.index(item)


def restored(values: pd.Series, dtype: Any) -> pd.Series:
    """Return values in a dtype of fit, or as they are where it cannot hold them."""
    if isinstance(dtype, np.dtype) and dtype.kind in "iub" and values.isna().any():
        return values
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        whole = values.to_numpy()
        if whole.dtype.kind == "f" and (whole != np.floor(whole)).any():
            return values
    try:
        return values.astype(dtype)
    except (TypeError, ValueError):
        return values
