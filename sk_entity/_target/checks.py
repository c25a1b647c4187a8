"""One column of a target -> numbers or classes, after scikit-learn's checks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._columns import read_labels
from sk_entity._columns.labels import label_like_numbers
from sk_entity._warnings import warn
from sk_entity.exceptions import TargetTypeWarning

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
    # Here, not at the top: what is learned is read without scikit-learn.
    from sklearn.utils import column_or_1d
    from sklearn.utils.multiclass import type_of_target

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
