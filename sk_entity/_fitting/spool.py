"""Encoded rows in a temporary file: what does not fit into memory."""

import os
import tempfile
import time
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: Rows of a batch that is read from a file.
READ_ROWS = 65_536


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


def row_dtype(n_categorical: int, n_numeric: int) -> np.dtype[Any]:
    """Return what an encoded row is: the fields of `Rows`."""
    return np.dtype(
        [
            ("codes", np.int32, (n_categorical,)),
            ("numeric", np.float64, (n_numeric,)),
            ("target", np.float64),
            ("weight", np.float64),
            ("fold", np.int32),
        ]
    )


def recoded(
    target: NDArray[np.float64], classes: dict[float, int]
) -> NDArray[np.float64]:
    """Return the class of each target that was written; without any, as they are."""
    if not classes:
        return target
    written = np.asarray(sorted(classes))
    of = np.asarray([classes[value] for value in written.tolist()], dtype=np.float64)
    found: NDArray[np.float64] = of[np.searchsorted(written, target)]
    return found


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
        self.dtype = row_dtype(n_categorical, n_numeric)
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
        rows["target"] = recoded(rows["target"], self._classes)
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
