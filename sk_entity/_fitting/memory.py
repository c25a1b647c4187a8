"""A frame and its target -> what is learned: in a first fit, or further."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder
from sk_entity._columns import read_numbers
from sk_entity._features import Lookup
from sk_entity._fitting.beside import evidence_of, learn_beside
from sk_entity._fitting.blending import blended, start_of
from sk_entity._fitting.categories import cross_pairs, new_coder
from sk_entity._fitting.given import GivenVectors, read_pretrained
from sk_entity._fitting.lesson import Given, Lesson, read_lesson
from sk_entity._fitting.plan import Plan, categorical_names, plan_dims
from sk_entity._fitting.texts import tell_of_texts
from sk_entity._learned import Learned
from sk_entity._parameters import Parameters
from sk_entity._progress import HEADS, Progress
from sk_entity._target import (
    row_balance,
)
from sk_entity._validation import (
    check_weights,
    fresh_seed,
)
from sk_entity._warnings import warn
from sk_entity.exceptions import NoCategoricalColumnsWarning

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What training rows look their own features up in: what never saw them.

    Attributes
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    codes : Codes
    fold : ndarray of shape (n_rows,), int32
        The table of each row.
    lookup : Lookup
        With a table a fold.
    """

    frame: pd.DataFrame
    codes: Codes
    fold: NDArray[np.int32]
    lookup: Lookup


def learn(
    parameters: Parameters,
    given: Given,
    earlier: Learned | None = None,
    *,
    same_rows: bool = False,
) -> tuple[Learned, TrainingRows]:
    """Fit rows that are in memory.

    Parameters
    ----------
    parameters : Parameters
    given : Given
    earlier : Learned or None, default=None
        What a further fit goes on from.
    same_rows : bool, default=False
        Whether the rows stand for the earlier ones, too: then the decoder and what
        makes vectors mean what they meant is kept, not the vectors themselves.

    Returns
    -------
    learned : Learned
    rows : TrainingRows
    """
    # Here, not at the top: ``import sk_entity`` and ``transform`` need no torch.
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.trainer import train

    progress = Progress(parameters.verbose)
    weight = check_weights(given.sample_weight, given.frame)
    seed, n_rows = fresh_seed(parameters.random_state), len(given.frame)
    total = float(weight.sum())
    coder, vectors = _read_categories(parameters, given, weight, seed, earlier)
    codes, _ = coder.encode(given.frame)
    numbers = read_numbers(given.frame, coder.schema, given.header.names)
    known = None if earlier is None else earlier.objective
    lesson = read_lesson(
        parameters,
        given,
        coder,
        codes,
        numbers,
        weight,
        seed,
        known,
        looks=earlier is None or same_rows,
    )
    rows = Rows(codes.known().numbers, numbers, lesson.values, weight, lesson.fold)
    plan = _plan(parameters, given, coder, codes, lesson, rows, vectors, earlier)
    plan.check_names()
    if not coder.coders:
        _warn_no_categories(plan)
        learned = plan.without_training(
            weight=total, n_rows=n_rows, history=pd.DataFrame()
        )
        return learned, TrainingRows(given.frame, codes, lesson.fold, learned.lookup)
    plan.tell_cost()
    crosses = cross_pairs(parameters, plan.names, plan.numbers, earlier)
    trained = train(
        rows,
        layout=plan.layout,
        folds=plan.folds,
        objective=plan.objective,
        settings=plan.settings(),
        start=start_of(plan, vectors, earlier, total, same_rows=same_rows),
        seed=seed,
        progress=progress,
    )
    progress.report(HEADS, "crosses and statistics")
    evidence = evidence_of(plan, rows, codes, plan.folds, trained.scaling, lesson.group)
    extras, shown, choices = learn_beside(
        plan, rows, evidence, trained, crosses, seed, earlier
    )
    learned = plan.finished(
        trained, extras, shown, lesson.choices + choices, weight=total, n_rows=n_rows
    )
    if earlier is not None:
        learned = blended(earlier, learned, same_rows=same_rows)
    lookup = Lookup(trained.tables, coder.table_of, extras, shown)
    progress.report(1.0, f"{n_rows:,} rows")
    table = plan.folds.table_of(lesson.fold)
    return learned, TrainingRows(given.frame, codes, table, lookup)


def _read_categories(
    parameters: Parameters,
    given: Given,
    weight: NDArray[np.float64],
    seed: int,
    earlier: Learned | None,
) -> tuple[FrameCoder, dict[int, GivenVectors]]:
    """Return the vocabularies, and the vectors that tables are given."""
    frame, header, limits = given.frame, given.header, parameters.limits
    if earlier is None:
        coder = new_coder(
            parameters, frame, header, given.container, weight, seed, **limits
        )
    else:
        earlier.coder.schema.check_further(frame)
        coder = earlier.coder.extend(frame, weight, **limits)
    names = categorical_names(header, coder)
    if earlier is None:
        tell_of_texts(coder, names, parameters.pretrained or (), len(frame))
    vectors = read_pretrained(parameters.pretrained, names, coder)
    if earlier is None:
        for t, source in vectors.items():
            source.check_dim(parameters.embedding_dim)
            vocabulary = source.join(coder.coders[t].vocabulary)
            coder = coder.with_vocabulary(t, vocabulary)
    return coder, vectors


def _plan(
    parameters: Parameters,
    given: Given,
    coder: FrameCoder,
    codes: Codes,
    lesson: Lesson,
    rows: "Rows",
    vectors: dict[int, GivenVectors],
    earlier: Learned | None,
) -> Plan:
    """Plan the fit; dimensions of tables are those of before, in a further fit."""
    dims, automatic = list[int](), list[bool]()
    if earlier is not None:
        dims = [table.shape[1] for table in earlier.vectors]
        automatic = [False] * len(dims)
    elif coder.coders:
        dims, automatic = plan_dims(
            parameters.embedding_dim,
            coder,
            categorical_names(given.header, coder),
            balance=row_balance(lesson.objective, lesson.values, rows.weight),
            given=vectors,
            numbers=rows.codes,
            group=lesson.group,
        )
    layout = coder.layout(dims, codes)
    return Plan(
        parameters,
        given.header,
        coder,
        lesson.objective,
        layout,
        lesson.folds,
        automatic,
    )


def _warn_no_categories(plan: Plan) -> None:
    names = plan.header.names
    shown = names[:10] + (["..."] if len(names) > 10 else [])
    warn(
        f"No categorical column found among {shown} by categorical_features="
        f"{plan.parameters.categorical_features!r}: the numeric columns pass through "
        "and nothing is learned. Pass the names of the columns to embed, or 'all' for "
        "every column.",
        NoCategoricalColumnsWarning,
    )
