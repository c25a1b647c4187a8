"""What a fit was given -> what is to be learned of its target, and by whom."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import Codes, FrameCoder
from sk_entity._choices import Choice
from sk_entity._columns import Header
from sk_entity._features import Folds
from sk_entity._fitting.copies import LEAST_ROWS, find_copies
from sk_entity._fitting.folds import check_folds
from sk_entity._fitting.order import Order, find_order
from sk_entity._fitting.plan import categorical_names
from sk_entity._parameters import Parameters
from sk_entity._target import (
    Objective,
    hidden_cells,
    hidden_objective,
    read_objective,
)
from sk_entity._validation import check_groups, check_offset


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
        The number of each row's group, or of the row that it is a copy of.
    choices : list of Choice
        How the folds were chosen, if there was a choice.
    """

    objective: Objective
    values: NDArray[np.float64]
    fold: NDArray[np.int32]
    folds: Folds
    group: NDArray[np.intp] | None
    choices: list[Choice]


def read_lesson(
    parameters: Parameters,
    given: Given,
    coder: FrameCoder,
    codes: Codes,
    numbers: NDArray[np.float64],
    weight: NDArray[np.float64],
    seed: int,
    earlier: Objective | None,
    *,
    looks: bool,
) -> Lesson:
    """Read the target, or make one of the cells, and draw the folds.

    Parameters
    ----------
    parameters : Parameters
    given : Given
    coder : FrameCoder
    codes : Codes
        The cells of its categorical columns.
    numbers : ndarray of shape (n_rows, n_numeric)
    weight : ndarray of shape (n_rows,)
    seed : int
    earlier : Objective or None
        Of the fit that this one goes on from.
    looks : bool
        Whether to look at the order of the rows.
    """
    frame = given.frame
    groups, group = check_groups(given.groups, frame)
    if parameters.self_supervision is not None:
        objective, values = _hidden_cells(
            parameters, given, coder, codes.known().numbers, weight, earlier
        )
        fold = np.zeros(len(frame), np.int32)
        return Lesson(objective, values, fold, Folds(0), group, [])
    objective, target, values = read_objective(
        given.y,
        len(frame),
        parameters.loss,
        offset=check_offset(given.offset, frame),
        earlier=earlier,
        classes=given.classes,
    )
    cv, choices, in_time = parameters.cv, list[Choice](), False
    drawn = isinstance(cv, (str, Integral)) and groups is None
    one = not (objective.is_multiple or objective.is_custom)
    if drawn and one and looks:
        order = _order(objective, values, codes, numbers, weight > 0, seed)
        in_time = cv == "auto" and order.matters and order.can_split
        order.tell(split=in_time)
        choices = order.choices(split=in_time)
    copies = None
    if drawn and not in_time:
        # There are no more folds than different rows.
        least = LEAST_ROWS if cv == "auto" else max(LEAST_ROWS, int(cv))
        target_of = np.nan_to_num(values.reshape(len(values), -1))
        whole = codes.known().whole()
        found = find_copies(target_of, whole, numbers, least)
        choices += found.choices()
        copies = group = found.number
    fold, folds = check_folds(
        cv, target, weight, groups=groups, copies=copies, in_time=in_time, seed=seed
    )
    return Lesson(objective, values, fold, folds, group, choices)


def _order(
    objective: Objective,
    values: NDArray[np.float64],
    codes: Codes,
    numbers: NDArray[np.float64],
    counts: NDArray[np.bool_],
    seed: int,
) -> Order:
    """Find out whether rows depend on their order."""
    target, _ = objective.statistics(values)
    classes = None
    if objective.classes is not None:
        classes = values.reshape(len(target), -1)[:, 0].astype(np.intp)
    whole = codes.known().whole()
    return find_order(target, classes, whole, numbers, counts, seed)


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
