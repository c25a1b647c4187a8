"""What is odd about the cells of a frame, told once a call."""

import numpy as np
import pandas as pd

from sk_entity._categories.cells import Cells, TypeNote
from sk_entity._warnings import warn
from sk_entity.exceptions import ColumnTypeWarning, UnknownCategoriesWarning


class Report:
    """What is odd about the cells of a frame, for a warning a call.

    Attributes
    ----------
    notes : list of TypeNote
    unknown : list of str
        Columns with unknown cells.
    only_unknown : list of str
        Columns of two cells or more all of which are unknown.
    """

    def __init__(self) -> None:
        self.notes: list[TypeNote] = []
        self.unknown: list[str] = []
        self.only_unknown: list[str] = []
        self._cells: dict[str, tuple[pd.Series, Cells]] = {}

    def add(self, values: pd.Series, cells: Cells) -> None:
        """Note what is odd about a column."""
        name = str(values.name)
        if cells.note is not None:
            self.notes.append(cells.note)
        if not cells.strange.any():
            return
        self.unknown.append(name)
        self._cells[name] = (values, cells)
        n_here = len(values) - np.count_nonzero(cells.missing)
        if n_here > 1 and np.count_nonzero(cells.unknown) == n_here:
            self.only_unknown.append(name)

    def describe(self, name: str) -> str:
        """Return a column's name, how many of its cells are unknown, and examples."""
        values, cells = self._cells[name]
        strange = np.flatnonzero(cells.strange)
        shown = dict.fromkeys(map(repr, values.iloc[strange[:100]]))
        examples = ", ".join(list(shown)[:3])
        return f"{name!r} ({len(strange)} of {len(values)}: {examples})"


def tell(report: Report, handle_unknown: str) -> None:
    """Warn of what is odd about the cells of a frame: once a call for each kind."""
    if report.notes:
        warn(
            f"Cells are unknown for their type: {'; '.join(map(str, report.notes))}. "
            "Read the columns in the types of fit, or fit a new encoder.",
            ColumnTypeWarning,
        )
    asked = report.unknown if handle_unknown == "warn" else report.only_unknown
    if asked:
        shown = "; ".join(map(report.describe, asked))
        warn(
            "Columns hold values that training did not show, and "
            f"{'only' if handle_unknown != 'warn' else 'in all'} these: {shown}. They "
            "get the vector of unknown values. Check that the column is encoded as in "
            "training.",
            UnknownCategoriesWarning,
        )
