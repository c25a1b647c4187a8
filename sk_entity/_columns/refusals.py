"""Types that are neither categories nor numbers, and what to do instead."""

from collections.abc import Hashable

from sk_entity._columns.kinds import ColumnType, Kind
from sk_entity.exceptions import ColumnError


def refuse_kind(name: Hashable, found: ColumnType) -> None:
    """Raise a `ColumnError` if a column is of a type that has to be prepared first."""
    held = f"Column {name!r} has dtype {found.dtype}"
    if found.kind is Kind.TEMPORAL:
        if "timedelta" in found.dtype or "duration" in found.dtype:
            raise ColumnError(
                f"{held}. Convert durations to numbers first, for example "
                f"X[{name!r}].dt.total_seconds(), or drop the column."
            )
        raise ColumnError(
            f"{held} and holds dates or times. Dates are neither categories nor "
            "numbers here: derive what matters (for example "
            f"X[{name!r}].dt.month as a category, or days since a date as a number), "
            "convert it to strings, or drop it."
        )
    if found.kind is Kind.COMPLEX:
        raise ColumnError(
            f"Complex data not supported: column {name!r} has dtype {found.dtype}. "
            "Pass its real and imaginary parts as two columns, or drop it."
        )
    if found.kind is Kind.NESTED:
        raise ColumnError(
            f"Column {name!r} has the nested dtype {found.dtype}. Each cell must be "
            "one string or number. If cells are lists of values, pass multivalued="
            f"[{str(name)!r}]; otherwise explode, join or drop the column."
        )
    if found.kind is Kind.SPARSE:
        raise ColumnError(
            f"Column {name!r} has the sparse dtype {found.dtype}. Make it dense, "
            f"X[{str(name)!r}].sparse.to_dense(), or drop it."
        )
