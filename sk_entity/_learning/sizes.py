"""How many coordinates a column gets, and how long and in what batches to train."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity.exceptions import ColumnError

#: Optimizer steps of ``max_epochs="auto"``, at most.
STEP_BUDGET = 2800
#: ... and passes, with batches below the largest, and with those: tiny data would
#: otherwise be seen thousands of times.
MAX_AUTO_EPOCHS, MAX_LARGE_EPOCHS = 40, 80
_LARGEST_BATCH = 2048
#: Trees split along axes: more coordinates than this never helped a tree ensemble.
MAX_AUTO_DIM = 8


#: Coordinates of a table, where there are categories for them. What it has no use for,
#: shrinkage keeps near zero, and is not output.
LEAST_AUTO_DIM = 4
#: ... of which there are this many, with so many rows each, as a power of two.
LEAST_CATEGORIES, LEAST_SUPPORT = 5, 2


def auto_dim(n_categories: int, rows_per_category: float) -> int:
    """Return the default embedding dimension of a column.

    The fourth root of the number of categories, but no more than the rows behind a
    typical category can tell apart (the binary logarithm of their number), and at most
    8. An identifier with three rows a value gets one coordinate; where a category has
    four rows or more, there are four, from five categories on.

    >>> [auto_dim(n, 10_000 / n) for n in (2, 12, 100, 1000, 3000)]
    [1, 4, 4, 4, 1]
    """
    # Rounded, so that a mean of equal counts is what they are.
    supported = math.floor(round(math.log2(max(rows_per_category, 2)), 9))
    root = round(math.sqrt(math.sqrt(n_categories)))
    many = n_categories >= LEAST_CATEGORIES and supported >= LEAST_SUPPORT
    least = LEAST_AUTO_DIM if many else 1
    return max(1, least, min(root, supported, MAX_AUTO_DIM))


def typical_count(counts: NDArray[np.float64]) -> float:
    """Return the geometric mean of the positive counts, 0 if there are none.

    Where a few categories have most of the rows, the mean is theirs alone.

    >>> round(typical_count(np.array([0.0, 1.0, 10.0, 100.0])), 6)
    10.0
    """
    counts = counts[counts > 0]
    return float(np.exp(np.log(counts).mean())) if len(counts) else 0.0


def embedding_dims(
    rule: str | int | Mapping[str, int] | Callable[[int], int],
    names: Sequence[Sequence[str]],
    n_categories: Sequence[int],
    rows_per_category: Sequence[float],
) -> list[int]:
    """Resolve ``embedding_dim`` to one dimension a table.

    Parameters
    ----------
    rule : "auto", int, dict of column -> int, or callable of the category count
        Tables whose columns a dict leaves out use the automatic rule.
    names : list of list of str
        The columns of each table.
    n_categories : list of int
    rows_per_category : list of float
        Independent rows behind a typical category of each table.

    Returns
    -------
    dims : list of int

    Raises
    ------
    ColumnError
        If a dict names a column that is not categorical, or gives columns that share a
        table several dimensions.
    ValueError
        If a dimension is not a positive integer.
    """
    auto = [
        auto_dim(n, rows)
        for n, rows in zip(n_categories, rows_per_category, strict=True)
    ]
    dims: list[Any]
    if isinstance(rule, Mapping):
        dims = _dims_by_name(rule, names, auto)
    elif callable(rule):
        dims = [rule(n) for n in n_categories]
    elif rule == "auto":
        dims = list(auto)
    else:
        dims = [rule] * len(names)
    for name, dim in zip(names, dims, strict=True):
        if not isinstance(dim, Integral) or isinstance(dim, bool) or dim < 1:
            raise ValueError(
                f"embedding_dim must give a positive integer for each column, got "
                f"{dim!r} for column {', '.join(name)!r}."
            )
    return [int(dim) for dim in dims]


def are_automatic(
    rule: str | int | Mapping[str, int] | Callable[[int], int],
    names: Sequence[Sequence[str]],
) -> list[bool]:
    """Return whether each table's dimension is the automatic one.

    >>> are_automatic({"city": 2}, [["city", "home"], ["shop"]])
    [False, True]
    """
    if isinstance(rule, Mapping):
        return [not set(rule) & set(group) for group in names]
    return [isinstance(rule, str)] * len(names)


def independent_shares(
    numbers: NDArray[np.int32], group: NDArray[np.intp]
) -> list[float]:
    """Return how many observations a row of each column is worth.

    Rows of one group that show the same category tell one thing about it: their number
    is that of distinct pairs of category and group.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
        Cells.
    group : ndarray of shape (n_rows,), int
        Number of the group of each row.

    Returns
    -------
    shares : list of float
        Above 0, at most 1.

    Examples
    --------
    >>> numbers = np.array([[1, 1], [1, 2], [1, 3], [2, 4]], dtype=np.int32)
    >>> independent_shares(numbers, np.array([0, 0, 0, 1]))
    [0.5, 1.0]
    """
    pairs = numbers.astype(np.int64) * (group.max() + 1) + group[:, None]
    return [len(pd.unique(column)) / len(group) for column in pairs.T]


def _dims_by_name(
    rule: Mapping[str, Any], names: Sequence[Sequence[str]], auto: Sequence[int]
) -> list[Any]:
    every = [name for group in names for name in group]
    strange = sorted(set(rule) - set(every), key=str)
    if strange:
        raise ColumnError(
            f"embedding_dim names {strange!r}, which are not categorical columns. "
            f"Those are {every!r}."
        )
    dims = []
    for group, dim in zip(names, auto, strict=True):
        given = {name: rule[name] for name in group if name in rule}
        if len(set(given.values())) > 1:
            raise ColumnError(
                f"embedding_dim gives columns that share a table different "
                f"dimensions: {given!r}. Give them one."
            )
        dims.append(next(iter(given.values()), dim))
    return dims


@dataclass(frozen=True)
class Schedule:
    """Batch size, passes over the rows, and optimizer steps of one fit."""

    batch_size: int
    epochs: int
    steps: int


def auto_weight_decay(n_rows: float) -> float:
    """Return the default L2 penalty of the decoder: that of a prior, so it shrinks.

    ``25 / n_rows``, at most 1e-3: a fixed penalty per row would outgrow the evidence
    of large data.

    >>> [auto_weight_decay(n) for n in (500, 100_000)]
    [0.001, 0.00025]
    """
    return min(1e-3, 25 / n_rows)


def schedule(
    n_rows: int, batch_size: str | int, max_epochs: str | int, *, budget: int
) -> Schedule:
    """Resolve ``batch_size`` and ``max_epochs`` for ``n_rows`` training rows.

    The automatic batch is a fortieth of the rows as a power of two in 128 .. 2048,
    and the automatic number of epochs spends ``budget`` steps in at most 40 epochs, or
    80 with the largest batches.

    >>> schedule(7_000, "auto", "auto", budget=2800)
    Schedule(batch_size=128, epochs=40, steps=2200)
    >>> schedule(2_000_000, "auto", 2, budget=2800)
    Schedule(batch_size=2048, epochs=2, steps=1954)
    """
    if batch_size == "auto":
        batch_size = min(
            _LARGEST_BATCH, max(128, 2 ** round(math.log2(max(n_rows / 40, 1))))
        )
    per_epoch = math.ceil(n_rows / int(batch_size))
    if max_epochs == "auto":
        large = int(batch_size) >= _LARGEST_BATCH
        most = MAX_LARGE_EPOCHS if large else MAX_AUTO_EPOCHS
        max_epochs = min(most, math.ceil(budget / per_epoch))
    epochs = int(max_epochs)
    return Schedule(int(batch_size), epochs, epochs * per_epoch)
