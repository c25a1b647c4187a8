"""Which pairs of categorical columns say more together than each alone."""

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._features.statistics import Evidence, TargetStatistic, of_unit_size
from sk_entity.exceptions import ColumnError

#: Most crosses that are chosen.
MOST_CROSSES = 10
#: A cross must be this many standard errors away from saying nothing new.
THRESHOLD = 4.0
#: Rows that judge, rows that teach the statistics to be judged, and candidates.
_MOST_ROWS = 50_000
_MOST_SEEN = 500_000
_MOST_PAIRS = 300


def named_crosses(
    crosses: str | Sequence[Any] | None,
    names: Sequence[str],
    multivalued: Collection[str],
) -> list[tuple[int, int]]:
    """Return the pairs of columns that the user named, as positions.

    Parameters
    ----------
    crosses : str, list of pairs of str, or None
        A str or None names none.
    names : list of str
        The categorical columns.
    multivalued : list of str
        Those whose cells hold several values.

    Raises
    ------
    ColumnError
        If a pair is none of two different columns with one value a cell.
    """
    if crosses is None or isinstance(crosses, str):
        return []
    pairs = []
    for pair in crosses:
        known = not isinstance(pair, str) and set(map(str, pair)) <= set(names)
        if not known or len(pair) != 2 or len(set(pair)) != 2:
            raise ColumnError(
                f"crosses holds {pair!r}, which is not a pair of two categorical "
                f"columns. Those are {list(names)!r}. Pass pairs of names, 'auto' or "
                "None."
            )
        several = set(map(str, pair)) & set(multivalued)
        if several:
            raise ColumnError(
                f"crosses holds {pair!r}, but the cells of {sorted(several)!r} are "
                "multivalued: a cross needs one value a cell."
            )
        pairs.append((names.index(str(pair[0])), names.index(str(pair[1]))))
    return pairs


def sample_rows(evidence: Evidence) -> NDArray[np.intp]:
    """Return the rows on which crosses are judged: at most `_MOST_ROWS`, spread out."""
    return _spread(len(evidence), _MOST_ROWS)


def _spread(n_rows: int, most: int) -> NDArray[np.intp]:
    return np.arange(0, n_rows, -(-n_rows // most))


#: What came of a pair of columns: their positions, the partial correlation that their
#: cross had when it was taken or left, the same in standard errors, "yes" or "no".
Tried = tuple[tuple[int, int], float, float, str]


def choose_crosses(
    evidence: Evidence, prediction: NDArray[np.float64]
) -> tuple[list[TargetStatistic], list[Tried]]:
    """Choose pairs of columns by what their statistics add to the net's prediction.

    Forward selection by partial correlation, on out-of-fold values throughout: the
    target and the statistics of all pairs are freed of what a linear model of the
    net's prediction and of each column's own statistic explains; the pair that then
    correlates best with the target is taken and freed of as well; and so on, until no
    pair is left that is `THRESHOLD` standard errors above zero.

    Parameters
    ----------
    evidence : Evidence
        With folds.
    prediction : ndarray of shape (n_sampled, n_outputs)
        Out-of-fold prediction of the net for the rows of `sample_rows`.

    Returns
    -------
    crosses : list of TargetStatistic
        At most `MOST_CROSSES`, the best first.
    tried : list of Tried
        Those taken, then all others, the best first.
    """
    sample = evidence.take(sample_rows(evidence))
    # Statistics that are only to be judged need no more rows than these.
    learner = evidence.take(
        np.arange(0, len(evidence), -(-len(evidence) // _MOST_SEEN))
    )

    def values(columns: Sequence[int]) -> NDArray[np.float64]:
        statistic = TargetStatistic.fit(columns, learner)
        return statistic.look_up(sample.codes, sample.table)

    candidates = _candidates(evidence.n_codes)
    if not candidates:
        return [], []
    singles = [values([j]) for j in range(len(evidence.n_codes))]
    # The tables of a pair can be as large as the data: keep the values only.
    pairs = [values(pair) for pair in candidates]
    residual, columns = [], []
    for c in range(sample.target.shape[1]):
        share = 1.0 if sample.shares is None else sample.shares[:, c]
        root = np.sqrt(of_unit_size(sample.weight) * share)[:, None]
        # A loss of the user's may have other outputs than targets.
        one_each = prediction.shape[1] == sample.target.shape[1]
        predicted = prediction[:, c : c + 1] if one_each else prediction
        known = [np.ones((len(sample), 1)), predicted]
        known += [single[:, c : c + 1] for single in singles]
        basis = _orthonormal(np.hstack(known) * root)
        news = np.stack([pair[:, c] for pair in pairs], axis=1) * root
        scale = np.linalg.norm(news, axis=0)
        news = news - basis @ (basis.T @ news)
        # What rounding leaves of a cross that is one of its columns is not news.
        news[:, np.linalg.norm(news, axis=0) < 1e-6 * scale] = 0.0
        own = sample.target[:, c] * root[:, 0]
        residual.append(own - basis @ (basis.T @ own))
        columns.append(news)
    root_n = float(np.sqrt(sample.n_effective))
    taken, scores = _forward(residual, columns, root_n)
    order = [*taken, *(i for i in np.argsort(-scores) if i not in taken)]
    tried = [
        (candidates[i], scores[i] / root_n, scores[i], "yes" if i in taken else "no")
        for i in order
    ]
    return [TargetStatistic.fit(candidates[i], evidence) for i in taken], tried


def _candidates(n_codes: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of columns that vary; of very many, those with the fewest cells."""
    varying = [j for j, n in enumerate(n_codes) if n > 2]
    pairs = list(combinations(varying, 2))
    pairs.sort(key=lambda pair: n_codes[pair[0]] * n_codes[pair[1]])
    return sorted(pairs[:_MOST_PAIRS])


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of what the columns span."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, sizes > 1e-9 * sizes[:1]])


def _forward(
    residual: list[NDArray[np.float64]],
    columns: list[NDArray[np.float64]],
    root_n: float,
) -> tuple[list[int], NDArray[np.float64]]:
    """Return positions of the chosen columns, and the score that decided on each.

    The lists that are given are overwritten.
    """
    chosen: list[int] = []
    scores = np.zeros(columns[0].shape[1])
    while len(chosen) < MOST_CROSSES:
        tiny = np.finfo(float).tiny
        explained = sum(z.T @ r for z, r in zip(columns, residual, strict=True))
        size = sum((z**2).sum(axis=0) for z in columns)
        left = sum(r @ r for r in residual)
        score = root_n * explained / np.sqrt(np.maximum(size * left, tiny))
        others = np.setdiff1d(np.arange(len(scores)), chosen)
        scores[others] = score[others]
        best = int(np.argmax(score))
        if score[best] < THRESHOLD:
            break
        chosen.append(best)
        for c, (z, r) in enumerate(zip(columns, residual, strict=True)):
            length = np.linalg.norm(z[:, best])
            if length > 0:
                q = z[:, best] / length
                residual[c] = r - q * (q @ r)
                columns[c] = z - np.outer(q, q @ z)
            columns[c][:, best] = 0.0
    return chosen, scores
