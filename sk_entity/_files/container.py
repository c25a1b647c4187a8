"""One file: arrays in safetensors, a JSON document beside them, and a checksum.

The format is that of https://github.com/huggingface/safetensors: eight bytes with the
length of a JSON header, the header (name, dtype, shape and place of each array), the
arrays. Our document is a string in the header's metadata.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from sk_entity._version import __version__
from sk_entity.exceptions import SavedFileError

#: What is written; a change that older code cannot read raises it.
FORMAT = 2
_DOCUMENT, _CHECKSUM = "sk_entity", "sha256"
#: Bytes before the header, and the longest header that safetensors reads.
_PREFIX = 8
_LONGEST_HEADER = 100_000_000

Arrays = Mapping[str, NDArray[Any]]


def pack(kind: str, document: Mapping[str, Any], arrays: Arrays) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    kind : str
        What the file holds.
    document : dict
        What JSON holds.
    arrays : dict of str to ndarray
    """
    head = {"format": FORMAT, "kind": kind, "version": __version__}
    text = json.dumps({**head, **document}, allow_nan=False, separators=(",", ":"))
    metadata = {_DOCUMENT: text, _CHECKSUM: _checksum(text, arrays)}
    return bytes(save_arrays(dict(arrays), metadata=metadata))


def unpack(data: bytes, kind: str) -> tuple[dict[str, Any], Arrays]:
    """Return the document and the arrays of a file's bytes.

    Raises
    ------
    SavedFileError
        If the bytes are not a whole file of this kind and format.
    """
    text, checksum = _metadata(data)
    try:
        arrays = load_arrays(data)
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise SavedFileError(f"Its arrays cannot be read: {error}.") from error
    if _checksum(text, arrays) != checksum:
        raise SavedFileError("Its checksum is not that of its contents.")
    document = _json(text)
    if not isinstance(document, dict):
        raise SavedFileError("It holds no document of sk-entity.")
    found = document.get("format")
    if type(found) is not int or not 1 <= found <= FORMAT:
        raise SavedFileError(
            f"It has format {found!r}, written by sk-entity "
            f"{document.get('version')!r}; this version reads formats 1 to {FORMAT}. "
            "Install that version or a later one."
        )
    if document.get("kind") != kind:
        raise SavedFileError(f"It holds {document.get('kind')!r}, not {kind!r}.")
    return document, arrays


def write(path: "str | os.PathLike[str]", data: bytes) -> None:
    """Write a file at once: whoever reads it finds the old one or the new one.

    A temporary file in the same folder is written, flushed to the disk and renamed.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def read(path: "str | os.PathLike[str]", kind: str) -> tuple[dict[str, Any], Arrays]:
    """Return the document and the arrays of a file; see `unpack`."""
    data = Path(path).read_bytes()
    try:
        return unpack(data, kind)
    except SavedFileError as error:
        raise SavedFileError(f"{str(path)!r} cannot be loaded. {error}") from error


def _mode(path: Path) -> int:
    """Return the permissions of a new file, or of the one that it replaces."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Write the new name to the disk, where folders can be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _checksum(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name}|{array.dtype.str}|{array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _metadata(data: bytes) -> tuple[str, str]:
    """Return the document's text and the checksum, as the header has them."""
    length = int.from_bytes(data[:_PREFIX], "little")
    if len(data) < _PREFIX or length > min(len(data) - _PREFIX, _LONGEST_HEADER):
        raise SavedFileError("It is cut short, or no file of sk-entity.")
    try:
        header = data[_PREFIX : _PREFIX + length].decode()
    except UnicodeDecodeError as error:
        raise SavedFileError("Its header is no text.") from error
    found = _json(header)
    metadata = found.get("__metadata__") if isinstance(found, dict) else None
    if not isinstance(metadata, dict):
        raise SavedFileError("It was not written by sk-entity.")
    text, checksum = metadata.get(_DOCUMENT), metadata.get(_CHECKSUM)
    if not isinstance(text, str) or not isinstance(checksum, str):
        raise SavedFileError("It was not written by sk-entity.")
    return text, checksum


def _json(text: str) -> Any:
    """Read JSON without what JSON does not say: NaN, and names that come twice."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"Its JSON cannot be read: {error}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
