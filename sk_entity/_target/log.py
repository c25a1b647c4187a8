"""A target that comes one batch at a time -> the same kinds and classes as an array."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._columns import read_labels
from sk_entity._target.checks import MOST_INTEGER_CLASSES, warn_if_numbers


class TargetLog:
    """What the targets of all batches are, for they come one batch at a time.

    Parameters
    ----------
    numbers : bool
        Whether the loss is one of numbers, whatever they look like.
    """

    def __init__(self, numbers: bool) -> None:
        self._numbers = numbers
        self.extremes = np.asarray([np.inf, -np.inf])
        self._seen: set[Any] = set()
        self._labels: dict[Any, int] = {}
        self._kinds: set[str] = set()

    def encode(self, y: pd.Series) -> NDArray[np.float64]:
        """Return numbers as they are, and the number of each other label."""
        values = read_labels(y, f"column {y.name!r}")
        missing = pd.isna(values)
        if missing.any():
            raise ValueError(
                f"Input y contains NaN: {int(missing.sum())} targets of column "
                f"{y.name!r} are missing. Drop these rows or impute the target."
            )
        if self._numbers and values.dtype.kind == "b":
            values = values.astype(np.float64)
        kind = values.dtype.kind
        self._kinds.add("b" if kind == "b" else kind if kind in "iuf" else "O")
        if kind in "iuf":
            if kind == "f" and np.isinf(values).any():
                raise ValueError(f"Input y contains infinity: column {y.name!r}.")
            lowest, highest = self.extremes
            self.extremes = np.asarray(
                [min(lowest, values.min()), max(highest, values.max())], dtype=float
            )
            if len(self._seen) <= MOST_INTEGER_CLASSES:
                self._seen.update(np.unique(values).tolist())
            return np.asarray(values, dtype=np.float64)
        code, uniques = pd.factorize(values)
        for label in uniques:
            self._labels.setdefault(label, len(self._labels))
        return np.asarray([self._labels[u] for u in uniques], dtype=np.float64)[code]

    def merged(self, other: "TargetLog") -> "TargetLog":
        """Return the log of the batches of both; labels keep their order."""
        found = TargetLog(self._numbers)
        pair = np.stack([self.extremes, other.extremes])
        found.extremes = np.asarray([pair[:, 0].min(), pair[:, 1].max()])
        found._kinds = self._kinds | other._kinds
        for values in (self._seen, other._seen):
            if len(found._seen) <= MOST_INTEGER_CLASSES:
                found._seen |= values
        for label in (*self._labels, *other._labels):
            found._labels.setdefault(label, len(found._labels))
        return found

    def finish(self) -> tuple[str, NDArray[Any] | None, dict[float, int]]:
        """Return the kind of target, its classes, and each spooled value's class.

        By the rules of an array in memory.

        Raises
        ------
        ValueError
            If batches disagree, or integers are too many for classes.
        """
        if len({self._type(kind) for kind in self._kinds}) > 1:
            raise ValueError(
                "The target is of several types: a number in some batches and a label "
                "in others, or labels of several types: "
                f"{[*sorted(self._seen)[:3], *self._labels][:5]!r}."
            )
        if self._labels and self._seen:
            raise ValueError(
                "The target is a number in some batches and a label in others: "
                f"{sorted(self._seen)[:3]!r} and {list(self._labels)[:3]!r}."
            )
        if self._numbers:
            if self._labels:
                raise ValueError(
                    f"The loss is one of numbers, but the target holds labels: "
                    f"{list(self._labels)[:3]!r}."
                )
            return "continuous", None, {}
        if self._labels:
            classes = np.unique(np.asarray(list(self._labels)))
            warn_if_numbers(classes)
            of = {float(self._labels[c]): k for k, c in enumerate(classes.tolist())}
            return _kind(len(classes)), classes, of
        whole = "f" not in self._kinds
        if len(self._seen) > 2 and not whole:
            return "continuous", None, {}
        if len(self._seen) > MOST_INTEGER_CLASSES:
            raise ValueError(
                f"y holds more than {MOST_INTEGER_CLASSES} different integers, which "
                "would be as many classes. For a regression make them floats; for "
                "classes strings."
            )
        classes = np.asarray(sorted(self._seen))
        if whole:
            classes = classes.astype(np.int64)
        warn_if_numbers(classes)
        return (
            _kind(len(classes)),
            classes,
            {float(c): k for k, c in enumerate(classes)},
        )

    @staticmethod
    def _type(kind: str) -> str:
        return "number" if kind in "iuf" else kind


def _kind(n_classes: int) -> str:
    return "binary" if n_classes <= 2 else "multiclass"
