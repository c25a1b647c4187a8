"""The door to scikit-learn: checks of what comes in, by its rules.

The only module that imports scikit-learn's private helpers.
"""

from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import (
    _check_feature_names,
    _check_feature_names_in,
    _check_n_features,
    _check_sample_weight,
)

from sk_entity._columns import Header, exact_floats, read_frame, read_series
from sk_entity._columns.containers import read_rows
from sk_entity._columns.header import check_duplicates
from sk_entity.exceptions import ColumnError

__all__ = [
    "Interval",
    "StrOptions",
    "check_frame",
    "check_groups",
    "check_offset",
    "check_weights",
    "fresh_seed",
    "input_names",
    "output_kind",
    "read_input",
]


def _read_header(X: Any) -> Header:
    """Read the names of a frame or an array."""
    found = SimpleNamespace()
    _check_feature_names(found, X, reset=True)
    _check_n_features(found, X, reset=True)
    return Header(found.n_features_in_, getattr(found, "feature_names_in_", None))


def read_input(X: Any) -> tuple[pd.DataFrame, Header]:
    """Return ``X`` as a frame that shares its data, and its header, in a first fit.

    Parameters
    ----------
    X : frame, list of rows or array of shape (n_rows, n_columns)
    """
    given = read_frame(X)
    if given is not None:
        check_duplicates(given.columns)
        header = _read_header(given)
        _check_shape(given, some=True)
        return given, header
    frame, array = _from_array(X, some=True)
    return frame, _read_header(array)


def check_frame(fitted: Any, X: Any, *, some: bool = False) -> pd.DataFrame:
    """Return ``X`` as a frame, after comparing it with the columns of fit.

    Parameters
    ----------
    fitted : EntityEmbeddingEncoder or Header
        Has ``n_features_in_`` and ``feature_names_in_``.
    X : frame, list of rows or array of shape (n_rows, n_columns)
    some : bool, default=False
        Whether there must be a row.

    Returns
    -------
    frame : DataFrame of shape (n_rows, n_columns)
    """
    given = read_frame(X)
    if given is not None:
        check_duplicates(given.columns)
        _compare(fitted, given)
        _check_shape(given, some=some)
        return given
    frame, array = _from_array(X, some=some)
    _compare(fitted, array)
    return frame


def _compare(fitted: Any, X: Any) -> None:
    _check_feature_names(fitted, X, reset=False)
    _check_n_features(fitted, X, reset=False)


def _from_array(X: Any, *, some: bool) -> tuple[pd.DataFrame, Any]:
    """Return a frame of an array or of a list of rows, and what it was made of."""
    rows = read_rows(X)
    given = X if rows is None else rows.to_numpy()
    array = check_array(
        given,
        dtype=None,
        ensure_all_finite=False,
        ensure_min_samples=int(some),
        estimator="EntityEmbeddingEncoder",
        input_name="X",
    )
    frame = pd.DataFrame(array, copy=False) if rows is None else rows
    names = [f"x{i}" for i in range(array.shape[1])]
    return frame.set_axis(names, axis=1), array if rows is None else given


def _check_shape(X: pd.DataFrame, *, some: bool) -> None:
    n_rows, n_columns = X.shape
    if n_columns == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )
    if n_rows == 0 and some:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )


def input_names(fitted: Any, input_features: Any = None) -> list[str]:
    """Names of the input columns: those of fit, or ``x0``, ``x1``, ..."""
    return [str(name) for name in _check_feature_names_in(fitted, input_features)]


def check_weights(
    sample_weight: Any, frame: pd.DataFrame, *, some: bool = True
) -> NDArray[np.float64]:
    """Return one non-negative weight a row; with ``some``, not all may be zero."""
    if sample_weight is None:
        return np.ones(len(frame))
    if hasattr(sample_weight, "dtype") or hasattr(sample_weight, "type"):
        column = read_series(sample_weight, "sample_weight")
        sample_weight = exact_floats("sample_weight", column)
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight,
        frame.index.to_numpy(),
        dtype=np.float64,
        copy=True,
        **_ALL_ZERO,
    )
    if (weights < 0).any():
        raise ValueError(
            f"Negative values in sample_weight: {weights[weights < 0][:5]!r}. Weights "
            "count rows: they must be zero or positive."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight adds up to more than a float holds ({weights.max()!r} is "
            "the largest). Weights count rows: divide them by their mean."
        )
    if some and not weights.any():
        raise ValueError(
            "Sample weights are all zero: the sum of sample_weight must be positive, "
            "for there is no row left to learn from."
        )
    return weights


#: scikit-learn refuses weights that are all zero from 1.9 on, unless it is told;
#: batches of a stream may be.
_ALL_ZERO = (
    {"allow_all_zero_weights": True}
    if "allow_all_zero_weights" in signature(_check_sample_weight).parameters
    else {}
)


def check_offset(offset: Any, frame: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return one finite number a row, or None; a str names a column of ``X``."""
    if offset is None:
        return None
    if isinstance(offset, str):
        if offset not in frame.columns:
            raise ColumnError(
                f"offset={offset!r} is no column of X. Those are "
                f"{list(frame.columns)[:20]!r}. Pass one of them, or an array."
            )
        offset = frame[offset]
    try:
        found = np.asarray(offset, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"offset must hold numbers: {error}.") from error
    if found.shape != (len(frame),):
        raise ValueError(
            f"offset must have one number a row, shape ({len(frame)},), got shape "
            f"{found.shape}."
        )
    if not np.isfinite(found).all():
        raise ValueError(
            f"offset holds NaN or infinity in {int((~np.isfinite(found)).sum())} rows. "
            "The log of an exposure of zero is minus infinity: drop such rows."
        )
    return found


def check_groups(
    groups: Any, frame: pd.DataFrame
) -> tuple[NDArray[Any] | None, NDArray[np.intp] | None]:
    """Return the groups as given, for splitters, and the number of each row's group."""
    if groups is None:
        return None, None
    values: NDArray[Any] = column_or_1d(groups)
    check_consistent_length(frame, values)
    return values, pd.factorize(values, use_na_sentinel=False)[0]


def fresh_seed(random_state: Any) -> int:
    """Draw the seed of one fit.

    None draws from the operating system and leaves numpy's global state alone; a
    RandomState instance is advanced, as everywhere in scikit-learn.
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 1))
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def output_kind(estimator: Any) -> str:
    """Return "default", "pandas" or "polars", as ``set_output`` says."""
    return str(_get_output_config("transform", estimator)["dense"])
