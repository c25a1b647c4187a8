"""Frames that come one after the other -> what is learned."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sk_entity._categories import FrameCoder
from sk_entity._columns import Header, read_numbers
from sk_entity._fitting.batches import Columns, DrawnFolds, StreamReader, naming
from sk_entity._fitting.categories import new_coder
from sk_entity._fitting.crossfitted import Fitted, finish, statistics_by_fold
from sk_entity._fitting.encoded import (
    SAMPLE_ROWS,
    check_total,
    choose,
    n_folds_of,
    plan_of,
)
from sk_entity._fitting.sources import check_rereadable, frames_of
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


def learn_stream(
    parameters: Parameters,
    source: Any,
    target: str,
    sample_weight: str | None,
    groups: str | None,
    *,
    container: str,
    twice: bool,
) -> tuple[Learned, Callable[[], Iterator[Any]]]:
    """Fit rows of which a batch at a time is in memory.

    Parameters
    ----------
    parameters : Parameters
    source, target, sample_weight, groups
        As `EntityEmbeddingEncoder.fit_stream` takes them.
    container : str
        The kind of output that is asked for.
    twice : bool
        Whether features are wanted, so that the source is read again.

    Returns
    -------
    learned : Learned
    features : callable
        Reads the source again, and returns the cross-fitted features of each batch.
    """
    from sk_entity._learning.batches import SpooledRows
    from sk_entity._learning.trainer import train_encoded

    if twice:
        check_rereadable(source)
    progress = Progress(parameters.verbose)
    seed, n_folds = fresh_seed(parameters.random_state), n_folds_of(parameters)
    numbers = wants_numbers(parameters.loss)
    columns = Columns(target, sample_weight, groups)
    with StreamReader(columns, n_folds, seed, numbers=numbers) as reader:
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
        chosen = choose(plan, sample, trained, seed)
        crosses = [(a, b) for a, b in (c.columns for c in chosen[0].crosses)]
        blocks, n_rows = spool.blocks(SAMPLE_ROWS), len(spool)
        statistics = statistics_by_fold(plan, blocks, trained.scaling, crosses)
        progress.report(1.0, f"{n_rows:,} rows")
        fitted = finish(plan, trained, chosen, statistics, reader.weight, n_rows)
    folds = DrawnFolds(groups, n_folds, seed)
    return fitted.learned, partial(_features, fitted, source, columns, folds, container)


def _features(
    fitted: Fitted, source: Any, columns: Columns, folds: DrawnFolds, container: str
) -> Iterator[Any]:
    """Yield the features of each batch of the rows that were learned from."""
    n_rows, expected = 0, fitted.learned.n_rows
    for frame, place in frames_of(source):
        with naming(place):
            X, fold = columns.inputs(frame), folds.of(frame)
            features = fitted.features(X, fold, container)
        n_rows += len(frame)
        yield features
    if n_rows != expected:
        raise ValueError(
            f"The source had {expected:,} rows when it was learned from, and "
            f"{n_rows:,} when it was read again, so that rows were not looked up in "
            "the fold that does not know them. Features need the same rows in the same "
            "order: write them to files first."
        )


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
    for frame, place in frames_of(source):
        with naming(place):
            X, weights = reader.take(frame)
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
