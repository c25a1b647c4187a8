"""Rows -> the fold that holds each out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._target import Target
from sk_entity.exceptions import FoldError


def check_folds(
    cv: Any,
    target: Target,
    *,
    groups: NDArray[Any] | None = None,
    seed: int,
) -> tuple[NDArray[np.int32], int]:
    """Give each row the number of the fold that holds it out.

    Parameters
    ----------
    cv : int, splitter, iterable of splits or None
    target : Target
    groups : ndarray of shape (n_rows,) or None
        Rows of one group stay in one fold.
    seed : int
        Shuffles the folds of an integer ``cv``.

    Returns
    -------
    fold : ndarray of shape (n_rows,), int32
        0 .. n_folds - 1; all zero without cross-fitting.
    n_folds : int
        0 if ``cv`` is None.

    Raises
    ------
    FoldError
        If the folds do not hold every row out exactly once, or there are too few rows.
    """
    # Here, not at the top: it takes a tenth of a second, which a loaded encoder spares.
    from sklearn.model_selection import check_cv

    n_rows = len(target.values)
    if cv is None:
        return np.zeros(n_rows, dtype=np.int32), 0
    if isinstance(cv, (int, np.integer)):
        splitter = _default_splitter(int(cv), target, groups is not None, seed)
    else:
        splitter = check_cv(cv, target.values, classifier=target.kind != "continuous")
    fold = np.full(n_rows, -1, dtype=np.int32)
    held_out = np.zeros(n_rows, dtype=np.int32)
    n_folds = 0
    for _, test in splitter.split(np.empty((n_rows, 1)), target.values, groups):
        fold[test] = n_folds
        held_out[test] += 1
        n_folds += 1
    if not (held_out == 1).all():
        never, often = int((held_out == 0).sum()), int((held_out > 1).sum())
        raise FoldError(
            "Validation indices from `cv` must cover each sample index exactly once "
            f"with no overlap: {never} rows are in no validation fold and {often} in "
            f"several ({cv!r}). Pass an int, KFold, StratifiedKFold, GroupKFold or "
            "another splitter whose validation folds partition the rows."
        )
    if n_folds < 2:
        raise FoldError(f"cv={cv!r} gives {n_folds} fold; at least 2 are needed.")
    return fold, n_folds


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

    An integer ``cv`` keeps groups together when it gets any, so it asks for them as
    GroupKFold does; splitters ask for themselves.
    """
    from sklearn.model_selection import GroupKFold

    return GroupKFold() if isinstance(cv, (int, np.integer)) else cv
