"""Frames that come one after the other -> what is learned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder
from sk_entity._choices import Choice
from sk_entity._columns import Header, read_numbers
from sk_entity._features import Evidence, Extras, Folds, Scaling, learn_extras
from sk_entity._fitting.batches import StreamReader
from sk_entity._fitting.beside import evidence_of, learn_beside
from sk_entity._fitting.categories import cross_pairs, new_coder
from sk_entity._fitting.folds import AUTO_FOLDS
from sk_entity._fitting.plan import Plan, categorical_names, plan_dims
from sk_entity._learned import Learned
from sk_entity._parameters import Parameters
from sk_entity._progress import HEADS, Progress
from sk_entity._target import Objective, objective_of, row_balance, wants_numbers
from sk_entity._validation import (
    check_frame,
    check_weights,
    fresh_seed,
    read_input,
)
from sk_entity.exceptions import ColumnError

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.task import Trained

#: Rows by which crosses are chosen, and whose statistics are taken at a time.
SAMPLE_ROWS = 500_000
#: Cells of a cross that are kept: the number of different pairs can grow with the rows.
MOST_CELLS = 500_000


def learn_stream(
    parameters: Parameters,
    source: Any,
    target: str,
    *,
    sample_weight: str | None,
    groups: str | None,
    container: str,
) -> Learned:
    """Fit rows of which a batch at a time is in memory.

    Parameters
    ----------
    parameters : Parameters
    source, target, sample_weight, groups
        As `EntityEmbeddingEncoder.fit_stream` takes them.
    container : str
        The kind of output that is asked for.
    """
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.trainer import train_spooled

    progress = Progress(parameters.verbose)
    seed, cv = fresh_seed(parameters.random_state), parameters.cv
    n_folds = AUTO_FOLDS if isinstance(cv, str) else cv or 0
    numbers = wants_numbers(parameters.loss)
    columns = (target, sample_weight, groups)
    with StreamReader(*columns, n_folds, seed, numbers=numbers) as reader:
        header, coder, objective = _read(parameters, source, reader, seed, container)
        spool = reader.spool
        sample = Rows.of(spool.sample(SAMPLE_ROWS))
        dims, automatic = plan_dims(
            parameters.embedding_dim,
            coder,
            categorical_names(header, coder),
            balance=row_balance(objective, sample.target, sample.weight),
            given={},
        )
        empty = Codes(np.empty((0, 0), np.int32), (None,) * len(coder.table_of))
        layout = coder.layout(dims, empty)
        folds = Folds(n_folds)
        plan = Plan(parameters, header, coder, objective, layout, folds, automatic)
        plan.check_names()
        plan.tell_cost()
        crosses = cross_pairs(parameters, plan.names, plan.numbers, None)
        trained = train_spooled(
            spool,
            [part.vocabulary.code_counts for part in coder.coders],
            layout=layout,
            folds=folds,
            objective=objective,
            settings=plan.settings(),
            seed=seed,
            progress=progress,
        )
        progress.report(HEADS, "crosses and statistics")
        beside = _learn_beside(plan, spool, trained, crosses, seed)
        progress.report(1.0, f"{len(spool):,} rows")
        n_rows = len(spool)
        return plan.finished(trained, *beside, weight=reader.weight, n_rows=n_rows)


def _read(
    parameters: Parameters,
    source: Any,
    reader: StreamReader,
    seed: int,
    container: str,
) -> tuple[Header, FrameCoder, Objective]:
    """Encode all batches into the reader's spool; return what is known of them."""
    header: Header | None = None
    coder: FrameCoder | None = None
    with reader.naming():
        for X, weights in reader.batches(source):
            if header is None:
                frame, header = read_input(X)
            else:
                frame = check_frame(header, X, some=True)
            weight = check_weights(weights, frame, some=False)
            if coder is None:
                coder = new_coder(parameters, frame, header, container, weight, seed)
                _open(parameters, coder, reader)
            else:
                coder.schema.check_further(frame)
                coder = coder.extend(frame, weight)
            codes = coder.encode(frame)[0].known().numbers
            numeric = read_numbers(frame, coder.schema, header.names)
            reader.write(codes, numeric, weight)
    if header is None or coder is None:
        raise ValueError("fit_stream got no rows: the source is empty.")
    if not reader.weight > 0:
        raise ValueError(
            "Sample weights are all zero: the sum of sample_weight must be "
            "positive, for there is no row left to learn from."
        )
    coder, numbers = coder.numbered(**parameters.limits)
    return header, coder, objective_of(*reader.finish(numbers), parameters.loss)


def _open(parameters: Parameters, coder: FrameCoder, reader: StreamReader) -> None:
    schema = coder.schema
    if not schema.categorical:
        raise ColumnError(
            "fit_stream found no categorical column by categorical_features"
            f"={parameters.categorical_features!r}: there is nothing to learn."
        )
    reader.open(len(schema.categorical), len(schema.numeric))


def _learn_beside(
    plan: Plan,
    spool: Any,
    trained: "Trained",
    crosses: Sequence[tuple[int, int]],
    seed: int,
) -> tuple[Extras, list[int], list[Choice]]:
    """Choose by a sample, then learn all statistics from all rows."""
    rows, evidence = _evidence(
        plan, spool.sample(SAMPLE_ROWS), plan.folds, trained.scaling
    )
    chosen, shown, choices = learn_beside(plan, rows, evidence, trained, crosses, seed)
    extras: Extras | None = None
    for block in spool.blocks(SAMPLE_ROWS):
        _, evidence = _evidence(plan, block, Folds(0), trained.scaling)
        part, _ = learn_extras(
            replace(evidence, fold=np.zeros_like(evidence.fold)),
            predict=None,
            predictor=chosen.predictor,
            crosses=[(a, b) for a, b in (c.columns for c in chosen.crosses)],
            curves=False,
            add_statistics=plan.parameters.add_statistics,
            add_support=plan.parameters.add_support,
        )
        extras = part if extras is None else extras.merged(part)
        extras = extras.trimmed(MOST_CELLS)
    assert extras is not None
    return extras, shown, choices


def _evidence(
    plan: Plan, block: NDArray[Any], folds: Folds, scaling: Scaling
) -> tuple["Rows", Evidence]:
    from sk_entity._learning.rows import Rows

    rows = Rows.of(block)
    codes = Codes(rows.codes, (None,) * rows.codes.shape[1])
    return rows, evidence_of(plan, rows, codes, folds, scaling)
