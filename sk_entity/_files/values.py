"""Python values <-> arrays and JSON that keep their types: 1, 1.0, True and "1"."""

import base64
import datetime
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity.exceptions import SavedFileError

#: dtypes that their names stand for; columns of others are objects after loading.
_NAMED = re.compile(
    r"bool|object|str|string|boolean|u?int(8|16|32|64)|U?Int(8|16|32|64)"
    r"|float(16|32|64)|Float(32|64)|complex(64|128)|<U[0-9]{1,9}"
    r"|(datetime64|timedelta64)\[(s|ms|us|ns)\]"
    r"|(bool|u?int(8|16|32|64)|float|double|halffloat|string|large_string|binary"
    r"|date32\[day\])\[pyarrow\]"
)
_DECIMAL = re.compile(r"decimal(128|256)\(([0-9]{1,2}), (-?[0-9]{1,2})\)\[pyarrow\]")


class NotPlain(ValueError):
    """A value that is code, or of a type that a file does not hold."""


def pack_scalar(value: Any) -> Any:
    """Return what JSON holds for one value; tags say what JSON has no type for."""
    if isinstance(value, np.generic) and not isinstance(
        value, (np.datetime64, np.timedelta64)
    ):
        value = value.item()
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if np.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, str):
        return str(value)
    if value is pd.NA or value is pd.NaT:
        return {"$missing": str(value)}
    if kind is Decimal:
        return {"$decimal": str(value)}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Path):
        return {"$path": str(value)}
    if kind is pd.Timestamp and value.tz is None:
        return {"$timestamp": [value.asm8.view(np.int64).item(), value.unit]}
    if kind is pd.Timedelta:
        return {"$timedelta": [value.asm8.view(np.int64).item(), value.unit]}
    if kind in (datetime.date, datetime.datetime) and not getattr(value, "tzinfo", 0):
        return {f"${kind.__name__}": value.isoformat()}
    raise NotPlain(
        f"{value!r} is a {kind.__name__}, which a file without code cannot hold"
    )


def unpack_scalar(tag: str, packed: Any) -> Any:
    """Return the value of a tag and what stands behind it."""
    try:
        return _UNPACK[tag](packed)
    except (KeyError, ValueError, TypeError, ArithmeticError, OverflowError) as error:
        raise SavedFileError(f"It holds {packed!r:.80}, which is no {tag}.") from error


def _constant(packed: Any) -> Any:
    return {"<NA>": pd.NA, "NaT": pd.NaT}[packed]


def _number(packed: Any) -> float:
    return {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}[packed]


def _of_type(kind: type, make: Any) -> Any:
    def checked(packed: Any) -> Any:
        if type(packed) is not kind:
            raise TypeError(packed)
        return make(packed)

    return checked


def _moment(numpy_type: Any, make: Any) -> Any:
    def made(packed: Any) -> Any:
        count, unit = packed
        if type(count) is not int or unit not in ("s", "ms", "us", "ns"):
            raise ValueError(packed)
        return make(numpy_type(count, unit))

    return made


def _bytes(packed: str) -> bytes:
    return base64.b64decode(packed.encode("ascii"), validate=True)


_UNPACK: dict[str, Any] = {
    "$float": _number,
    "$missing": _constant,
    "$decimal": _of_type(str, Decimal),
    "$bytes": _of_type(str, _bytes),
    "$path": _of_type(str, Path),
    "$timestamp": _moment(np.datetime64, pd.Timestamp),
    "$timedelta": _moment(np.timedelta64, pd.Timedelta),
    "$date": _of_type(str, datetime.date.fromisoformat),
    "$datetime": _of_type(str, datetime.datetime.fromisoformat),
}


def pack_dtype(dtype: Any) -> str:
    """Return the name of a dtype, or "object" where no name stands for it."""
    name = str(dtype)
    known = _NAMED.fullmatch(name) or _DECIMAL.fullmatch(name)
    return name if known else "object"


def unpack_dtype(name: Any) -> Any:
    """Return the dtype of a name."""
    if not isinstance(name, str):
        raise SavedFileError(f"It holds {name!r:.80}, which is no dtype.")
    decimal = _DECIMAL.fullmatch(name)
    if not (decimal or _NAMED.fullmatch(name)):
        raise SavedFileError(f"It holds the dtype {name!r:.80}, which is not known.")
    try:
        if decimal is None:
            return pd.api.types.pandas_dtype(name)
        import pyarrow as pa

        width, precision, scale = decimal.groups()
        make = pa.decimal128 if width == "128" else pa.decimal256
        return pd.ArrowDtype(make(int(precision), int(scale)))
    except ImportError:  # without pyarrow its columns are objects
        return np.dtype(object)
    except (TypeError, ValueError) as error:
        raise SavedFileError(f"It holds the dtype {name!r:.80}: {error}.") from error


def pack_text(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of all texts, and the length of each."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    return np.frombuffer(b"".join(parts), dtype=np.uint8), lengths


def unpack_text(data: NDArray[Any], lengths: NDArray[Any]) -> list[str]:
    """Return texts from their bytes and lengths."""
    whole = data.dtype == np.uint8 and lengths.dtype == np.int64
    if not whole or data.ndim != 1 or lengths.ndim != 1:
        raise SavedFileError("It holds text that is not bytes and lengths.")
    if (lengths < 0).any() or (lengths > len(data)).any():
        raise SavedFileError("It holds text of impossible lengths.")
    ends = lengths.cumsum()
    if (ends[-1] if len(ends) else 0) != len(data):
        raise SavedFileError("It holds text whose lengths do not add up.")
    raw, starts = data.tobytes(), ends - lengths
    try:
        return [
            raw[start:end].decode("utf-8", "surrogatepass")
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
    except UnicodeDecodeError as error:
        raise SavedFileError("It holds bytes that are no text.") from error
