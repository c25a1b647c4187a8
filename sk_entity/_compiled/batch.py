"""What the compiled code reads, and where it is."""

import ctypes
from importlib import import_module
from types import ModuleType

kernel: ModuleType | None
try:
    kernel = import_module("sk_entity._compiled._kernel")
except ImportError:
    # Built without a compiler: torch and numpy do the same, more slowly.
    kernel = None

#: Layers of a perceptron, at most.
MOST_LAYERS = 8

_int, _float, Pointer = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p


class Batch(ctypes.Structure):
    """What `_batch.h` calls a Batch; pointers may be None."""

    _fields_ = (
        ("n_layers", _int),
        ("size", _int * (MOST_LAYERS + 1)),
        ("matrix", Pointer * MOST_LAYERS),
        ("bias", Pointer * MOST_LAYERS),
        ("skip", Pointer),
        ("skip_bias", Pointer),
        ("loss", _int),
        ("parameter", _float),
        ("scale", _float),
        ("class_weight", Pointer),
        ("n_columns", _int),
        ("n_tables", _int),
        ("n_coordinates", _int),
        ("dim", Pointer),
        ("table", Pointer),
        ("place", Pointer),
        ("code", Pointer),
        ("share", Pointer),
        ("prior", Pointer),
        ("n_rows", _int),
        ("n_numeric", _int),
        ("numeric", Pointer),
        ("target", Pointer),
        ("weight", Pointer),
        ("own_weight", Pointer),
        ("strength", Pointer),
        ("n_views", _int),
        ("own", Pointer),
        ("first", Pointer),
        ("output", Pointer),
        ("gradient", Pointer),
        ("sums", Pointer),
        ("n_sums", _int),
    )
