"""Training rows and what was trained -> what stands beside the vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes, by_column
from sk_entity._features import Evidence, Extras, Folds, learn_extras, look_up
from sk_entity._fitting.plan import Plan

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.task import Trained


def evidence_of(
    plan: Plan,
    rows: "Rows",
    codes: Codes,
    folds: Folds,
    group: NDArray[np.intp] | None = None,
) -> Evidence:
    """Return the rows as statistics see them; without folds, as one table sees them."""
    coders = [plan.coder.coders[t] for t in plan.layout.table_of]
    target, shares = np.empty((len(rows), 0)), None
    if plan.parameters.self_supervision is None:
        target, shares = plan.objective.statistics(rows.target)
    return Evidence(
        layout=plan.layout,
        numbers=rows.codes,
        codes=codes.known().whole(),
        n_codes=[
            1 if part.plan.multivalued else part.vocabulary.n_codes for part in coders
        ],
        target=target,
        weight=rows.weight,
        fold=rows.fold,
        folds=folds,
        shares=shares,
        group=group,
    )


def learn_beside(
    plan: Plan,
    rows: "Rows",
    evidence: Evidence,
    trained: "Trained",
    crosses: Sequence[tuple[int, int]],
    *,
    choose: bool,
) -> Extras:
    """Learn what stands beside the vectors; ``crosses`` unless they are chosen."""
    predictor, layout = trained.predictor, evidence.layout

    def predict(index: NDArray[np.intp]) -> NDArray[np.float64]:
        assert predictor is not None
        fold = evidence.folds.table_of(rows.fold[index])
        cells = by_column(trained.tables, layout.table_of, layout.bags)
        vectors = look_up(cells, rows.codes[index], fold)
        return predictor.predict(vectors, rows.numeric[index], fold)

    return learn_extras(
        evidence,
        predict=predict if choose else None,
        predictor=predictor if plan.adds_prediction else None,
        crosses=crosses,
        add_statistics=plan.parameters.add_statistics,
        add_support=plan.parameters.add_support,
    )
