"""Training rows and what was trained -> what stands beside the vectors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes
from sk_entity._choices import Choice
from sk_entity._features import (
    Ablation,
    Evidence,
    Extras,
    Folds,
    Lookup,
    learn_extras,
)
from sk_entity._fitting.coordinates import Predictions, choose_coordinates
from sk_entity._fitting.plan import Plan
from sk_entity._fitting.trial import alike, trial_rows, worth_of_prediction
from sk_entity._learned import Learned

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
    if earlier is None:
        shown, choices = choose_coordinates(plan, trained, evidence, predictions)
        adds = plan.adds_prediction
    else:
        shown, choices = earlier.shown, []
        adds = earlier.extras.predictor is not None
    extras, of_crosses = learn_extras(
        evidence,
        predict=predictions if choose else None,
        predictor=trained.predictor if adds else None,
        crosses=crosses,
        add_statistics=plan.parameters.add_statistics,
        add_support=plan.parameters.add_support,
    )
    choices += [
        Choice("cross", "*".join(plan.names[j] for j in pair), worth, z, kept)
        for pair, worth, z, kept in of_crosses
    ]
    if earlier is None and plan.tries_prediction:
        lookup = Lookup(trained.tables, plan.layout.table_of, extras, shown)
        choice = _try_prediction(plan, rows, evidence, lookup, seed)
        choices += [] if choice is None else [choice]
        if choice is not None and choice.kept == "no":
            extras = replace(extras, predictor=None)
    return extras, shown, choices


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


def _try_prediction(
    plan: Plan, rows: "Rows", evidence: Evidence, lookup: Lookup, seed: int
) -> Choice | None:
    """Find out what the prediction is worth beside all other features."""
    folds = evidence.folds
    index = trial_rows(evidence.fold, folds, evidence.weight)
    if not len(index):
        return None
    features = np.empty((len(index), lookup.n_features))
    prediction = slice(len(features.T) - lookup.n_predictions, len(features.T))
    codes = Codes(evidence.numbers[index], tuple(evidence.layout.bags))
    numbers, table = rows.numeric[index], evidence.table[index]
    lookup.write(features, codes, table, numbers)
    group = None if evidence.group is None else evidence.group[index]
    return worth_of_prediction(
        plan.objective,
        rows.target[index],
        rows.weight[index],
        np.hstack([features, numbers]),
        prediction,
        alike(evidence.numbers[index], numbers, group),
        in_time=not folds.is_plain,
        seed=seed,
    )
