"""Training rows and what was trained -> what stands beside the vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes
from sk_entity._choices import Choice, yes_or_no
from sk_entity._features import (
    Ablation,
    Evidence,
    Extras,
    Folds,
    Lookup,
    Scaling,
    learn_extras,
)
from sk_entity._fitting.coordinates import Coordinates, Predictions, choose_coordinates
from sk_entity._fitting.earned import keep_what_earns_it
from sk_entity._fitting.plan import Plan
from sk_entity._fitting.trial import CLEARLY, COSTS_LITTLE, trial_rows
from sk_entity._learned import Learned

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.task import Trained


def evidence_of(
    plan: Plan,
    rows: "Rows",
    codes: Codes,
    folds: Folds,
    scaling: Scaling,
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
        numeric=rows.numeric,
        scaler=scaling.scaler,
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
    seed: int,
    earlier: Learned | None = None,
) -> tuple[Extras, list[int], list[Choice]]:
    """Learn what stands beside the vectors, and choose what is output.

    Parameters
    ----------
    plan : Plan
    rows : Rows
    evidence : Evidence
        Of the same rows.
    trained : Trained
    crosses : list of (int, int)
        Pairs of columns, unless they are chosen.
    seed : int
    earlier : Learned or None, default=None
        The fit that is continued: it has chosen.

    Returns
    -------
    extras : Extras
    shown : list of int
        Coordinates of each table that are output.
    choices : list of Choice
    """
    predictions, choose = None, plan.chooses_crosses and earlier is None
    if trained.predictor is not None and plan.folds.n_folds:
        predictions = _predictions(rows, evidence, trained)
    judges = np.empty(0, dtype=np.intp)
    if earlier is None and plan.can_try:
        judges = trial_rows(evidence.fold, plan.folds, evidence.weight)
    if earlier is None:
        coordinates = choose_coordinates(plan, trained, evidence, predictions)
        adds = plan.adds_prediction
    else:
        coordinates = Coordinates(list(earlier.shown), [], True)
        adds = earlier.extras.predictor is not None
    extras, of_crosses = learn_extras(
        evidence,
        predict=predictions if choose else None,
        predictor=trained.predictor if adds else None,
        crosses=crosses,
        # What a category says of a number ages faster than its mean.
        curves=len(judges) > 0 and plan.folds.is_plain,
        add_statistics=plan.parameters.add_statistics,
        add_support=plan.parameters.add_support,
    )
    tried = list[Choice]()
    if len(judges):
        lookup = Lookup(trained.tables, plan.layout.table_of, extras, coordinates.shown)
        # Of numbers alone, a booster may make as much itself.
        least = COSTS_LITTLE if coordinates.some_speak else CLEARLY
        extras, tried = keep_what_earns_it(
            plan, rows, evidence, lookup, judges, seed, least
        )
        speaks = coordinates.some_speak or extras.crosses
        if not speaks and plan.parameters.add_support:  # which stands for the column
            coordinates = coordinates.hidden(plan)
    names, kept = plan.names + plan.numbers, [c.columns for c in extras.crosses]
    choices = coordinates.choices(plan) if earlier is None else []
    for pair, worth, z in of_crosses:
        name = "*".join(names[j] for j in pair)
        choices.append(Choice("cross", name, worth, z, yes_or_no(pair in kept)))
    return extras, coordinates.shown, choices + tried


def _predictions(rows: "Rows", evidence: Evidence, trained: "Trained") -> Predictions:
    """Return what predicts training rows, by their numbers, out-of-fold."""
    assert trained.predictor is not None
    layout = evidence.layout
    net = Ablation(trained.tables, layout.table_of, layout.bags, trained.predictor)

    def predict(
        index: NDArray[np.intp], without: int | None = None
    ) -> NDArray[np.float64]:
        table = evidence.folds.table_of(rows.fold[index])
        return net.predict(rows.codes[index], rows.numeric[index], table, without)

    return predict
