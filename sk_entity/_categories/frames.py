"""A frame's categorical columns -> table rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Bags, Cells, Codes
from sk_entity._categories.coders import TableCoder, TablePlan
from sk_entity._categories.columns import ColumnSelection, check_dtypes
from sk_entity._categories.vocabulary import Vocabulary

#: The number of cells whose output is to be NaN.
NAN = -1


@dataclass(frozen=True, eq=False)
class FrameCoder:
    """The vocabularies of all categorical columns.

    Attributes
    ----------
    selection : ColumnSelection
    coders : tuple of TableCoder
        One an embedding table.
    handle_unknown, handle_missing : {"value", "return_nan", "error"}
    """

    selection: ColumnSelection
    coders: tuple[TableCoder, ...]
    handle_unknown: str
    handle_missing: str

    @classmethod
    def build(
        cls,
        frame: pd.DataFrame,
        weights: NDArray[np.float64],
        selection: ColumnSelection,
        plans: Sequence[TablePlan],
        *,
        handle_unknown: str,
        handle_missing: str,
        **params: Any,
    ) -> "FrameCoder":
        """Learn the vocabularies; ``params`` as `TableCoder.build`."""
        coders = [
            TableCoder.build(plan, _columns(frame, selection, plan), weights, **params)
            for plan in plans
        ]
        return cls(selection, tuple(coders), handle_unknown, handle_missing)

    def extend(
        self, frame: pd.DataFrame, weights: NDArray[np.float64], **limits: Any
    ) -> "FrameCoder":
        """Return the coder with the values of further rows."""
        coders = [
            coder.extend(_columns(frame, self.selection, coder.plan), weights, **limits)
            for coder in self.coders
        ]
        return replace(self, coders=tuple(coders))

    def with_vocabulary(self, table: int, vocabulary: Vocabulary) -> "FrameCoder":
        """Return the coder with another vocabulary of one table."""
        coders = list(self.coders)
        coders[table] = replace(coders[table], vocabulary=vocabulary)
        return replace(self, coders=tuple(coders))

    def numbered(self, **limits: Any) -> tuple["FrameCoder", list[NDArray[np.int32]]]:
        """Give codes anew; return the new codes by the old ones of each column."""
        pairs = [coder.numbered(**limits) for coder in self.coders]
        coders = tuple(coder for coder, _ in pairs)
        return replace(self, coders=coders), [pairs[t][1] for t in self.table_of]

    @property
    def table_of(self) -> list[int]:
        """The table of each categorical column."""
        of = dict[int, int]()
        for t, coder in enumerate(self.coders):
            of |= dict.fromkeys(coder.plan.columns, t)
        return [of[j] for j in range(len(of))]

    def encode(self, frame: pd.DataFrame) -> Codes:
        """Return what all categorical cells of a frame read.

        Raises
        ------
        CategoryError
            If a cell is unknown or missing where that is an error.
        """
        check_dtypes(frame, self.selection)
        numbers = np.empty((len(frame), len(self.selection.categorical)), np.int32)
        bags: list[Bags | None] = [None] * numbers.shape[1]
        for coder in self.coders:
            for k, j in enumerate(coder.plan.columns):
                values = frame.iloc[:, self.selection.categorical[j]]
                cells = coder.cells(k, values)
                numbers[:, j] = self._handled(values, cells)
                bags[j] = cells.bags
        return Codes(numbers, tuple(bags))

    def _handled(self, values: pd.Series, cells: Cells) -> NDArray[np.int32]:
        """Return the cells' numbers: NaN's where it is asked for."""
        number = cells.number
        for what, handling, mask in (
            ("missing", self.handle_missing, cells.missing),
            ("unknown", self.handle_unknown, cells.unknown),
        ):
            if handling == "error":
                wrong = cells.strange if what == "unknown" else mask
                Vocabulary.refuse(values, wrong, what)
            elif handling == "return_nan":
                number = np.where(mask, np.int32(NAN), number)
        return number


def _columns(
    frame: pd.DataFrame, selection: ColumnSelection, plan: TablePlan
) -> list[pd.Series]:
    return [frame.iloc[:, selection.categorical[j]] for j in plan.columns]
