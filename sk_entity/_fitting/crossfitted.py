"""Statistics of parts, by fold -> what is learned, and what parts' rows look up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from sk_entity._choices import Choice
from sk_entity._features import ByFold, Extras, Lookup, Scaling
from sk_entity._fitting.encoded import merged, statistics_of
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
    lookups : list of Lookup
        Of each fold: what never saw its targets. Without folds, what new rows read.
    """

    learned: Learned
    lookups: list[Lookup]

    def features(self, X: Any, fold: NDArray[Any], container: str) -> Any:
        """Return the cross-fitted features of rows, in their order.

        Parameters
        ----------
        X : frame of shape (n_rows, n_columns)
        fold : ndarray of shape (n_rows,)
        container : {"default", "pandas", "polars"}
        """
        learned = self.learned
        frame = check_frame(learned.header, X)
        codes, _ = learned.coder.encode(frame)
        lookup = ByFold(self.lookups)
        return learned.features(X, frame, codes, container, lookup=lookup, fold=fold)


def finish(
    plan: Plan,
    trained: "Trained",
    chosen: tuple[Extras, list[int], list[Choice]],
    statistics: list[Extras | None],
    weight: float,
    n_rows: int,
) -> Fitted:
    """Put together what was learned.

    Parameters
    ----------
    plan : Plan
    trained : Trained
    chosen : tuple
        As `choose` returns it.
    statistics : list of Extras
        As `statistics_by_fold`, of all parts.
    weight : float
        Of all rows.
    n_rows : int
    """
    extras, shown, choices = chosen
    predictor = extras.predictor

    def of(folds: Sequence[int], head: int) -> Extras:
        found = reduce(merged, (statistics[k] for k in folds), None)
        own = None if predictor is None else predictor.of_head(head)
        if found is None:  # no other fold has rows
            found = extras.final()
        return replace(found.scaled(weight), predictor=own)

    every = range(len(statistics))
    last = of(every, -1)
    learned = plan.finished(trained, last, shown, choices, weight=weight, n_rows=n_rows)
    table_of, lookups = plan.layout.table_of, list[Lookup]()
    for k in range(plan.folds.n_folds):
        others = of([j for j in every if j != k], k)
        tables = [table[k][None] for table in trained.tables]
        lookups.append(Lookup(tables, table_of, others, shown))
    return Fitted(learned, lookups or [learned.lookup])
