"""One row at a time -> features, without what a frame costs by itself.

pandas takes milliseconds to look at the columns of one row. A service that predicts row
by row would spend them on each; here text and whole numbers are looked up at once, and
for other cells the way of many rows decides once what their code is.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import UNKNOWN, Codes, FrameCoder, Report
from sk_entity._columns import Kind, place_of
from sk_entity._features import Lookup

#: Cells of a column that are remembered; then all are forgotten.
_MOST_CELLS = 20_000
#: Whole numbers up to here are floats without loss.
_LARGEST_EXACT = 2**53


class RowReader:
    """What is known of single cells, so that one row is read in microseconds.

    Threads may share it: dicts change in one step, and all write the same.

    Parameters
    ----------
    coder : FrameCoder
    lookup : Lookup
    n_outputs : int
        Output columns.
    passes : bool
        Whether numeric columns are part of the output.
    """

    def __init__(
        self, coder: FrameCoder, lookup: Lookup, n_outputs: int, passes: bool
    ) -> None:
        schema, coders = coder.schema, coder.coders
        self._lookup, self._n_outputs, self._passes = lookup, n_outputs, passes
        self._handle_unknown = coder.handle_unknown
        self._positions = schema.categorical
        self._numeric = schema.numeric
        self._codes: list[dict[Any, int]] = [{} for _ in schema.categorical]
        self._vocabularies = [coders[t].vocabulary for t in coder.table_of]
        self._hashed = [coders[t].plan.hash_buckets for t in coder.table_of]
        self._columns: pd.Index | None = None
        # Bags are numbered a call; what does not fit into an array is refused.
        self._reads = bool(coders) and not any(
            coder.plan.multivalued or coder.subwords for coder in coders
        )

    def read(self, frame: pd.DataFrame) -> tuple[list[int], list[float]] | None:
        """Return the codes and the numbers of a frame of one row.

        None if they are not known: a column or a cell is new, or is none that can be
        read alone.
        """
        columns = self._columns
        if columns is None or not frame.columns.equals(columns):
            return None
        cell, dtypes = frame.iat, frame.dtypes.array
        try:
            codes = [
                self._code(j, dtypes[i], cell[0, i])
                for j, i in enumerate(self._positions)
            ]
        except (KeyError, TypeError, ValueError):  # the latter of cells like arrays
            return None
        numbers = []
        for i in self._numeric:
            number = _as_float(cell[0, i])
            if number is None:
                return None
            numbers.append(number)
        return codes, numbers

    def _code(self, j: int, dtype: Any, cell: Any) -> int:
        """Return what a cell of the j-th column reads; raise a KeyError if unknown."""
        known, key = self._codes[j], _key(dtype, cell)
        found = known.get(key)
        if found is None:
            found = self._look_up(j, dtype, cell)
            self._note(known, key, found)
        return found

    def _look_up(self, j: int, dtype: Any, cell: Any) -> int:
        """Return the code of text or of a whole number in a column of its own type."""
        vocabulary = self._vocabularies[j]
        kind, known = vocabulary.kind, vocabulary.categories
        if isinstance(dtype, pd.CategoricalDtype) or self._hashed[j]:
            raise KeyError(cell)
        if type(cell) is str and kind is Kind.TEXT:
            place = place_of(known, cell)
        elif type(cell) in (int, np.int64) and known.dtype == np.int64:
            place = place_of(known, int(cell))
        else:
            raise KeyError(cell)
        if place >= 0:
            return int(vocabulary.codes[place])
        # What was never seen may be an error, a warning or NaN elsewhere.
        if self._handle_unknown != "value":
            raise KeyError(cell)
        return UNKNOWN

    @staticmethod
    def _note(known: dict[Any, int], key: Any, code: int) -> None:
        if len(known) >= _MOST_CELLS:
            known.clear()
        known[key] = code

    def remember(self, frame: pd.DataFrame, codes: Codes, report: Report) -> None:
        """Remember what the cells of one row read, if there was no word about them."""
        if not self._reads:
            return
        quiet = self._handle_unknown in ("value", "return_nan")
        told = {note.name for note in report.notes}
        told |= set() if quiet else set(report.unknown)
        dtypes = frame.dtypes.array
        for j, i in enumerate(self._positions):
            if str(frame.columns[i]) in told:
                continue
            try:
                key = _key(dtypes[i], frame.iat[0, i])
                self._note(self._codes[j], key, int(codes.numbers[0, j]))
            except (TypeError, ValueError):
                continue
        self._columns = frame.columns

    def features(self, codes: list[int], numbers: list[float]) -> NDArray[np.float64]:
        """Return the features of one row, shape (1, n_features), as of many."""
        lookup = self._lookup
        known = [max(code, 0) for code in codes]
        blocks: list[NDArray[Any]] = []
        vectors: list[NDArray[np.float32]] = []
        for t, code, place in zip(lookup.table_of, codes, known, strict=True):
            block, vector = lookup.parts(t, lookup.joined[t][-1, place][None])
            vectors += vector
            blocks.append(block[0] if code >= 0 else np.full_like(block[0], np.nan))
        extras = lookup.extras
        blocks += [cross.of_row(known, numbers) for cross in extras.crosses]
        numeric = np.asarray([numbers])
        if extras.predictor is not None:
            blocks.append(extras.predictor.predict(vectors, numeric)[0])
        learned_part = np.concatenate(blocks, dtype=np.float32)
        out = np.empty((1, self._n_outputs))
        out[0, : len(learned_part)] = learned_part
        if self._passes:
            out[0, len(learned_part) :] = numbers
        return out


def _key(dtype: Any, cell: Any) -> Any:
    """Return what a cell is known by: 1, 1.0 and True are equal, but not the same."""
    missing = cell is pd.NA or cell != cell
    return (dtype, type(cell), None if missing else cell)


def _as_float(cell: Any) -> float | None:
    """Return a number as a float; None: the way of many rows judges it."""
    if isinstance(cell, (float, np.floating)):
        return float(cell)
    if isinstance(cell, (bool, np.bool_)):
        return float(cell)
    if isinstance(cell, (int, np.integer)) and abs(int(cell)) <= _LARGEST_EXACT:
        return float(cell)
    return None
