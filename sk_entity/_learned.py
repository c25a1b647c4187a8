"""What a fit has learned: the one thing that everything afterwards reads."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder, tell
from sk_entity._choices import Choice
from sk_entity._columns import Header, read_numbers
from sk_entity._features import ByFold, Extras, Lookup, Scaling
from sk_entity._output import OutputContainer
from sk_entity._row import RowReader
from sk_entity._table import EmbeddingTable
from sk_entity._target import Objective
from sk_entity._workers import available_threads
from sk_entity.exceptions import NotSavableError

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Learned:
    """All that a fit has learned.

    The functions of `_fitting` return one, and an encoder holds one or none, so that
    there is no half-fitted encoder. Nothing changes it.

    Attributes
    ----------
    header : Header
        The input columns.
    coder : FrameCoder
        Values to codes.
    passes : bool
        Whether columns that are not embedded are part of the output.
    vectors : list of ndarray of shape (n_codes, dim), float32
        Of each table: those that saw all rows.
    counts : list of ndarray of shape (n_codes,), float64
        Weight of the rows behind each.
    spreads : list of ndarray of shape (n_codes,) or None
        How far the folds' vectors are from these.
    extras : Extras
        What stands beside the vectors, of all rows.
    objective : Objective
        What was learned of the target.
    scaling : Scaling or None
        How the net saw numbers and target; None without categorical columns.
    groups : dict of str to list of str
        Output columns by input column.
    shown : list of int
        Coordinates of each table that are output: its first ones.
    choices : list of Choice
        What the fit tried by itself.
    weight, n_rows : float, int
        Of all rows.
    history : DataFrame
        A row an epoch.
    decoder : dict of str to ndarray
        The state of the decoder, from which further fits go on.
    net : skorch.NeuralNet or None
        None without categorical columns, and after loading: files hold no code.
    omitted : tuple of str
        Parameters that were left out of the file that this was loaded from.
    """

    header: Header
    coder: FrameCoder
    passes: bool
    vectors: list[NDArray[np.float32]]
    counts: list[NDArray[np.float64]]
    spreads: list[NDArray[np.float64] | None]
    extras: Extras
    objective: Objective
    scaling: Scaling | None
    groups: dict[str, list[str]]
    shown: list[int]
    choices: list[Choice]
    weight: float
    n_rows: int
    history: pd.DataFrame
    decoder: dict[str, NDArray[Any]]
    net: Any = field(default=None, metadata={"left_out": True})
    omitted: tuple[str, ...] = ()

    @cached_property
    def names(self) -> list[str]:
        """Names of the input columns."""
        return self.header.names

    @cached_property
    def categorical(self) -> list[str]:
        """Names of the categorical columns."""
        return [self.names[i] for i in self.coder.schema.categorical]

    @cached_property
    def outputs(self) -> list[str]:
        """Names of the output columns."""
        return [name for group in self.groups.values() for name in group]

    @cached_property
    def passed(self) -> tuple[int, ...]:
        """Positions of the columns that pass through."""
        schema = self.coder.schema
        return (*schema.numeric, *schema.others) if self.passes else ()

    @cached_property
    def tables(self) -> dict[str, EmbeddingTable]:
        """The table of each categorical column."""
        return {
            name: EmbeddingTable(
                name,
                self.coder.coders[t].vocabulary,
                self.vectors[t],
                self.counts[t],
                self.coder.coders[t].subwords,
                self.spreads[t],
            )
            for name, t in zip(self.categorical, self.coder.table_of, strict=True)
        }

    @cached_property
    def output_tables(self) -> dict[str, EmbeddingTable]:
        """The same, with the coordinates that are output only."""
        shown = [self.shown[t] for t in self.coder.table_of]
        return {
            name: replace(table, vectors=table.vectors[:, :n])
            for (name, table), n in zip(self.tables.items(), shown, strict=True)
        }

    @cached_property
    def crosses(self) -> list[tuple[str, str]]:
        """The pairs of columns that have a statistic; a number stands second."""
        numbers = [self.names[i] for i in self.coder.schema.numeric]
        names = self.categorical + numbers
        pairs = [cross.columns for cross in self.extras.crosses]
        return [(names[a], names[b]) for a, b in pairs]

    @cached_property
    def lookup(self) -> Lookup:
        """What new rows look their features up in."""
        tables = [vectors[None] for vectors in self.vectors]
        return Lookup(tables, self.coder.table_of, self.extras, self.shown)

    @cached_property
    def row_reader(self) -> RowReader:
        """What reads one row fast."""
        return RowReader(self.coder, self.lookup, len(self.outputs), self.passes)

    def of_one_row(self, X: Any, container: str) -> NDArray[np.float64] | None:
        """Return the features of a frame of one row, if all its cells are known."""
        if type(X) is not pd.DataFrame or len(X) != 1 or container != "default":
            return None
        read = self.row_reader.read(X)
        return None if read is None else self.row_reader.features(*read)

    def check_can_go_on(self) -> None:
        """Raise a `NotSavableError` if a file left out what further rows would need."""
        if self.omitted:
            raise NotSavableError(
                "This encoder was loaded from a file that leaves out "
                f"{list(self.omitted)!r}, so that what it learned cannot be learned "
                "further. It transforms; to fit further, go on from the encoder that "
                "was saved, or fit anew."
            )

    def encode(self, frame: pd.DataFrame) -> Codes:
        """Return what the cells of new rows read; warn of what is odd about them.

        Raises
        ------
        ValueError
            If the columns are others than those of fit.
        CategoryError
            If a cell is unknown or missing where that is an error.
        """
        self.coder.schema.check_labels(frame)
        codes, report = self.coder.encode(frame)
        tell(report, self.coder.handle_unknown)
        if len(frame) == 1:
            self.row_reader.remember(frame, codes, report)
        return codes

    def features(
        self,
        X: Any,
        frame: pd.DataFrame,
        codes: Codes,
        container: str,
        *,
        lookup: Lookup | ByFold | None = None,
        fold: int | NDArray[np.int32] = -1,
    ) -> Any:
        """Return the features of rows.

        Parameters
        ----------
        X : any container
            The rows as they were given.
        frame : DataFrame of shape (n_rows, n_columns)
        codes : Codes
        container : {"default", "pandas", "polars"}
        lookup : Lookup, ByFold or None, default=None
            None: what new rows read.
        fold : int or ndarray of shape (n_rows,), default=-1
            The tables of each row.
        """
        lookup = self.lookup if lookup is None else lookup
        schema = self.coder.schema
        numeric = np.empty((len(frame), 0))
        if lookup.reads_numbers:
            numeric = read_numbers(frame, schema, self.names)
        inputs = [self.names[i] for i in self.passed]
        passed = dict(zip(self.passed, inputs, strict=True))
        output = OutputContainer(container, self.outputs, X, frame, schema, passed)
        lookup.write(output.learned, codes, fold, numeric, available_threads())
        return output.finish()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is found again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def fitted(read: Callable[[Learned], Value]) -> Value:
    """Return an attribute of an encoder that is there once it has learned.

    Type checkers see the type of the attribute, not the property that it is.

    Parameters
    ----------
    read : callable
        From what was learned to the attribute.
    """

    def get(encoder: Any) -> Any:
        if "_learned" not in vars(encoder):
            raise AttributeError(
                f"{type(encoder).__name__} has no such attribute before it is fitted."
            )
        return read(encoder._learned)

    return cast(Value, property(get))
