"""Statistics of parts, by fold -> what is learned, and what parts' rows look up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Codes
from sk_entity._choices import Choice
from sk_entity._features import Extras, Lookup, Scaling
from sk_entity._fitting.encoded import merged, statistics_of
from sk_entity._fitting.parts import CONTAINER, Part, Reader, Summary
from sk_entity._fitting.plan import Plan
from sk_entity._learned import Learned
from sk_entity._validation import check_frame

if TYPE_CHECKING:
    from sk_entity._learning.task import Trained


def statistics_by_fold(
    plan: Plan,
    blocks: Iterable[NDArray[Any]],
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
            found[k] = merged(found[k], statistics_of(plan, own, scaling, crosses))
    return found


def merge_statistics(
    first: list[Extras | None], second: list[Extras | None]
) -> list[Extras | None]:
    """Return the statistics of the rows of both, by fold."""
    return [merged(a, b) for a, b in zip(first, second, strict=True)]


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
        found = reduce(merged, (statistics[k] for k in folds), None)
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


def features_of_part(fitted: Fitted, part: Part) -> Any:
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
        parts.append(learned.features(some, some, cells, CONTAINER, lookup=lookup))
        places.append(own)
    order = np.argsort(np.concatenate(places), kind="stable")
    return pd.concat(parts).iloc[order]
