"""A frame's categorical columns -> table rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Bags, Cells, Codes
from sk_entity._categories.coders import TableCoder, TablePlan
from sk_entity._categories.layout import Layout
from sk_entity._categories.report import Report
from sk_entity._categories.vocabulary import Vocabulary
from sk_entity._columns import Schema

#: The number of cells whose output is to be NaN.
NAN = -1


@dataclass(frozen=True, eq=False)
class FrameCoder:
    """The vocabularies of all categorical columns.

    Attributes
    ----------
    schema : Schema
    coders : tuple of TableCoder
        One an embedding table.
    handle_unknown, handle_missing : str
        As the encoder's parameters.
    """

    schema: Schema
    coders: tuple[TableCoder, ...]
    handle_unknown: str
    handle_missing: str

    @classmethod
    def build(
        cls,
        frame: pd.DataFrame,
        weights: NDArray[np.float64],
        schema: Schema,
        plans: Sequence[TablePlan],
        *,
        handle_unknown: str,
        handle_missing: str,
        **params: Any,
    ) -> "FrameCoder":
        """Learn the vocabularies; ``params`` as `TableCoder.build`."""
        coders = [
            TableCoder.build(plan, _columns(frame, schema, plan), weights, **params)
            for plan in plans
        ]
        return cls(schema, tuple(coders), handle_unknown, handle_missing)

    def extend(
        self, frame: pd.DataFrame, weights: NDArray[np.float64], **limits: Any
    ) -> "FrameCoder":
        """Return the coder with the values of further rows."""
        coders = [
            coder.extend(_columns(frame, self.schema, coder.plan), weights, **limits)
            for coder in self.coders
        ]
        return replace(self, coders=tuple(coders))

    def merged(self, other: "FrameCoder") -> "FrameCoder":
        """Return the coder of the rows of both, which are of the same columns."""
        pairs = zip(self.coders, other.coders, strict=True)
        return replace(self, coders=tuple(one.merged(two) for one, two in pairs))

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

    @property
    def n_codes(self) -> list[int]:
        """Rows of each table."""
        return [coder.n_codes for coder in self.coders]

    @property
    def single_valued(self) -> tuple[int, ...]:
        """The categorical columns whose cells hold one value."""
        tables = enumerate(self.table_of)
        return tuple(j for j, t in tables if not self.coders[t].plan.multivalued)

    def layout(self, dims: list[int], codes: Codes) -> Layout:
        """Return the tables of these dimensions, and how cells read them."""
        return Layout(self.n_codes, dims, self.table_of, list(codes.bags))

    def encode(self, frame: pd.DataFrame) -> tuple[Codes, Report]:
        """Return what all categorical cells of a frame read, and what is odd of them.

        Raises
        ------
        CategoryError
            If a cell is unknown or missing where that is an error.
        """
        numbers = np.empty((len(frame), len(self.schema.categorical)), np.int32)
        bags: list[Bags | None] = [None] * numbers.shape[1]
        report = Report()
        for coder in self.coders:
            for k, j in enumerate(coder.plan.columns):
                values = frame.iloc[:, self.schema.categorical[j]]
                cells = coder.cells(k, values)
                report.add(values, cells)
                numbers[:, j] = self._handled(values, cells)
                bags[j] = cells.bags
        return Codes(numbers, tuple(bags)), report

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


def _columns(frame: pd.DataFrame, schema: Schema, plan: TablePlan) -> list[pd.Series]:
    return [frame.iloc[:, schema.categorical[j]] for j in plan.columns]
