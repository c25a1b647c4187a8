"""Rows -> the fold that holds each out, and the tables that each may teach."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._features import Folds
from sk_entity._target import Target
from sk_entity.exceptions import FoldError

#: Folds of ``cv="auto"``.
AUTO_FOLDS = 5


def check_folds(
    cv: Any,
    target: Target,
    weight: NDArray[np.float64],
    *,
    groups: NDArray[Any] | None = None,
    copies: NDArray[np.intp] | None = None,
    in_time: bool = False,
    seed: int,
) -> tuple[NDArray[np.int32], Folds]:
    """Give each row its part: what it reads, and whom it teaches.

    Parameters
    ----------
    cv : "auto", int, splitter, iterable of splits or None
    target : Target
    weight : ndarray of shape (n_rows,)
    groups : ndarray of shape (n_rows,) or None
        Rows of one group stay in one fold.
    copies : ndarray of shape (n_rows,), int, or None, default=None
        Rows of one number stay in one fold of those that are drawn here.
    in_time : bool, default=False
        Whether "auto" splits rows in the order of time.
    seed : int
        Shuffles the folds of an integer ``cv``.

    Returns
    -------
    part : ndarray of shape (n_rows,), int32
        All zero without cross-fitting.
    folds : Folds

    Raises
    ------
    FoldError
        If a row is held out more than once, or would teach the table that it reads, or
        there are too few rows.
    """
    # Here, not at the top: it takes a tenth of a second, which a loaded encoder spares.
    from sklearn import model_selection

    n_rows = len(target.values)
    if cv is None:
        return np.zeros(n_rows, dtype=np.int32), Folds(0)
    if isinstance(cv, str):
        cv = model_selection.TimeSeriesSplit(AUTO_FOLDS) if in_time else AUTO_FOLDS
    if copies is not None:
        return _with_copies(int(cv), target, copies, seed)
    if isinstance(cv, (int, np.integer)):
        splitter = _default_splitter(int(cv), target, groups is not None, seed)
    else:
        classifier = target.kind != "continuous"
        splitter = model_selection.check_cv(cv, target.values, classifier=classifier)
    fold = np.full(n_rows, -1, dtype=np.int32)
    often, both = np.zeros(n_rows, dtype=bool), np.zeros(n_rows, dtype=bool)
    # Training rows of the splits that do not train on all rows but the held out.
    trained = dict[int, NDArray[np.bool_]]()
    n_folds = 0
    for train, test in splitter.split(np.empty((n_rows, 1)), target.values, groups):
        learns, held_out = np.zeros((2, n_rows), dtype=bool)
        learns[train], held_out[test] = True, True
        often |= held_out & (fold >= 0)
        both |= held_out & learns
        fold[held_out] = n_folds
        if not (learns != held_out).all():
            trained[n_folds] = learns
        n_folds += 1
    _check_splits(cv, often, both, n_folds)
    if not trained and (fold >= 0).all():
        return fold, Folds(n_folds)
    return _parts(fold, n_folds, trained, weight > 0)


def _with_copies(
    n_folds: int, target: Target, copies: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.int32], Folds]:
    """Draw a fold for one of each row's copies, which the others share."""
    _, first = np.unique(copies, return_index=True)
    once = replace(target, values=target.values[first])
    fold, folds = check_folds(n_folds, once, np.ones(len(first)), seed=seed)
    return fold[copies], folds


def shown(cv: Any) -> str:
    """Return what messages call a splitter: arrays of indices are long."""
    return repr(cv) if len(repr(cv)) < 100 else f"a {type(cv).__name__}"


def _check_splits(
    cv: Any, often: NDArray[np.bool_], both: NDArray[np.bool_], n_folds: int
) -> None:
    if often.any():
        raise FoldError(
            f"Validation folds must not overlap, but {int(often.sum())} rows are in "
            f"several of them ({shown(cv)}): a row's features come from one. Pass an "
            "int, KFold, StratifiedKFold, GroupKFold, TimeSeriesSplit or another "
            "splitter that holds each row out at most once."
        )
    if n_folds < 2:
        raise FoldError(f"cv={shown(cv)} gives {n_folds} fold; at least 2 are needed.")
    if both.any():
        raise FoldError(
            f"{int(both.sum())} rows are in the training and in the validation indices "
            f"of one split ({shown(cv)}): their features would have seen their "
            "targets. Leave them out of the training indices."
        )


def _parts(
    fold: NDArray[np.int32],
    n_folds: int,
    trained: Mapping[int, NDArray[np.bool_]],
    counts: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], Folds]:
    """Return the part of each row, and what parts read and teach.

    Parameters
    ----------
    fold : ndarray of shape (n_rows,)
        -1 for rows that no split holds out: these read one more table, which learns
        from no row.
    n_folds : int
    trained : dict of int to ndarray of shape (n_rows,), bool
        Rows that teach the table of some splits; that of others learns from all rows
        but those held out.
    counts : ndarray of shape (n_rows,), bool
        Rows that teach at all.
    """
    teaches = [trained.get(k, fold != k) & counts for k in range(n_folds)]
    if (fold < 0).any():
        fold = np.where(fold < 0, n_folds, fold)
        teaches.append(np.zeros(len(fold), dtype=bool))
    teaches.append(np.ones(len(fold), dtype=bool))
    part: NDArray[np.int64] = fold.astype(np.int64)
    for learns in teaches:
        part = pd.factorize(2 * part + learns)[0]
    _, first = np.unique(part, return_index=True)
    return part.astype(np.int32), Folds(
        len(teaches) - 1,
        fold[first].astype(np.int32),
        np.stack([learns[first] for learns in teaches], axis=1),
    )


def _default_splitter(n_folds: int, target: Target, grouped: bool, seed: int) -> Any:
    from sklearn import model_selection

    n_rows = len(target.values)
    if n_rows < n_folds:
        raise FoldError(
            f"cv={n_folds} folds cannot be made of n_samples={n_rows} rows. Pass a "
            "smaller cv, or cv=None for no cross-fitting."
        )
    shuffled: dict[str, Any] = {"shuffle": True, "random_state": seed}
    # Stratifying asks for a class with a row for each fold; without one, it cannot.
    stratify = (
        target.kind != "continuous" and np.bincount(target.values).max() >= n_folds
    )
    name = ("Stratified" if stratify else "") + ("GroupKFold" if grouped else "KFold")
    return getattr(model_selection, name)(n_folds, **shuffled)


def request_splitter(cv: Any) -> Any:
    """Return what asks metadata routing for ``groups`` on behalf of ``cv``.

    An integer ``cv`` and "auto" keep groups together when they get any, so they ask for
    them as GroupKFold does; splitters ask for themselves.
    """
    from sklearn.model_selection import GroupKFold

    return GroupKFold() if isinstance(cv, (int, np.integer, str)) else cv
