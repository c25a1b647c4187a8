"""Files, folders and iterables -> frames that come one after the other."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sk_entity._columns import read_frame
from sk_entity._fitting.spool import READ_ROWS
from sk_entity.exceptions import ColumnError


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


def check_rereadable(source: Any) -> None:
    """Raise a `TypeError` if a source can be read only once."""
    if isinstance(source, Iterator):
        raise TypeError(
            "fit_transform_stream reads the source twice, and got a "
            f"{type(source).__name__}, which is empty after the first time. Pass the "
            "path of a Parquet file or folder, a pyarrow Dataset, a list of frames, or "
            "a callable that returns them anew."
        )


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
                        raise ColumnError(
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
            raise ColumnError(
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
                raise ColumnError(
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
