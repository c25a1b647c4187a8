"""Parts of a table that know nothing of each other -> what is learned of all.

Each part is read where it lies, and what is known of parts merges: vocabularies and
targets first, then, once tables are trained, statistics. Whoever calls says where.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder, Hashing
from sk_entity._choices import Choice
from sk_entity._columns import Header, read_numbers
from sk_entity._features import Extras, Folds, Lookup, Scaling, learn_extras
from sk_entity._fitting.beside import evidence_of, learn_beside
from sk_entity._fitting.categories import cross_pairs, new_coder
from sk_entity._fitting.folds import AUTO_FOLDS
from sk_entity._fitting.plan import Plan, categorical_names, plan_dims
from sk_entity._fitting.spool import READ_ROWS, row_dtype
from sk_entity._fitting.stream import MOST_CELLS
from sk_entity._learned import Learned
from sk_entity._parameters import Parameters
from sk_entity._target import objective_of, row_balance, wants_numbers
from sk_entity._target.log import TargetLog
from sk_entity._validation import check_frame, check_weights, read_input
from sk_entity.exceptions import ColumnError

if TYPE_CHECKING:
    from sk_entity._learning.task import Trained

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
    y : Series of shape (n_rows,)
    sample_weight, groups : Series of shape (n_rows,) or None
    """

    number: int
    X: Any
    y: pd.Series
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


def summarize(
    parameters: Parameters, container: str, seed: int, part: Part
) -> Summary | None:
    """Read one part; None if it has no rows.

    Parameters
    ----------
    parameters : Parameters
    container : str
        The kind of output that is asked for.
    seed : int
    part : Part
    """
    if not len(part.X):
        return None
    frame, header = read_input(part.X)
    _check_lengths(part)
    weight = check_weights(part.sample_weight, frame, some=False)
    coder = new_coder(parameters, frame, header, container, weight, seed)
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
        target = self.log.encode(part.y)
        if self.class_of:
            target = np.asarray(
                [self.class_of[v] for v in target.tolist()], dtype=float
            )
        rows = np.empty(len(frame), row_dtype(codes.shape[1], numeric.shape[1]))
        rows["codes"], rows["numeric"], rows["target"] = codes, numeric, target
        rows["weight"] = check_weights(part.sample_weight, frame, some=False)
        rows["fold"] = self.folds_of(part)
        chance = np.random.default_rng([self.seed, _OF_ORDER, part.number])
        return rows[chance.permutation(len(rows))]


class PartFiles:
    """Encoded parts in files, read a piece at a time.

    Parameters
    ----------
    paths : dict of int to str
        The file of each part that is here.
    n_rows : dict of int to int
        Rows of all parts, here or not.
    n_categorical, n_numeric : int
    """

    def __init__(
        self,
        paths: dict[int, str],
        n_rows: dict[int, int],
        n_categorical: int,
        n_numeric: int,
    ) -> None:
        self.paths, self.n_rows = paths, n_rows
        self.dtype = row_dtype(n_categorical, n_numeric)

    def read(self, number: int, start: int, stop: int) -> NDArray[Any]:
        """Return some rows of a part."""
        offset = start * self.dtype.itemsize
        return np.fromfile(
            self.paths[number], self.dtype, max(stop - start, 0), offset=offset
        )

    def blocks(self, n_rows: int = READ_ROWS) -> Iterator[NDArray[Any]]:
        """Yield all rows that are here, a block at a time."""
        for number in sorted(self.paths):
            for start in range(0, self.n_rows[number], n_rows):
                stop = min(start + n_rows, self.n_rows[number])
                yield self.read(number, start, stop)


def write_part(reader: Reader, part: Part, folder: str) -> str:
    """Encode a part into a file of its own; return its path."""
    path = os.path.join(folder, f"part_{part.number}.rows")
    with open(path, "wb") as file:
        file.write(reader.encode(part).tobytes())
    return path


def share_of_sample(n_rows: dict[int, int], most: int) -> dict[int, int]:
    """Return how many rows of each part are in a sample of so many of all."""
    total = sum(n_rows.values())
    if total <= most:
        return n_rows
    return {number: int(n * most // total) for number, n in n_rows.items()}


def folds_of(parameters: Parameters) -> int:
    """Return how many folds there are; 0: no cross-fitting."""
    cv = parameters.cv
    return AUTO_FOLDS if isinstance(cv, str) else int(cv or 0)


def make_reader(
    parameters: Parameters, summary: Summary, seed: int
) -> tuple[Reader, Any]:
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
    if not summary.weight > 0:
        raise ValueError(
            "Sample weights are all zero: the sum of sample_weight must be positive, "
            "for there is no row left to learn from."
        )
    coder, _ = summary.coder.numbered(**parameters.limits)
    kind, classes, class_of = summary.log.finish()
    objective = objective_of(kind, classes, summary.log.extremes, parameters.loss)
    n_folds = folds_of(parameters)
    return Reader(
        summary.header, coder, summary.log, class_of, n_folds, seed
    ), objective


def make_plan(
    parameters: Parameters, reader: Reader, objective: Any, sample: NDArray[Any]
) -> Plan:
    """Plan the fit, by a sample of the encoded rows."""
    coder, header = reader.coder, reader.header
    if not coder.coders:
        raise ColumnError(
            "No categorical column was found by categorical_features="
            f"{parameters.categorical_features!r}: there is nothing to learn."
        )
    dims, automatic = plan_dims(
        parameters.embedding_dim,
        coder,
        categorical_names(header, coder),
        balance=row_balance(objective, sample["target"], sample["weight"]),
        given={},
    )
    empty = Codes(np.empty((0, 0), np.int32), (None,) * len(coder.table_of))
    layout = coder.layout(dims, empty)
    folds = Folds(reader.n_folds)
    plan = Plan(parameters, header, coder, objective, layout, folds, automatic)
    plan.check_names()
    plan.tell_cost()
    return plan


def choose(
    plan: Plan, sample: NDArray[Any], trained: "Trained", seed: int
) -> tuple[Extras, list[int], list[Choice]]:
    """Choose what stands beside the vectors, and what is output, by a sample."""
    rows, evidence = _evidence(plan, sample, plan.folds, trained.scaling)
    crosses = cross_pairs(plan.parameters, plan.names, plan.numbers, None)
    return learn_beside(plan, rows, evidence, trained, crosses, seed)


def _evidence(
    plan: Plan, block: NDArray[Any], folds: Folds, scaling: Scaling
) -> tuple[Any, Any]:
    from sk_entity._learning.rows import Rows

    rows = Rows.of(block)
    codes = Codes(rows.codes, (None,) * rows.codes.shape[1])
    return rows, evidence_of(plan, rows, codes, folds, scaling)


def statistics_by_fold(
    plan: Plan,
    blocks: Any,
    scaling: Scaling,
    crosses: Sequence[tuple[int, int]],
) -> list[Extras | None]:
    """Learn the statistics of the rows of each fold; None of one without rows.

    Parameters
    ----------
    plan : Plan
    blocks : iterable of ndarray
        Encoded rows.
    scaling : Scaling
    crosses : list of (int, int)
        Those that were chosen.
    """
    found: list[Extras | None] = [None] * max(plan.folds.n_folds, 1)
    for block in blocks:
        for k in range(len(found)):
            own = block[block["fold"] == k]
            if not len(own):
                continue
            _, evidence = _evidence(plan, own, Folds(0), scaling)
            part, _ = learn_extras(
                replace(evidence, fold=np.zeros_like(evidence.fold)),
                predict=None,
                predictor=None,
                crosses=crosses,
                curves=False,
                add_statistics=plan.parameters.add_statistics,
                add_support=plan.parameters.add_support,
            )
            found[k] = _merged(found[k], part)
    return found


def _merged(first: Extras | None, second: Extras | None) -> Extras | None:
    if first is None or second is None:
        return second if first is None else first
    return first.merged(second).trimmed(MOST_CELLS)


def merge_statistics(
    first: list[Extras | None], second: list[Extras | None]
) -> list[Extras | None]:
    """Return the statistics of the rows of both, by fold."""
    return [_merged(a, b) for a, b in zip(first, second, strict=True)]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is learned of all parts, and what their own rows look up.

    Attributes
    ----------
    learned : Learned
    reader : Reader
    lookups : list of Lookup
        Of each fold: what never saw its targets.
    """

    learned: Learned
    reader: Reader
    lookups: list[Lookup]


def finish(
    plan: Plan,
    reader: Reader,
    trained: "Trained",
    chosen: tuple[Extras, list[int], list[Choice]],
    statistics: list[Extras | None],
    summary: Summary,
) -> Fitted:
    """Put together what was learned.

    Parameters
    ----------
    plan : Plan
    reader : Reader
    trained : Trained
    chosen : tuple
        As `choose` returns it.
    statistics : list of Extras
        As `statistics_by_fold`, of all parts.
    summary : Summary
    """
    extras, shown, choices = chosen
    predictor = extras.predictor
    n_rows = sum(summary.n_rows.values())

    def of(folds: Sequence[int], head: int) -> Extras:
        found = _reduced([statistics[k] for k in folds])
        own = None if predictor is None else predictor.of_head(head)
        if found is None:  # no other fold has rows
            found = extras.final()
        return replace(found.scaled(summary.weight), predictor=own)

    every = range(len(statistics))
    last = of(every, -1)
    learned = plan.finished(
        trained, last, shown, choices, weight=summary.weight, n_rows=n_rows
    )
    table_of, lookups = plan.layout.table_of, list[Lookup]()
    for k in range(plan.folds.n_folds):
        others = of([j for j in every if j != k], k)
        tables = [table[k][None] for table in trained.tables]
        lookups.append(Lookup(tables, table_of, others, shown))
    return Fitted(learned, reader, lookups or [learned.lookup])


def _reduced(parts: Sequence[Extras | None]) -> Extras | None:
    found: Extras | None = None
    for part in parts:
        found = _merged(found, part)
    return found


def features_of_part(fitted: Fitted, container: str, part: Part) -> Any:
    """Return the cross-fitted features of a part's rows, in their order."""
    learned, reader = fitted.learned, fitted.reader
    frame = check_frame(reader.header, part.X)
    codes, _ = reader.coder.encode(frame)
    fold = reader.folds_of(part)
    parts, places = [], []
    for k, lookup in enumerate(fitted.lookups):
        own = np.flatnonzero(fold == k)
        some = frame.iloc[own]
        cells = Codes(codes.numbers[own], codes.bags)
        parts.append(
            learned.features(some, some, cells, container, lookup=lookup, fold=-1)
        )
        places.append(own)
    order = np.argsort(np.concatenate(places), kind="stable")
    return pd.concat(parts).iloc[order]
