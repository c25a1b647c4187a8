"""Parts of a table that know nothing of each other -> how all of them are encoded.

Each part is read where it lies, and what is known of parts merges.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import FrameCoder, Hashing
from sk_entity._columns import Header, read_numbers
from sk_entity._fitting.categories import new_coder
from sk_entity._fitting.encoded import check_total, n_folds_of
from sk_entity._fitting.spool import recoded, row_dtype
from sk_entity._parameters import Parameters
from sk_entity._target import Objective, objective_of, wants_numbers
from sk_entity._target.log import TargetLog
from sk_entity._validation import check_frame, check_weights, read_input
from sk_entity.exceptions import ColumnError

#: What features of parts are in.
CONTAINER = "pandas"
#: Sets the folds' chance, and that of the order of rows, apart from others of the seed.
_OF_FOLDS, _OF_ORDER = 0x70_61_72_74, 0x6F_72_64_72


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one part, as they are given.

    Attributes
    ----------
    number : int
        Of the part among all.
    X : frame of shape (n_rows, n_columns)
    y, sample_weight, groups : Series of shape (n_rows,) or None
        Rows whose features are asked for have groups at most.
    """

    number: int
    X: Any
    y: Any = None
    sample_weight: Any = None
    groups: Any = None


@dataclass(frozen=True, eq=False)
class Summary:
    """What is known of the rows of some parts before any is encoded.

    Attributes
    ----------
    header : Header
    coder : FrameCoder
        Counts of all values; its codes are not the last ones.
    log : TargetLog
    n_rows : dict of int to int
        By part.
    weight : float
    """

    header: Header
    coder: FrameCoder
    log: TargetLog
    n_rows: dict[int, int]
    weight: float


def summarize(parameters: Parameters, seed: int, part: Part) -> Summary | None:
    """Read one part; None if it has no rows."""
    if not len(part.X):
        return None
    frame, header = read_input(part.X)
    _check_lengths(part)
    weight = check_weights(part.sample_weight, frame, some=False)
    coder = new_coder(parameters, frame, header, CONTAINER, weight, seed)
    log = TargetLog(wants_numbers(parameters.loss))
    log.encode(part.y)
    n_rows = {part.number: len(frame)}
    return Summary(header, coder, log, n_rows, float(weight.sum()))


def _check_lengths(part: Part) -> None:
    for name in ("y", "sample_weight", "groups"):
        given = getattr(part, name)
        if given is not None and len(given) != len(part.X):
            raise ValueError(
                f"Partition {part.number}: X has {len(part.X)} rows and {name} "
                f"{len(given)}. Pass collections of the same partitions, for example "
                "columns of one frame."
            )


def merge_summaries(first: Summary | None, second: Summary | None) -> Summary | None:
    """Return what is known of the rows of both."""
    if first is None or second is None:
        return second if first is None else first
    _check_alike(first, second)
    return Summary(
        first.header,
        first.coder.merged(second.coder),
        first.log.merged(second.log),
        first.n_rows | second.n_rows,
        first.weight + second.weight,
    )


def _check_alike(first: Summary, second: Summary) -> None:
    """Raise a `ColumnError` if columns, or what they are read as, differ."""
    one, two = first.header.names, second.header.names
    where = f"Partitions {min(first.n_rows)} and {min(second.n_rows)}"
    if one != two:
        raise ColumnError(
            f"{where} have different columns: {one[:20]!r} and {two[:20]!r}. All "
            "partitions need the same columns in the same order."
        )
    a, b = first.coder.schema, second.coder.schema
    if (a.categorical, a.numeric) == (b.categorical, b.numeric):
        return
    strange = sorted(
        set(a.categorical) ^ set(b.categorical) | set(a.numeric) ^ set(b.numeric)
    )
    told = [f"{one[i]!r} ({a.types[i]}, {b.types[i]})" for i in strange]
    raise ColumnError(
        f"{where} hold columns of different types: {', '.join(told[:10])}. Give the "
        "columns one type in all partitions (ddf.astype), or name the categorical ones "
        "with categorical_features."
    )


@dataclass(frozen=True, eq=False)
class Reader:
    """How parts are encoded, once all are known.

    Attributes
    ----------
    header : Header
    coder : FrameCoder
    log : TargetLog
    class_of : dict of float to int
        The class of each target that `log` numbers; empty: targets stay.
    n_folds, seed : int
    """

    header: Header
    coder: FrameCoder
    log: TargetLog
    class_of: dict[float, int]
    n_folds: int
    seed: int

    def folds_of(self, part: Part) -> NDArray[np.int32]:
        """Return the fold of each row: by its group, or by its place.

        The same whenever, wherever and however often a part is read.
        """
        n_rows = len(part.X)
        if not self.n_folds:
            return np.zeros(n_rows, dtype=np.int32)
        if part.groups is not None:
            buckets = Hashing(self.n_folds, self.seed).buckets(pd.Series(part.groups))
            return buckets.fillna(0).to_numpy(dtype=np.int32)
        chance = np.random.default_rng([self.seed, _OF_FOLDS, part.number])
        return chance.integers(self.n_folds, size=n_rows, dtype=np.int32)

    def encode(self, part: Part) -> NDArray[Any]:
        """Return the rows of a part, encoded and shuffled, with `Rows`' fields."""
        frame = check_frame(self.header, part.X)
        numeric = read_numbers(frame, self.coder.schema, self.header.names)
        codes = self.coder.encode(frame)[0].known().numbers
        rows = np.empty(len(frame), row_dtype(codes.shape[1], numeric.shape[1]))
        rows["codes"], rows["numeric"] = codes, numeric
        rows["target"] = recoded(self.log.encode(part.y), self.class_of)
        rows["weight"] = check_weights(part.sample_weight, frame, some=False)
        rows["fold"] = self.folds_of(part)
        chance = np.random.default_rng([self.seed, _OF_ORDER, part.number])
        return rows[chance.permutation(len(rows))]


def make_reader(
    parameters: Parameters, summary: Summary, seed: int
) -> tuple[Reader, Objective]:
    """Return how parts are encoded, and what is to be learned of the target.

    Parameters
    ----------
    parameters : Parameters
    summary : Summary
        Of all parts.
    seed : int

    Returns
    -------
    reader : Reader
    objective : Objective
    """
    check_total(summary.weight)
    coder, _ = summary.coder.numbered(**parameters.limits)
    kind, classes, class_of = summary.log.finish()
    objective = objective_of(kind, classes, summary.log.extremes, parameters.loss)
    given = (summary.header, coder, summary.log, class_of)
    return Reader(*given, n_folds_of(parameters), seed), objective
