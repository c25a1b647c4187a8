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
_double = ctypes.c_double


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
        ("strength", _float),
        ("n_views", _int),
        ("own", Pointer),
        ("first", Pointer),
        ("part", Pointer),
        ("teaches", Pointer),
        ("output", Pointer),
        ("gradient", Pointer),
        ("sums", Pointer),
        ("n_sums", _int),
    )


class Rows(ctypes.Structure):
    """What `_adam.h` calls Rows."""

    _fields_ = (
        ("width", _int),
        ("n_cells", _int),
        ("n_distinct", _int),
        ("memory", Pointer),
        ("slot", Pointer),
        ("index", Pointer),
        ("place", Pointer),
        ("row", Pointer),
        ("weight", Pointer),
        ("gradient", Pointer),
        ("reach", Pointer),
        ("decay", Pointer),
        ("powers", Pointer),
        ("n_powers", _int),
        ("steps", _int),
        ("rate", _float),
        ("share_1", _float),
        ("share_2", _float),
        ("keep_2", _float),
        ("eps", _float),
        ("late_eps", _float),
    )


class Part(ctypes.Structure):
    """What `_adam.h` calls a Part."""

    _fields_ = (
        ("n", _int),
        ("weight", Pointer),
        ("gradient", Pointer),
        ("mean", Pointer),
        ("square", Pointer),
        ("step", Pointer),
        ("lr", _double),
        ("beta_1", _double),
        ("beta_2", _double),
        ("eps", _double),
        ("decay", _double),
        ("rate", _double),
        ("root", _double),
    )
