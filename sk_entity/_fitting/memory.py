"""A frame and its target -> what is learned: in a first fit, or further."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder
from sk_entity._columns import Header, read_numbers
from sk_entity._features import Folds, Lookup
from sk_entity._fitting.beside import evidence_of, learn_beside
from sk_entity._fitting.blending import blended, start_of
from sk_entity._fitting.categories import cross_pairs, new_coder
from sk_entity._fitting.folds import check_folds
from sk_entity._fitting.given import GivenVectors, read_pretrained
from sk_entity._fitting.order import find_order
from sk_entity._fitting.plan import Plan, categorical_names, plan_dims
from sk_entity._fitting.texts import tell_of_texts
from sk_entity._learned import Learned
from sk_entity._parameters import Parameters
from sk_entity._progress import HEADS, Progress
from sk_entity._target import (
    Objective,
    hidden_cells,
    hidden_objective,
    read_objective,
    row_balance,
)
from sk_entity._validation import (
    check_groups,
    check_offset,
    check_weights,
    fresh_seed,
)
from sk_entity._warnings import warn
from sk_entity.exceptions import NoCategoricalColumnsWarning

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows


@dataclass(frozen=True, eq=False)
class Given:
    """What a fit was given, its rows as a frame.

    Attributes
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    header : Header
        Its columns; of a further fit those of the first.
    container : str
        The kind of output that is asked for.
    y, sample_weight, groups, offset, classes : Any
        As the encoder's methods take them.
    """

    frame: pd.DataFrame
    header: Header
    container: str
    y: Any = None
    sample_weight: Any = None
    groups: Any = None
    offset: Any = None
    classes: Any = None


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


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is to be learned of the rows' target, and who may learn it.

    Attributes
    ----------
    objective : Objective
    values : ndarray of shape (n_rows,) or (n_rows, n_columns), float64
    fold : ndarray of shape (n_rows,), int32
        The part of each row, as `folds` has them.
    folds : Folds
    group : ndarray of shape (n_rows,), int, or None
        The number of each row's group.
    """

    objective: Objective
    values: NDArray[np.float64]
    fold: NDArray[np.int32]
    folds: Folds
    group: NDArray[np.intp] | None


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
    lesson = _read_lesson(parameters, given, coder, codes, weight, seed, earlier)
    numbers = read_numbers(given.frame, coder.schema, given.header.names)
    if earlier is None:
        _look_at_order(parameters, lesson, codes, numbers, weight > 0, seed)
    rows = Rows(
        codes.known().numbers,
        numbers,
        lesson.values,
        weight,
        lesson.fold,
    )
    dims = _dims(parameters, given, coder, lesson, rows, vectors, earlier)
    layout = coder.layout(dims, codes)
    folds = lesson.folds
    plan = Plan(parameters, given.header, coder, lesson.objective, layout, folds)
    plan.check_names()
    if not coder.coders:
        _warn_no_categories(plan)
        learned = plan.without_training(
            weight=total, n_rows=n_rows, history=pd.DataFrame()
        )
        return learned, TrainingRows(given.frame, codes, lesson.fold, learned.lookup)
    plan.tell_cost()
    crosses = cross_pairs(parameters, plan.names, earlier)
    trained = train(
        rows,
        layout=layout,
        folds=folds,
        objective=plan.objective,
        settings=plan.settings(),
        start=start_of(plan, vectors, earlier, total, same_rows=same_rows),
        seed=seed,
        progress=progress,
    )
    progress.report(HEADS, "crosses and statistics")
    evidence = evidence_of(plan, rows, codes, folds, lesson.group)
    choose = plan.chooses_crosses and earlier is None
    extras = learn_beside(plan, rows, evidence, trained, crosses, choose=choose)
    learned = plan.finished(trained, extras, weight=total, n_rows=n_rows)
    if earlier is not None:
        learned = blended(earlier, learned, same_rows=same_rows)
    lookup = Lookup(trained.tables, coder.table_of, extras)
    progress.report(1.0, f"{n_rows:,} rows")
    table = folds.table_of(lesson.fold)
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


def _read_lesson(
    parameters: Parameters,
    given: Given,
    coder: FrameCoder,
    codes: Codes,
    weight: NDArray[np.float64],
    seed: int,
    earlier: Learned | None,
) -> Lesson:
    """Read the target, or make one of the cells, and draw the folds."""
    frame = given.frame
    groups, group = check_groups(given.groups, frame)
    known = None if earlier is None else earlier.objective
    if parameters.self_supervision is not None:
        numbers = codes.known().numbers
        objective, values = _hidden_cells(
            parameters, given, coder, numbers, weight, known
        )
        fold = np.zeros(len(frame), np.int32)
        return Lesson(objective, values, fold, Folds(0), group)
    objective, target, values = read_objective(
        given.y,
        len(frame),
        parameters.loss,
        offset=check_offset(given.offset, frame),
        earlier=known,
        classes=given.classes,
    )
    fold, folds = check_folds(parameters.cv, target, weight, groups=groups, seed=seed)
    return Lesson(objective, values, fold, folds, group)


def _look_at_order(
    parameters: Parameters,
    lesson: Lesson,
    codes: Codes,
    numbers: NDArray[np.float64],
    counts: NDArray[np.bool_],
    seed: int,
) -> None:
    """Warn if rows depend on their order, and folds were drawn without a thought."""
    objective = lesson.objective
    several = objective.is_multiple or objective.is_custom
    drawn = isinstance(parameters.cv, (int, np.integer)) and lesson.group is None
    if several or not drawn or parameters.self_supervision is not None:
        return
    target, _ = objective.statistics(lesson.values)
    classes = None
    if objective.classes is not None:
        classes = lesson.values.reshape(len(target), -1)[:, 0].astype(np.intp)
    whole = codes.known().whole()
    find_order(target, classes, whole, numbers, counts, seed).tell()


def _hidden_cells(
    parameters: Parameters,
    given: Given,
    coder: FrameCoder,
    numbers: NDArray[np.int32],
    weight: NDArray[np.float64],
    known: Objective | None,
) -> tuple[Objective, NDArray[np.float64]]:
    """Return the cells to be told when they are hidden, as a target."""
    hiding = parameters.self_supervision
    assert hiding is not None
    if given.offset is not None:
        raise ValueError(
            f"offset cannot be used with loss={parameters.loss!r}, which has no target."
        )
    columns = coder.single_valued
    if coder.coders and not columns:
        raise ValueError(
            f"loss={parameters.loss!r} hides cells that hold one value, but all "
            "categorical columns are multivalued: pass a target, or add a column."
        )
    if known is None:
        names = categorical_names(given.header, coder)
        known = hidden_objective(
            numbers[:, columns],
            weight,
            [names[j] for j in columns],
            hiding.max_classes,
        )
    return known, hidden_cells(numbers[:, columns], known)


def _dims(
    parameters: Parameters,
    given: Given,
    coder: FrameCoder,
    lesson: Lesson,
    rows: "Rows",
    vectors: dict[int, GivenVectors],
    earlier: Learned | None,
) -> list[int]:
    """Return the dimension of each table: those of before, in a further fit."""
    if earlier is not None:
        return [table.shape[1] for table in earlier.vectors]
    if not coder.coders:
        return []
    return plan_dims(
        parameters.embedding_dim,
        coder,
        categorical_names(given.header, coder),
        balance=row_balance(lesson.objective, lesson.values, rows.weight),
        given=vectors,
        numbers=rows.codes,
        group=lesson.group,
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
