"""Encoded rows that are never all in memory -> the plan, choices and statistics."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder
from sk_entity._choices import Choice
from sk_entity._columns import Header
from sk_entity._features import Evidence, Extras, Folds, Scaling, learn_extras
from sk_entity._fitting.beside import evidence_of, learn_beside
from sk_entity._fitting.categories import cross_pairs
from sk_entity._fitting.folds import AUTO_FOLDS
from sk_entity._fitting.plan import Plan, categorical_names, plan_dims
from sk_entity._parameters import Parameters
from sk_entity._target import Objective, row_balance

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.task import Trained

#: Rows by which all is chosen, and whose statistics are taken at a time.
SAMPLE_ROWS = 500_000
#: Cells of a cross that are kept: the number of different pairs can grow with the rows.
MOST_CELLS = 500_000


def n_folds_of(parameters: Parameters) -> int:
    """Return how many folds there are; 0: no cross-fitting."""
    cv = parameters.cv
    return AUTO_FOLDS if isinstance(cv, str) else int(cv or 0)


def check_total(weight: float) -> None:
    """Raise a `ValueError` if no row has any weight."""
    if not weight > 0:
        raise ValueError(
            "Sample weights are all zero: the sum of sample_weight must be positive, "
            "for there is no row left to learn from."
        )


def plan_of(
    parameters: Parameters,
    header: Header,
    coder: FrameCoder,
    objective: Objective,
    sample: NDArray[Any],
) -> Plan:
    """Plan the fit, by a sample of the encoded rows."""
    dims, automatic = plan_dims(
        parameters.embedding_dim,
        coder,
        categorical_names(header, coder),
        balance=row_balance(objective, sample["target"], sample["weight"]),
        given={},
    )
    empty = Codes(np.empty((0, 0), np.int32), (None,) * len(coder.table_of))
    layout = coder.layout(dims, empty)
    folds = Folds(n_folds_of(parameters))
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


def statistics_of(
    plan: Plan,
    block: NDArray[Any],
    scaling: Scaling,
    crosses: Sequence[tuple[int, int]],
) -> Extras:
    """Learn the statistics of some rows, as one table sees them."""
    _, evidence = _evidence(plan, block, Folds(0), scaling)
    extras, _ = learn_extras(
        replace(evidence, fold=np.zeros_like(evidence.fold)),
        predict=None,
        predictor=None,
        crosses=crosses,
        curves=False,
        add_statistics=plan.parameters.add_statistics,
        add_support=plan.parameters.add_support,
    )
    return extras


def merged(first: Extras | None, second: Extras | None) -> Extras | None:
    """Return the statistics of the rows of both; None of no rows."""
    if first is None or second is None:
        return second if first is None else first
    return first.merged(second).trimmed(MOST_CELLS)


def _evidence(
    plan: Plan, block: NDArray[Any], folds: Folds, scaling: Scaling
) -> tuple["Rows", Evidence]:
    from sk_entity._learning.rows import Rows

    rows = Rows.of(block)
    codes = Codes(rows.codes, (None,) * rows.codes.shape[1])
    return rows, evidence_of(plan, rows, codes, folds, scaling)
