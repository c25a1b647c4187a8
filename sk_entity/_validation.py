"""The door to scikit-learn: input, target, weight and fold checks, output containers.

The only module that imports scikit-learn's private helpers.
"""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as pdt
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    validate_data,
)

from sk_entity._columns import (
    Schema,
    exact_floats,
    for_booster,
    read_frame,
    read_labels,
    read_series,
)
from sk_entity._columns.containers import read_rows
from sk_entity._columns.labels import label_like_numbers
from sk_entity._warnings import warn
from sk_entity.exceptions import ColumnError, FoldError, TargetTypeWarning

__all__ = [
    "Interval",
    "OutputContainer",
    "StrOptions",
    "Target",
    "check_folds",
    "check_frame",
    "check_groups",
    "check_offset",
    "check_output",
    "check_target",
    "check_weights",
    "fresh_seed",
    "input_names",
    "request_splitter",
]

TARGET_TYPES = ("continuous", "binary", "multiclass")
#: Integers of more values than these are hardly class labels.
MOST_INTEGER_CLASSES = 100


@dataclass(frozen=True, eq=False)
class Target:
    """A checked target.

    Attributes
    ----------
    kind : {"continuous", "binary", "multiclass"}
    values : ndarray of shape (n_rows,)
        float64 for a continuous target, otherwise positions in ``classes``.
    classes : ndarray of shape (n_classes,) or None
    """

    kind: str
    values: NDArray[Any]
    classes: NDArray[Any] | None


def check_frame(estimator: Any, X: Any, *, reset: bool) -> pd.DataFrame:
    """Return ``X`` as a frame that shares its data, after scikit-learn's checks.

    Parameters
    ----------
    estimator : EntityEmbeddingEncoder
        Gets ``n_features_in_`` and ``feature_names_in_`` if ``reset``.
    X : frame, list of rows or array of shape (n_rows, n_columns)
    reset : bool
        True in fit; False checks names and number of columns against those of fit.

    Returns
    -------
    frame : DataFrame of shape (n_rows, n_columns)
    """
    given = read_frame(X)
    if given is not None:
        _check_duplicates(given.columns)
        validate_data(estimator, given, skip_check_array=True, reset=reset)
        _check_shape(given, reset=reset)
        return given
    rows = read_rows(X)
    array = check_array(
        X if rows is None else rows.to_numpy(),
        dtype=None,
        ensure_all_finite=False,
        ensure_min_samples=1 if reset else 0,
        estimator=estimator,
        input_name="X",
    )
    validate_data(
        estimator,
        array if rows is None else rows.to_numpy(),
        skip_check_array=True,
        reset=reset,
    )
    frame = pd.DataFrame(array, copy=False) if rows is None else rows
    return frame.set_axis([f"x{i}" for i in range(array.shape[1])], axis=1)


def _check_duplicates(columns: pd.Index) -> None:
    if not columns.is_unique:
        names = list(columns[columns.duplicated()].unique())
        raise ColumnError(
            f"X has several columns of the same name: {names!r}. Vectors are keyed by "
            "column: rename or drop the duplicates."
        )


def _check_shape(X: pd.DataFrame, *, reset: bool) -> None:
    n_rows, n_columns = X.shape
    if n_columns == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )
    if n_rows == 0 and reset:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )


def input_names(estimator: Any, input_features: Any = None) -> list[str]:
    """Names of the input columns: those of fit, or ``x0``, ``x1``, ..."""
    return [str(name) for name in _check_feature_names_in(estimator, input_features)]


def check_target(
    y: Any, n_rows: int, *, kind: str | None = None, classes: Any = None
) -> Target:
    """Check ``y`` and decide its kind.

    As scikit-learn's TargetEncoder, except for whole numbers: floats of more than two
    values are a regression's (ratings, counts), not class labels, and integers of very
    many values are refused, because they could be either.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    n_rows : int
    kind : str or None
        Of an earlier fit; None: to be found out.
    classes : array-like of shape (n_classes,) or None
        All class labels, if known.

    Returns
    -------
    target : Target

    Raises
    ------
    ValueError
        If y is missing, of another length, not one column, holds NaN or infinity,
        or is of a kind that is not supported.
    """
    if y is None:
        raise ValueError(
            "EntityEmbeddingEncoder requires y to be passed, but the target y is None: "
            "the vectors are learned from it."
        )
    y = column_or_1d(read_labels(y), warn=True)
    if len(y) != n_rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"X has {n_rows} rows, y has {len(y)}."
        )
    if pd.isna(y).any():
        raise ValueError(
            f"Input y contains NaN: {int(pd.isna(y).sum())} of {n_rows} targets are "
            "missing. Drop these rows or impute the target."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(
            f"Input y contains infinity: {int(np.isinf(y).sum())} of {n_rows} targets "
            "are infinite. Clip or drop these rows."
        )
    if kind == "continuous":
        return Target(kind, _as_numbers(y), None)
    if classes is not None:
        return _in_classes(y, column_or_1d(read_labels(classes, "classes")))
    # scikit-learn's own would cast floats to integers, which very large ones are not.
    kind = _kind_of_floats(y) if y.dtype.kind == "f" else type_of_target(y)
    if kind not in TARGET_TYPES:
        raise ValueError(
            f"Unknown label type: the target was inferred to be {kind!r}. Only "
            f"{TARGET_TYPES} are supported. Labels must be strings, integers or bools, "
            "values must be floats."
        )
    if kind == "multiclass" and y.dtype.kind in "iu":
        n_values = len(np.unique(y))
        if n_values > MOST_INTEGER_CLASSES:
            raise ValueError(
                f"y holds {n_values} different integers, which would be as many "
                f"classes (at most {MOST_INTEGER_CLASSES} from integers). For a "
                "regression pass floats, y.astype(float); for classes pass strings."
            )
    if kind == "continuous":
        return Target(kind, np.asarray(y, dtype=np.float64), None)
    classes, codes = np.unique(y, return_inverse=True)
    warn_if_numbers(classes)
    return Target(kind, codes.astype(np.int64), classes)


def _kind_of_floats(y: NDArray[Any]) -> str:
    """Two whole values are classes, all else is a regression's."""
    is_whole = bool((y == np.floor(y)).all())
    return "binary" if is_whole and len(np.unique(y)) <= 2 else "continuous"


def warn_if_numbers(classes: NDArray[Any]) -> None:
    """Warn if class labels look like numbers or dates."""
    what = label_like_numbers(classes)
    if what is None:
        return
    mend = {
        "integers": "y.astype(float), or the loss that says so, loss='squared_error'",
        "numbers": "y.astype(float)",
        "dates": "days since a date, as floats",
    }[what]
    warn(
        f"The target's {len(classes)} class labels look like {what}, for example "
        f"{classes[:3].tolist()!r}, and each is learned as a class of its own. If they "
        f"are a quantity, pass {mend}. If they are classes, make them other strings, "
        'such as "class " + label, or ignore this warning.',
        TargetTypeWarning,
    )


def _as_numbers(y: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "This is a regression, by its loss or by an earlier fit, but y holds "
            f"{y[:3]!r}, which are not numbers. Pass numbers, or fit a new encoder "
            "with a loss of classes."
        ) from error


def _in_classes(y: NDArray[Any], classes: NDArray[Any]) -> Target:
    """Give each label its position among known classes."""
    classes = np.unique(classes)
    kind = "binary" if len(classes) <= 2 else "multiclass"
    strange = np.setdiff1d(y, classes)
    if len(strange):
        raise ValueError(
            f"y holds the labels {strange[:5]!r}, which are not among the classes "
            f"{classes!r}. Name all classes in the first call of partial_fit, or fit a "
            "new encoder."
        )
    return Target(kind, np.searchsorted(classes, y).astype(np.int64), classes)


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


def check_folds(
    cv: Any,
    target: Target,
    *,
    groups: NDArray[Any] | None = None,
    seed: int,
) -> tuple[NDArray[np.int32], int]:
    """Give each row the number of the fold that holds it out.

    Parameters
    ----------
    cv : int, splitter, iterable of splits or None
    target : Target
    groups : ndarray of shape (n_rows,) or None
        Rows of one group stay in one fold.
    seed : int
        Shuffles the folds of an integer ``cv``.

    Returns
    -------
    fold : ndarray of shape (n_rows,), int32
        0 .. n_folds - 1; all zero without cross-fitting.
    n_folds : int
        0 if ``cv`` is None.

    Raises
    ------
    FoldError
        If the folds do not hold every row out exactly once, or there are too few rows.
    """
    n_rows = len(target.values)
    if cv is None:
        return np.zeros(n_rows, dtype=np.int32), 0
    if isinstance(cv, (int, np.integer)):
        splitter = _default_splitter(int(cv), target, groups is not None, seed)
    else:
        splitter = check_cv(cv, target.values, classifier=target.kind != "continuous")
    fold = np.full(n_rows, -1, dtype=np.int32)
    held_out = np.zeros(n_rows, dtype=np.int32)
    n_folds = 0
    for _, test in splitter.split(np.empty((n_rows, 1)), target.values, groups):
        fold[test] = n_folds
        held_out[test] += 1
        n_folds += 1
    if not (held_out == 1).all():
        never, often = int((held_out == 0).sum()), int((held_out > 1).sum())
        raise FoldError(
            "Validation indices from `cv` must cover each sample index exactly once "
            f"with no overlap: {never} rows are in no validation fold and {often} in "
            f"several ({cv!r}). Pass an int, KFold, StratifiedKFold, GroupKFold or "
            "another splitter whose validation folds partition the rows."
        )
    if n_folds < 2:
        raise FoldError(f"cv={cv!r} gives {n_folds} fold; at least 2 are needed.")
    return fold, n_folds


def _default_splitter(
    n_folds: int, target: Target, grouped: bool, seed: int
) -> KFold | StratifiedKFold | GroupKFold | StratifiedGroupKFold:
    n_rows = len(target.values)
    if n_rows < n_folds:
        raise FoldError(
            f"cv={n_folds} folds cannot be made of n_samples={n_rows} rows. Pass a "
            "smaller cv, or cv=None for no cross-fitting."
        )
    shuffled: dict[str, Any] = {"shuffle": True, "random_state": seed}
    # Stratifying asks for a class with a row for each fold; without one, it cannot.
    stratify = (
        target.kind != "continuous" and np.bincount(target.values).max() >= n_folds
    )
    if grouped:
        return (StratifiedGroupKFold if stratify else GroupKFold)(n_folds, **shuffled)
    return (StratifiedKFold if stratify else KFold)(n_folds, **shuffled)


def request_splitter(cv: Any) -> Any:
    """Return what asks metadata routing for ``groups`` on behalf of ``cv``.

    An integer ``cv`` keeps groups together when it gets any, so it asks for them as
    GroupKFold does; splitters ask for themselves.
    """
    return GroupKFold() if isinstance(cv, (int, np.integer)) else cv


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


class OutputContainer:
    """The output of ``transform``, filled in place.

    Parameters
    ----------
    estimator : EntityEmbeddingEncoder
        Its ``set_output`` decides; ``get_feature_names_out`` names the columns.
    X : any container
        The input as it was given.
    frame : DataFrame of shape (n_rows, n_columns)
        The input.
    schema : Schema
        Numeric and other columns are part of the output, unless the estimator drops
        them.

    Attributes
    ----------
    learned : ndarray of shape (n_rows, n_learned), float64 or float32
        To be filled: all columns before those that pass through. Arrays are float64, as
        scikit-learn's encoders give; frames hold float32.

    Raises
    ------
    ColumnError
        If an array would have to hold what is no number, or integers that float64
        would round.
    """

    def __init__(
        self, estimator: Any, X: Any, frame: pd.DataFrame, schema: Schema
    ) -> None:
        self.learned: NDArray[Any]
        self._names, self._index = estimator.get_feature_names_out(), frame.index
        self._kind = output_kind(estimator)
        inputs = input_names(estimator)
        passes = estimator.remainder == "passthrough"
        kept = (*schema.numeric, *schema.others) if passes else ()
        n_learned = len(self._names) - len(kept)
        if self._kind == "default":
            check_output(estimator, schema)
            self._array = np.empty((len(frame), len(self._names)), dtype=np.float64)
            self.learned = self._array[:, :n_learned]
            for j, i in enumerate(kept):
                self._array[:, n_learned + j] = exact_floats(
                    inputs[i], frame.iloc[:, i]
                )
            return
        # pandas keeps columns together.
        self.learned = np.empty((len(frame), n_learned), dtype=np.float32, order="F")
        self._passed = [frame.iloc[:, i] for i in kept]
        for j, i in enumerate(schema.numeric if passes else ()):
            self._passed[j] = _as_number(inputs[i], self._passed[j])
        self._given = [X[:, i] for i in kept] if is_polars(X) else None

    def finish(self) -> Any:
        """Return the filled output; a frame keeps the passed columns' own dtypes."""
        if self._kind == "default":
            return self._array
        if self._kind == "polars":
            return self._polars()
        learned = pd.DataFrame(self.learned, index=self._index, copy=False)
        frame = pd.concat([learned, *self._passed], axis=1)
        frame.columns = pd.Index(self._names, dtype=object)
        return frame

    def _polars(self) -> Any:
        import polars as pl

        passed = self._given
        if passed is None:
            passed = [pl.from_pandas(c.reset_index(drop=True)) for c in self._passed]
        columns = [pl.Series(values) for values in self.learned.T]
        columns += [c.cast(pl.Float64) if c.dtype.is_decimal() else c for c in passed]
        names = map(str, self._names)
        return pl.DataFrame(dict(zip(names, columns, strict=True)))


def _as_number(name: str, column: pd.Series) -> pd.Series:
    """Return a numeric column as boosters take it; raise if it is none."""
    exact = pdt.is_numeric_dtype(column.dtype) and isinstance(column.dtype, np.dtype)
    if not exact:
        exact_floats(name, column)
    return for_booster(name, column)


def output_kind(estimator: Any) -> str:
    """Return "default", "pandas" or "polars", as ``set_output`` says."""
    return str(_get_output_config("transform", estimator)["dense"])


def check_output(estimator: Any, schema: Schema) -> None:
    """Raise a `ColumnError` if an array would have to hold what is no number."""
    wrong = [str(schema.labels[i]) for i in schema.others]
    if not wrong or output_kind(estimator) != "default":
        return
    if estimator.remainder == "drop":
        return
    types = ", ".join(sorted({str(schema.types[i].kind) for i in schema.others}))
    raise ColumnError(
        f"Columns {wrong[:10]!r} are not numeric ({types}) and not among "
        "categorical_features; an array of numbers cannot hold them. Add them there, "
        'let them pass through a frame with set_output(transform="pandas"), or leave '
        'them out with remainder="drop".'
    )


def is_polars(X: Any) -> bool:
    """Whether X is a polars frame."""
    return type(X).__module__.split(".")[0] == "polars"
