"""Frames that come one after the other -> encoded rows on disk."""

import os
import tempfile
import time
from _thread import start_new_thread
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Hashing
from sk_entity._columns import read_frame, read_labels
from sk_entity._validation import MOST_INTEGER_CLASSES, warn_if_numbers
from sk_entity.exceptions import ColumnError

#: Rows of a batch that is read from a file.
READ_ROWS = 65_536
#: Rows by which crosses are chosen, and whose statistics are taken at a time.
SAMPLE_ROWS = 500_000
#: Cells of a cross that are kept: the number of different pairs can grow with the rows.
MOST_CELLS = 500_000


class OwnFile:
    """A temporary file that is closed whenever an interrupt comes.

    Signals are handled in the main thread, where an interrupt between two steps of the
    opening would lose the file: another thread opens it, and the later of the two
    closes it.
    """

    _file: IO[bytes] | None = None
    _error: Exception | None = None
    _opening = _left = False

    def open(self) -> IO[bytes]:
        """Return the file, new and empty."""
        self._opening = True
        start_new_thread(self._open, ())
        while self._opening:
            time.sleep(1e-4)  # a lock that an interrupt tears would stay locked
        if self._error is not None:
            raise self._error
        assert self._file is not None
        return self._file

    def _open(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="sk_entity_")  # noqa: SIM115
            if self._left:
                self._file.close()
        except Exception as error:
            self._error = error
        finally:
            self._opening = False

    def close(self) -> None:
        """Delete the file, for good; what a full disk did not take is lost anyway."""
        self._left = True
        # An interrupt may have come before the thread began: do not wait for ever.
        end = time.monotonic() + 1
        while self._opening and time.monotonic() < end:
            time.sleep(1e-4)
        self._opening = False
        self.__del__()

    def __del__(self) -> None:
        # In time for an interrupt that comes as the owner's ``__exit__`` begins.
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


class Spool:
    """Encoded rows in a file, written once and read a block at a time.

    Parameters
    ----------
    file : binary file
        Empty, to be read and written; whoever opened it closes it.
    n_categorical, n_numeric : int

    Attributes
    ----------
    dtype : dtype
        Of a row: ``codes`` (int32), ``numeric`` (float64), ``target`` (float64),
        ``weight`` (float64), ``fold`` (int32).
    """

    def __init__(self, file: IO[bytes], n_categorical: int, n_numeric: int) -> None:
        self._file = file
        self.dtype = np.dtype(
            [
                ("codes", np.int32, (n_categorical,)),
                ("numeric", np.float64, (n_numeric,)),
                ("target", np.float64),
                ("weight", np.float64),
                ("fold", np.int32),
            ]
        )
        self._codes: list[NDArray[np.int32]] | None = None
        self._classes: dict[float, int] = {}
        self._n_rows = 0

    def __len__(self) -> int:
        return self._n_rows

    def append(self, **columns: NDArray[Any]) -> None:
        """Write rows at the end."""
        rows = np.empty(len(columns["target"]), dtype=self.dtype)
        for name, values in columns.items():
            rows[name] = values
        self._file.seek(0, os.SEEK_END)
        self._file.write(rows.tobytes())
        self._n_rows += len(rows)

    def read(self, start: int, n_rows: int) -> NDArray[Any]:
        """Return rows ``start`` to ``start + n_rows``, fewer at the end."""
        n_rows = min(n_rows, self._n_rows - start)
        self._file.seek(start * self.dtype.itemsize)
        data = self._file.read(n_rows * self.dtype.itemsize)
        rows = np.frombuffer(data, dtype=self.dtype)
        if self._codes is None:
            return rows
        rows = rows.copy()
        for j, code in enumerate(self._codes):
            rows["codes"][:, j] = code[rows["codes"][:, j]]
        if self._classes:
            written = np.asarray(sorted(self._classes))
            place = np.searchsorted(written, rows["target"])
            of = np.asarray([self._classes[value] for value in written.tolist()])
            rows["target"] = of[place]
        return rows

    def recode(self, codes: list[NDArray[np.int32]], classes: dict[float, int]) -> None:
        """Change what is read from now on: codes anew, and classes for targets.

        Parameters
        ----------
        codes : list of ndarray of int32
            Of each column: the new code of each one that was written.
        classes : dict of float to int
            The class of each target that was written; empty: targets stay.
        """
        self._codes = codes
        self._classes = classes

    def blocks(self, n_rows: int = READ_ROWS) -> Iterator[NDArray[Any]]:
        """Return all rows in order, a block at a time."""
        for start in range(0, self._n_rows, n_rows):
            yield self.read(start, n_rows)

    def sample(self, most: int) -> NDArray[Any]:
        """Return at most ``most`` rows, evenly spread."""
        step = -(-self._n_rows // most)
        parts, start = [], 0
        for block in self.blocks():
            parts.append(block[(-start) % step :: step].copy())
            start += len(block)
        return np.concatenate(parts)


class TargetLog:
    """What the targets of all batches are, for they come one batch at a time.

    Parameters
    ----------
    most_classes : int
        Different integers beyond which they are hardly class labels.
    numbers : bool
        Whether the loss is one of numbers, whatever they look like.
    """

    def __init__(self, most_classes: int, numbers: bool) -> None:
        self._most = most_classes
        self._numbers = numbers
        self.extremes = np.asarray([np.inf, -np.inf])
        self._seen: set[Any] = set()
        self._labels: dict[Any, int] = {}
        self._kinds: set[str] = set()

    def encode(self, y: pd.Series) -> NDArray[np.float64]:
        """Return numbers as they are, and the number of each other label."""
        values = read_labels(y, f"column {y.name!r}")
        missing = pd.isna(values)
        if missing.any():
            raise ValueError(
                f"Input y contains NaN: {int(missing.sum())} targets of column "
                f"{y.name!r} are missing. Drop these rows or impute the target."
            )
        if self._numbers and values.dtype.kind == "b":
            values = values.astype(np.float64)
        kind = values.dtype.kind
        self._kinds.add("b" if kind == "b" else kind if kind in "iuf" else "O")
        if kind in "iuf":
            if kind == "f" and np.isinf(values).any():
                raise ValueError(f"Input y contains infinity: column {y.name!r}.")
            lowest, highest = self.extremes
            self.extremes = np.asarray(
                [min(lowest, values.min()), max(highest, values.max())], dtype=float
            )
            if len(self._seen) <= self._most:
                self._seen.update(np.unique(values).tolist())
            return np.asarray(values, dtype=np.float64)
        code, uniques = pd.factorize(values)
        for label in uniques:
            self._labels.setdefault(label, len(self._labels))
        return np.asarray([self._labels[u] for u in uniques], dtype=np.float64)[code]

    def finish(self) -> tuple[str, NDArray[Any] | None, dict[float, int]]:
        """Return the kind of target, its classes, and each spooled value's class.

        By the rules of an array in memory.

        Raises
        ------
        ValueError
            If batches disagree, or integers are too many for classes.
        """
        if len({self._type(kind) for kind in self._kinds}) > 1:
            raise ValueError(
                "The target is of several types: a number in some batches and a label "
                "in others, or labels of several types: "
                f"{[*sorted(self._seen)[:3], *self._labels][:5]!r}."
            )
        if self._labels and self._seen:
            raise ValueError(
                "The target is a number in some batches and a label in others: "
                f"{sorted(self._seen)[:3]!r} and {list(self._labels)[:3]!r}."
            )
        if self._numbers:
            if self._labels:
                raise ValueError(
                    f"The loss is one of numbers, but the target holds labels: "
                    f"{list(self._labels)[:3]!r}."
                )
            return "continuous", None, {}
        if self._labels:
            classes = np.unique(np.asarray(list(self._labels)))
            warn_if_numbers(classes)
            of = {float(self._labels[c]): k for k, c in enumerate(classes.tolist())}
            return _kind(len(classes)), classes, of
        whole = "f" not in self._kinds
        if len(self._seen) > 2 and not whole:
            return "continuous", None, {}
        if len(self._seen) > self._most:
            raise ValueError(
                f"y holds more than {self._most} different integers, which would be as "
                "many classes. For a regression make them floats; for classes strings."
            )
        classes = np.asarray(sorted(self._seen))
        if whole:
            classes = classes.astype(np.int64)
        warn_if_numbers(classes)
        return (
            _kind(len(classes)),
            classes,
            {float(c): k for k, c in enumerate(classes)},
        )

    @staticmethod
    def _type(kind: str) -> str:
        return "number" if kind in "iuf" else kind


def _kind(n_classes: int) -> str:
    return "binary" if n_classes <= 2 else "multiclass"


def frames_of(source: Any) -> Iterator[tuple[pd.DataFrame, str]]:
    """Return the frames of a source, one after the other, and where each is from.

    Parameters
    ----------
    source : str, Path, pyarrow Dataset, iterable of frames, or callable
        A Parquet file or a folder of them, with hive partitions or without; or frames
        (pandas, polars, pyarrow), or a callable that returns them.
    """
    if isinstance(source, (str, Path)):
        source = _parquet_batches(source)
    if callable(source):
        source = source()
    if hasattr(source, "to_batches") and hasattr(source, "schema"):
        source = source.to_batches(
            batch_size=READ_ROWS, batch_readahead=1, fragment_readahead=1
        )
    if not isinstance(source, Iterable) or read_frame(source) is not None:
        raise TypeError(
            f"fit_stream got a {type(source).__name__}: pass the path of a Parquet "
            "file or folder, a pyarrow Dataset, or an iterable of frames. For one "
            "frame use fit."
        )
    for number, batch in enumerate(source, start=1):
        batch, place = batch if isinstance(batch, tuple) else (batch, f"batch {number}")
        frame = read_frame(batch)
        if frame is None:
            raise TypeError(
                f"fit_stream got a batch of type {type(batch).__name__}: each must be "
                "a frame with the target among its columns."
            )
        if len(frame):
            yield frame, place


def _parquet_batches(path: str | Path) -> Iterator[tuple[Any, str]]:
    """Return batches of a file, or of all files of a folder, in the types of all.

    A dataset's own batches, and a file's with ``pre_buffer``, hold what was read ahead,
    more and more of it as the file is read.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    dataset = ds.dataset(path, format="parquet", partitioning="hive")
    fragments = list(dataset.get_fragments())
    schema = _agreed(dataset, fragments)
    for fragment in fragments:
        keys = ds.get_partition_keys(fragment.partition_expression)
        with pq.ParquetFile(fragment.path, pre_buffer=False) as file:
            for batch in file.iter_batches(READ_ROWS):
                columns = []
                for field in schema:
                    if field.name in keys:
                        value = pa.scalar(keys[field.name])
                        columns.append(pa.repeat(value, len(batch)).cast(field.type))
                        continue
                    try:
                        columns.append(batch.column(field.name).cast(field.type))
                    except (KeyError, pa.ArrowException) as error:
                        raise FileError(
                            f"{fragment.path}: column {field.name!r} is not there or "
                            f"not of type {field.type}, as in other files: {error}."
                        ) from error
                yield pa.table(columns, names=schema.names), str(fragment.path)


def _agreed(dataset: Any, fragments: list[Any]) -> Any:
    """Return the columns of all files in types that hold the values of each.

    Raises
    ------
    ColumnError
        If a column has types in two files that no type holds.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    partitions = {
        name
        for fragment in fragments
        for name in ds.get_partition_keys(fragment.partition_expression)
    }
    schema = pa.schema([f for f in dataset.schema if f.name in partitions])
    for fragment in fragments:
        own = fragment.physical_schema.remove_metadata()
        own = pa.schema([_decoded(f) for f in own if f.name not in partitions])
        try:
            schema = pa.unify_schemas(
                [own, schema.remove_metadata()], promote_options="permissive"
            )
        except pa.ArrowException as error:
            raise FileError(
                f"{fragment.path}: a column has another type than in the files before: "
                f"{error}. Write all files with one type a column."
            ) from error
        _refuse_rounding(own, schema, fragments, fragment)
    return schema


def _decoded(field: Any) -> Any:
    """Return a dictionary's field as one of its values: dictionaries differ by file."""
    import pyarrow.types as pt

    is_dictionary = pt.is_dictionary(field.type)
    return field.with_type(field.type.value_type) if is_dictionary else field


def _refuse_rounding(own: Any, agreed: Any, fragments: list[Any], here: Any) -> None:
    """Raise a `ColumnError` if 64-bit whole numbers would be read as floats."""
    import pyarrow.types as pt

    for field in agreed:
        if not pt.is_floating(field.type):
            continue
        for fragment in fragments[: fragments.index(here) + 1]:
            names = fragment.physical_schema.names
            if field.name not in names:
                continue
            kind = fragment.physical_schema.field(field.name).type
            if pt.is_integer(kind) and kind.bit_width == 64:
                raise FileError(
                    f"{here.path}: column {field.name!r} is of {field.type} in one "
                    f"file and of {kind} in {fragment.path}, which floats would round. "
                    "Write all files with one type, integers with nulls where cells "
                    "are missing."
                )


def take_column(frame: pd.DataFrame, name: str, what: str) -> pd.Series:
    """Return a column by name; raise a `ColumnError` if it is not there."""
    if name not in frame.columns:
        raise ColumnError(
            f"fit_stream(..., {what}={name!r}): a batch has no such column. Its "
            f"columns are {list(frame.columns)[:20]!r}."
        )
    return frame[name]


class FileError(ColumnError):
    """A `ColumnError` that names its file."""


class StreamReader:
    """Splits batches into inputs, target, weight and fold, and spools them.

    Parameters
    ----------
    target : str
    sample_weight, groups : str or None
        Columns.
    n_folds : int
        0: no folds.
    seed : int
        Draws the folds.
    numbers : bool
        Whether the loss is one of numbers.

    Attributes
    ----------
    spool : Spool
    weight : float
        Of all rows.
    place : str
        Where the batch at hand is from.
    """

    def __init__(
        self,
        target: str,
        sample_weight: str | None,
        groups: str | None,
        n_folds: int,
        seed: int,
        *,
        numbers: bool,
    ) -> None:
        self._names = (target, sample_weight, groups)
        self._n_folds, self._seed = n_folds, seed
        self._generator = np.random.default_rng(seed)
        self._log = TargetLog(MOST_INTEGER_CLASSES, numbers)
        self._file = OwnFile()
        self.weight = 0.0
        self.place = "the source"

    def __enter__(self) -> "StreamReader":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._file.close()
        finally:  # again, if an interrupt came
            self._file.close()

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Say in errors from which batch they are."""
        try:
            yield
        except (ValueError, TypeError) as error:
            if isinstance(error, FileError):
                raise
            kind = type(error)
            if kind.__module__.split(".")[0] not in ("builtins", "sk_entity"):
                kind = ValueError
            raise kind(f"In {self.place}: {error}") from error

    def open(self, n_categorical: int, n_numeric: int) -> None:
        """Make the spool."""
        self.spool = Spool(self._file.open(), n_categorical, n_numeric)

    def batches(self, source: Any) -> Iterator[tuple[pd.DataFrame, Any]]:
        """Return the inputs and weights of each batch."""
        target, sample_weight, groups = self._names
        for frame, self.place in frames_of(source):
            self._target = self._log.encode(take_column(frame, target, "target"))
            self._fold = self._folds(frame, groups)
            weight = None
            if sample_weight is not None:
                weight = take_column(frame, sample_weight, "sample_weight")
            names = [name for name in self._names if name is not None]
            yield frame.drop(columns=names), weight

    def _folds(self, frame: pd.DataFrame, groups: str | None) -> NDArray[np.int64]:
        if not self._n_folds:
            return np.zeros(len(frame), dtype=np.int64)
        if groups is None:
            return self._generator.integers(self._n_folds, size=len(frame))
        # A group has the same fold in every batch.
        column = take_column(frame, groups, "groups")
        buckets = Hashing(self._n_folds, self._seed).buckets(column)
        return buckets.fillna(0).to_numpy(dtype=np.int64)

    def write(
        self,
        codes: NDArray[np.int32],
        numeric: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> None:
        """Spool the batch that was returned last."""
        self.weight += float(weight.sum())
        self.spool.append(
            codes=codes,
            numeric=numeric,
            target=self._target,
            weight=weight,
            fold=self._fold,
        )

    def finish(
        self, numbers: list[NDArray[np.int32]]
    ) -> tuple[str, NDArray[Any] | None, NDArray[np.float64]]:
        """Give codes and classes anew; return what is known of the target.

        Its kind, its classes, and its smallest and largest number.
        """
        kind, classes, of = self._log.finish()
        self.spool.recode(numbers, of)
        return kind, classes, self._log.extremes
