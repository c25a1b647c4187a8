"""Frames that come one after the other -> what is learned."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sk_entity._categories import FrameCoder
from sk_entity._choices import Choice
from sk_entity._columns import Header, read_numbers
from sk_entity._features import Extras
from sk_entity._fitting.batches import StreamReader
from sk_entity._fitting.categories import new_coder
from sk_entity._fitting.encoded import (
    SAMPLE_ROWS,
    check_total,
    choose,
    merged,
    n_folds_of,
    plan_of,
    statistics_of,
)
from sk_entity._fitting.plan import Plan
from sk_entity._learned import Learned
from sk_entity._parameters import Parameters
from sk_entity._progress import HEADS, Progress
from sk_entity._target import Objective, objective_of, wants_numbers
from sk_entity._validation import (
    check_frame,
    check_weights,
    fresh_seed,
    read_input,
)
from sk_entity.exceptions import ColumnError

if TYPE_CHECKING:
    from sk_entity._learning.task import Trained


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
    from sk_entity._learning.batches import SpooledRows
    from sk_entity._learning.trainer import train_encoded

    progress = Progress(parameters.verbose)
    seed, n_folds = fresh_seed(parameters.random_state), n_folds_of(parameters)
    numbers = wants_numbers(parameters.loss)
    columns = (target, sample_weight, groups)
    with StreamReader(*columns, n_folds, seed, numbers=numbers) as reader:
        header, coder, objective = _read(parameters, source, reader, seed, container)
        spool = reader.spool
        sample = spool.sample(SAMPLE_ROWS)
        plan = plan_of(parameters, header, coder, objective, sample)
        trained = train_encoded(
            partial(SpooledRows, spool),
            sample,
            [part.vocabulary.code_counts for part in coder.coders],
            layout=plan.layout,
            folds=plan.folds,
            objective=objective,
            settings=plan.settings(),
            seed=seed,
            progress=progress,
        )
        progress.report(HEADS, "crosses and statistics")
        beside = _learn_beside(plan, spool, trained, seed)
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
    check_total(reader.weight)
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
    plan: Plan, spool: Any, trained: "Trained", seed: int
) -> tuple[Extras, list[int], list[Choice]]:
    """Choose by a sample, then learn all statistics from all rows."""
    chosen, shown, choices = choose(plan, spool.sample(SAMPLE_ROWS), trained, seed)
    crosses = [(a, b) for a, b in (c.columns for c in chosen.crosses)]
    extras: Extras | None = None
    for block in spool.blocks(SAMPLE_ROWS):
        part = statistics_of(plan, block, trained.scaling, crosses)
        extras = merged(extras, part)
    assert extras is not None
    return replace(extras, predictor=chosen.predictor), shown, choices
