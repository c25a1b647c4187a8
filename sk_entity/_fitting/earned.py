"""Features -> those that are worth their columns to trees."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes
from sk_entity._choices import Choice
from sk_entity._features import Evidence, Extras, Lookup, TargetCurve
from sk_entity._fitting.plan import Plan
from sk_entity._fitting.trial import EARNS, Trial, alike

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows


def keep_what_earns_it(
    plan: Plan,
    rows: "Rows",
    evidence: Evidence,
    lookup: Lookup,
    judges: NDArray[np.intp],
    seed: int,
    least: float,
) -> tuple[Extras, list[Choice]]:
    """Leave out what does not earn its place among trees: curves, the prediction.

    Unless the user asked for it.

    Parameters
    ----------
    plan, rows, evidence, seed
        As `learn_beside` takes them.
    lookup : Lookup
        Of all features.
    judges : ndarray of int
        The rows of the trial.
    least : float
        By how many standard errors trees must be better with the prediction.

    Returns
    -------
    extras : Extras
    choices : list of Choice
    """
    extras = lookup.extras
    n_pairs = sum(not isinstance(cross, TargetCurve) for cross in extras.crosses)
    curves = plan.chooses_crosses and n_pairs < len(extras.crosses)
    if not (curves or plan.tries_prediction):
        return extras, []
    only_pairs = replace(extras, crosses=extras.crosses[:n_pairs])
    trial = _trial(plan, rows, evidence, lookup, judges, seed)
    if not trial.says_something:
        return only_pairs if curves else extras, []
    end = lookup.n_features
    before = end - lookup.n_predictions
    choices = list[Choice]()
    if curves:
        # They stand between pairs and the prediction.
        n_curves = sum(c.n_outputs for c in extras.crosses[n_pairs:])
        choices.append(
            trial.try_without(slice(before - n_curves, before), "curves", EARNS)
        )
        if choices[-1].kept == "no":
            extras = only_pairs
    if plan.tries_prediction:
        choices.append(trial.try_without(slice(before, end), "prediction", least))
        if choices[-1].kept == "no":
            extras = replace(extras, predictor=None)
    return extras, choices


def _trial(
    plan: Plan,
    rows: "Rows",
    evidence: Evidence,
    lookup: Lookup,
    index: NDArray[np.intp],
    seed: int,
) -> Trial:
    """Return a trial of the features and the numbers of some rows, in this order."""
    features = np.empty((len(index), lookup.n_features))
    codes = Codes(evidence.numbers[index], tuple(evidence.layout.bags))
    numbers, table = rows.numeric[index], evidence.table[index]
    lookup.write(features, codes, table, numbers)
    group = None if evidence.group is None else evidence.group[index]
    return Trial(
        plan.objective,
        rows.target[index],
        rows.weight[index],
        np.hstack([features, numbers]),
        alike(evidence.numbers[index], numbers, group),
        in_time=not evidence.folds.is_plain,
        seed=seed,
    )
