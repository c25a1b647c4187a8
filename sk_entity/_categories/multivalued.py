"""Cells of several values -> bags: delimited strings, lists, sets, arrays."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Bags, Cells
from sk_entity._categories.vocabulary import UNKNOWN, Vocabulary
from sk_entity._columns import factorize
from sk_entity.exceptions import CellTypeError

#: What a cell without a separator may be. Dicts and strings are not lists of values.
_CONTAINERS = (list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)


@dataclass(frozen=True, eq=False)
class Elements:
    """The elements of a column's distinct cells.

    Attributes
    ----------
    cell : ndarray of shape (n_rows,), int64
        The distinct cell of each row; -1 where the row's cell is missing.
    owner : ndarray of shape (n_elements,), int64
        The distinct cell of each element.
    value : Series of shape (n_elements,)
    weight : ndarray of shape (n_elements,), float64
        Positive.
    n_cells : int
    """

    cell: NDArray[np.int64]
    owner: NDArray[np.int64]
    value: pd.Series
    weight: NDArray[np.float64]
    n_cells: int

    def row_weights(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight of the rows that hold each element."""
        here = self.cell >= 0
        by_cell = np.bincount(self.cell[here], weights[here], self.n_cells)
        return np.asarray(by_cell[self.owner])


@dataclass(frozen=True, eq=False)
class MultiValued:
    """A column whose cells hold any number of values, without order.

    Attributes
    ----------
    vocabulary : Vocabulary
        Of the elements.
    separator : str or None
        Between the elements of strings; None: cells are lists, tuples, sets or arrays.
    """

    vocabulary: Vocabulary
    separator: str | None

    def cells(self, values: pd.Series) -> Cells:
        """Encode a column.

        A cell is the mean of its elements' rows, repeated elements counting as often.
        Unknown elements do not count beside known ones. A cell without elements is a
        missing one.
        """
        elements = split_cells(values, self.separator)
        found = self.vocabulary.cells(elements.value)
        codes, missing = found.number, found.missing
        strange = (codes == UNKNOWN) & ~missing
        n_cells = elements.n_cells
        # Numbers of cells here, and one for missing cells at the end.
        holds = np.bincount(elements.owner[~missing], minlength=n_cells + 1) > 0
        known = np.bincount(elements.owner[codes != UNKNOWN], minlength=n_cells + 1) > 0
        odd = np.bincount(elements.owner[strange], minlength=n_cells + 1) > 0
        used = codes != UNKNOWN
        owner, row = elements.owner[used], codes[used]
        weight = elements.weight[used]
        if self.vocabulary.missing_code is not None:
            nothing = np.flatnonzero(~holds)
            owner = np.concatenate([owner, nothing])
            row = np.append(row, np.full(len(nothing), self.vocabulary.missing_code))
            weight = np.concatenate([weight, np.ones(len(nothing))])
        bags = Bags.build(owner + 1, row.astype(np.int32), weight, n_cells + 2)
        number, bags = bags.distinct()
        cell = np.where(elements.cell < 0, n_cells, elements.cell)
        unknown = (holds & ~known)[cell]
        return Cells(
            number[cell + 1], ~holds[cell], unknown, odd[cell], bags, found.note
        )


def split_cells(values: pd.Series, separator: str | None) -> Elements:
    """Return the elements of a column's cells.

    Parameters
    ----------
    values : Series of shape (n_rows,)
    separator : str or None

    Raises
    ------
    CellTypeError
        If a cell is of the wrong type, or a weight is not a positive number.
    """
    if separator is not None:
        return _split_strings(values, separator)
    cell, lists = _lists(values)
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    owner = np.repeat(np.arange(len(lists)), lengths)
    flat = list(chain.from_iterable(lists))
    weight = np.ones(len(flat))
    if flat and all(isinstance(x, tuple) for x in flat):
        flat, weight = _pairs(values.name, flat)
    value = _series(flat, values.name)
    return _without_missing(Elements(cell, owner, value, weight, len(lists)))


def element_rows(
    values: pd.Series, weights: NDArray[np.float64], separator: str | None
) -> tuple[pd.Series, NDArray[np.float64]]:
    """Return a column's elements and the weight of the rows behind each.

    A cell without elements gives one missing element.
    """
    elements = split_cells(values, separator)
    holds = np.bincount(elements.owner, minlength=elements.n_cells + 1) > 0
    empty = weights[~holds[elements.cell]].sum()
    value, weight = elements.value, elements.row_weights(weights)
    if empty > 0:
        value = pd.concat([value.astype(object), pd.Series([None], dtype=object)])
        weight = np.append(weight, empty)
    return value.reset_index(drop=True), weight


def _split_strings(values: pd.Series, separator: str) -> Elements:
    cell, keys = factorize(values)
    uniques = keys.values
    wrong = [value for value in uniques if not isinstance(value, str)]
    if wrong:
        raise CellTypeError(
            f"Column {values.name!r} holds {wrong[0]!r}, a {type(wrong[0]).__name__}, "
            f"but multivalued gives it the separator {separator!r}: its cells must be "
            f"strings of values with {separator!r} between them, or missing."
        )
    lists = [
        [part.strip() for part in value.split(separator) if part.strip()]
        for value in uniques
    ]
    owner = np.repeat(np.arange(len(lists)), [len(parts) for parts in lists])
    flat = list(chain.from_iterable(lists))
    value = pd.Series(flat, dtype=object, name=values.name)
    cell = cell.astype(np.int64)
    return Elements(cell, owner, value, np.ones(len(flat)), len(lists))


def _lists(values: pd.Series) -> tuple[NDArray[np.int64], list[Any]]:
    """Return which list each row has, -1 where it is missing, and the lists."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        cell = values.cat.codes.to_numpy().astype(np.int64)
        lists = list(values.cat.categories)
    else:
        cells = _python_cells(values)
        missing = np.asarray(pd.isna(cells))
        cell = np.where(missing, -1, np.cumsum(~missing) - 1)
        lists = list(cells[~missing])
    wrong = {
        kind for kind in set(map(type, lists)) if not issubclass(kind, _CONTAINERS)
    }
    if wrong:
        types = ", ".join(sorted(kind.__name__ for kind in wrong))
        example = next(x for x in lists if type(x) in wrong)
        raise CellTypeError(
            f"Column {values.name!r} holds {example!r}, of type {types}, but "
            "multivalued says that its cells hold several values: each must be a "
            "list, tuple, set or array (of values, or of (value, weight) pairs), or "
            "missing. For strings give a separator, multivalued="
            f"{{{values.name!r}: ','}}."
        )
    return cell, lists


def _python_cells(values: pd.Series) -> NDArray[Any]:
    """Return cells as Python objects: Arrow lists would give floats for a null."""
    if not isinstance(values.dtype, pd.ArrowDtype):
        return values.to_numpy(dtype=object)
    import pyarrow as pa

    cells = np.empty(len(values), dtype=object)
    cells[:] = pa.array(values.array).to_pylist()
    return cells


def _pairs(name: Any, flat: list[Any]) -> tuple[list[Any], NDArray[np.float64]]:
    """Split (value, weight) pairs."""
    try:
        kept = [(value, float(weight)) for value, weight in flat]
    except (TypeError, ValueError) as error:
        raise CellTypeError(
            f"Column {name!r} holds tuples that are not (value, weight) pairs with "
            f"numbers for weights: {flat[:3]!r}."
        ) from error
    weight = np.asarray([weight for _, weight in kept])
    if not (np.isfinite(weight) & (weight > 0)).all():
        bad = kept[int(np.argmin(np.isfinite(weight) & (weight > 0)))]
        raise CellTypeError(
            f"Column {name!r} holds the pair {bad!r}: weights of elements must be "
            "positive and finite. Leave out elements that weigh nothing."
        )
    return [value for value, _ in kept], weight


def _series(flat: list[Any], name: Any) -> pd.Series:
    if any(isinstance(value, tuple) for value in flat):
        raise CellTypeError(
            f"Column {name!r} mixes values and (value, weight) pairs: give every "
            "element a weight or none."
        )
    return pd.Series(flat, dtype=object, name=name)


def _without_missing(elements: Elements) -> Elements:
    """Drop elements that are None or NaN: they say nothing."""
    here = elements.value.notna().to_numpy()
    if here.all():
        return elements
    return Elements(
        elements.cell,
        elements.owner[here],
        elements.value[here].reset_index(drop=True),
        elements.weight[here],
        elements.n_cells,
    )
