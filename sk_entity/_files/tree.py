"""Frozen dataclasses <-> JSON and arrays, by the types that their fields declare."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._files.values import (
    NotPlain,
    pack_dtype,
    pack_scalar,
    pack_text,
    unpack_dtype,
    unpack_scalar,
    unpack_text,
)
from sk_entity.exceptions import SavedFileError

#: Classes of a file by the name that it calls them.
Classes = Mapping[str, type]


def require(condition: Any, what: str) -> None:
    """Raise a `SavedFileError` if a loaded state contradicts itself."""
    if not condition:
        raise SavedFileError(f"It contradicts itself: {what}.")


class Packer:
    """Collects the arrays of a state; what is no array becomes JSON.

    Parameters
    ----------
    classes : dict of str to type
        The dataclasses and enums that a file may hold.

    Attributes
    ----------
    arrays : dict of str to ndarray
    """

    def __init__(self, classes: Classes) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self._names = {cls: name for name, cls in classes.items()}
        self._kept: dict[int, tuple[Any, Any]] = {}

    def pack(self, value: Any) -> Any:
        """Return what JSON holds for a value.

        Raises
        ------
        NotPlain
            If it is code, or of a type that a file does not hold.
        """
        if isinstance(value, (np.ndarray, pd.Index)):
            # What several fields share is written once.
            if id(value) not in self._kept:
                packed = (
                    self._array(value)
                    if isinstance(value, np.ndarray)
                    else self._index(value)
                )
                self._kept[id(value)] = (value, packed)
            return self._kept[id(value)][1]
        if isinstance(value, Enum) and type(value) in self._names:
            return {"$enum": [self._names[type(value)], value.value]}
        if is_dataclass(value) and type(value) in self._names:
            return {"$class": [self._names[type(value)], self._fields(value)]}
        if isinstance(value, tuple) and type(value) is tuple:
            return {"$tuple": [self.pack(x) for x in value]}
        if isinstance(value, list):
            return [self.pack(x) for x in value]
        if isinstance(value, Mapping):
            return {"$dict": [[self.pack(k), self.pack(v)] for k, v in value.items()]}
        if isinstance(value, pd.DataFrame):
            return {"$frame": self._frame(value)}
        if isinstance(value, pd.CategoricalDtype):
            levels = [self._index(value.categories), bool(value.ordered)]
            return {"$category": levels}
        if isinstance(value, (np.dtype, pd.api.extensions.ExtensionDtype)):
            return {"$dtype": pack_dtype(value)}
        return pack_scalar(value)

    def _fields(self, value: Any) -> dict[str, Any]:
        return {
            field.name: self.pack(getattr(value, field.name))
            for field in fields(value)
            if not field.metadata.get("left_out")
        }

    def _add(self, array: NDArray[Any]) -> str:
        name = f"array{len(self.arrays)}"
        array = np.asarray(array, order="C")
        self.arrays[name] = array.astype(array.dtype.newbyteorder("<"), copy=False)
        return name

    def _array(self, array: NDArray[Any]) -> Any:
        if array.dtype.kind in "iufb" and array.dtype.itemsize <= 8:
            return {"$array": self._add(array)}
        if array.ndim != 1 or array.dtype.kind not in "OU":
            raise NotPlain(f"an array of {array.dtype} cannot be in a file")
        dtype = array.dtype.str if array.dtype.kind == "U" else "object"
        return {"$values": [dtype, self._cells(array.tolist())]}

    def _index(self, index: pd.Index) -> Any:
        if isinstance(index.dtype, np.dtype) and index.dtype.kind in "iufb":
            return {"$index": self._add(index.to_numpy())}
        return {"$labels": self._cells(index.tolist())}

    def _cells(self, cells: list[Any]) -> Any:
        """Return a list of values: in bulk if all are text, else one by one."""
        if cells and all(type(cell) is str for cell in cells):
            data, lengths = pack_text(cells)
            return {"$text": [self._add(data), self._add(lengths)]}
        return [self.pack(cell) for cell in cells]

    def _frame(self, frame: pd.DataFrame) -> Any:
        plain = isinstance(frame.index, pd.RangeIndex)
        columns = [
            [self.pack(name), self._array(column.to_numpy())]
            for name, column in frame.items()
        ]
        return [None if plain else self.pack(frame.index), columns]


class Unpacker:
    """Makes a state of JSON and arrays, and holds it against its types.

    Parameters
    ----------
    classes : dict of str to type
    arrays : dict of str to ndarray
    """

    def __init__(self, classes: Classes, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._classes, self._arrays = classes, arrays
        self._kept: dict[str, Any] = {}

    def unpack(self, packed: Any, kind: Any = Any) -> Any:
        """Return the value that JSON stands for.

        Parameters
        ----------
        packed : Any
        kind : type or generic alias, default=Any
            What it must be.

        Raises
        ------
        SavedFileError
            If it is something else, or nothing that a file holds.
        """
        value = self._value(packed)
        if not matches(value, kind):
            raise SavedFileError(f"It holds a {type(value).__name__} for a {kind}.")
        return value

    def _value(self, packed: Any) -> Any:
        if isinstance(packed, list):
            return [self._value(x) for x in packed]
        if not isinstance(packed, dict):
            return packed
        if len(packed) != 1:
            raise SavedFileError("It holds a value of two types.")
        ((tag, inner),) = packed.items()
        special = getattr(self, f"_{tag[1:]}", None) if tag in _TAGS else None
        return unpack_scalar(tag, inner) if special is None else special(inner)

    def _class(self, inner: Any) -> Any:
        name, given = _pair(inner)
        cls = self._classes.get(name) if isinstance(name, str) else None
        if cls is None or not is_dataclass(cls) or not isinstance(given, dict):
            raise SavedFileError(f"It holds a {name!r:.80}, which is not known.")
        hints, values = _hints(cls), {}
        names = {f.name for f in fields(cls) if not f.metadata.get("left_out")}
        if set(given) != names:
            raise SavedFileError(f"It holds a {name} of other fields.")
        for field, inside in given.items():
            values[field] = self.unpack(inside, hints[field])
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise SavedFileError(f"It holds a wrong {name}: {error}") from error

    def _enum(self, inner: Any) -> Any:
        name, value = _pair(inner)
        cls: Any = self._classes.get(name) if isinstance(name, str) else None
        try:
            return cls(value)
        except (TypeError, ValueError) as error:
            raise SavedFileError(f"It holds {inner!r:.80}.") from error

    def _tuple(self, inner: Any) -> Any:
        return tuple(self._value(x) for x in _list(inner))

    def _dict(self, inner: Any) -> Any:
        pairs = [_pair(x) for x in _list(inner)]
        try:
            found = {self._value(k): self._value(v) for k, v in pairs}
        except TypeError as error:
            raise SavedFileError("It holds a dict whose keys are none.") from error
        require(len(found) == len(pairs), "a key comes twice")
        return found

    def _array(self, inner: Any) -> NDArray[Any]:
        found = self._arrays.get(inner) if isinstance(inner, str) else None
        if found is None:
            raise SavedFileError(f"It lacks the array {inner!r:.80}.")
        return found

    def _values(self, inner: Any) -> NDArray[Any]:
        name, cells = _pair(inner)
        found = _objects(self._cells(cells))
        if name == "object":
            return found
        dtype = unpack_dtype(name)
        texts = all(isinstance(x, str) for x in found)
        require(dtype.kind == "U" and texts, "text that is none")
        fits = max(map(len, found), default=1) <= dtype.itemsize // 4
        require(fits and dtype.itemsize // 4 <= max(map(len, found), default=1), "text")
        return found.astype(dtype)

    def _index(self, inner: Any) -> pd.Index:
        array = self._array(inner)
        require(array.ndim == 1, "an index of several dimensions")
        index: pd.Index = self._shared(f"index {inner}", lambda: pd.Index(array))
        return index

    def _labels(self, inner: Any) -> pd.Index:
        index: pd.Index = pd.Index(_objects(self._cells(inner)), dtype=object)
        return index

    def _cells(self, inner: Any) -> list[Any]:
        if not isinstance(inner, dict):
            return [self._value(x) for x in _list(inner)]
        require(list(inner) == ["$text"], "values that are no list")
        data, lengths = _pair(inner["$text"])
        key = f"text {data} {lengths}"
        texts = self._array(data), self._array(lengths)
        found: list[Any] = self._shared(key, lambda: unpack_text(*texts))
        return found

    def _shared(self, key: str, make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _frame(self, inner: Any) -> pd.DataFrame:
        index, columns = _pair(inner)
        pairs = [_pair(column) for column in _list(columns)]
        names = [self._value(name) for name, _ in pairs]
        found = [self.unpack(column, np.ndarray) for _, column in pairs]
        lengths = {array.shape for array in found}
        require(all(len(shape) == 1 for shape in lengths), "a column of a frame")
        require(len(lengths) <= 1, "columns of a frame differ in length")
        frame = pd.DataFrame(dict(enumerate(found)))
        frame.columns = pd.Index(names)
        if index is not None:
            labels = self.unpack(index, pd.Index)
            require(len(labels) == len(frame), "a frame and its index")
            frame.index = labels
        return frame

    def _category(self, inner: Any) -> Any:
        levels, ordered = _pair(inner)
        require(type(ordered) is bool, "an order that is none")
        try:
            return pd.CategoricalDtype(self.unpack(levels, pd.Index), ordered)
        except (TypeError, ValueError) as error:
            raise SavedFileError(f"It holds wrong levels: {error}.") from error

    def _dtype(self, inner: Any) -> Any:
        return unpack_dtype(inner)


#: What the methods of `Unpacker` read; other tags are those of single values.
_TAGS = frozenset(
    {
        "$array",
        "$category",
        "$class",
        "$dict",
        "$dtype",
        "$enum",
        "$frame",
        "$index",
        "$labels",
        "$tuple",
        "$values",
    }
)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise SavedFileError("It holds something else for a list.")
    return value


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise SavedFileError("It holds something else for a pair.")
    return value[0], value[1]


def _objects(cells: list[Any]) -> NDArray[Any]:
    found = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):  # at once, NumPy would look into tuples
        found[i] = cell
    return found


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def matches(value: Any, kind: Any) -> bool:
    """Whether a value is of a declared type; numbers may be whole where they are real.

    >>> matches([1], list[int]), matches(True, int), matches((1, ""), tuple[int, str])
    (True, False, True)
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(matches(value, one) for one in inside)
    if origin is np.ndarray:
        (dtype,) = get_args(inside[1])
        is_array = isinstance(value, np.ndarray)
        return is_array and (dtype is Any or value.dtype == np.dtype(dtype))
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(inside) == 2 and inside[1] is Ellipsis:
            return all(matches(x, inside[0]) for x in value)
        pairs = zip(value, inside, strict=False)
        return len(value) == len(inside) and all(matches(x, k) for x, k in pairs)
    if origin is list:
        return isinstance(value, list) and all(matches(x, inside[0]) for x in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            matches(k, inside[0]) and matches(v, inside[1]) for k, v in value.items()
        )
    if kind in (int, bool, str):
        return type(value) is kind
    if kind is float:
        return type(value) in (int, float)
    if kind is type(None) or kind is None:
        return value is None
    return isinstance(value, origin or kind)
