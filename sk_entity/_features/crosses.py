"""Which categories say more with another one, or with a number, than each alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._features.curves import TargetCurve, scores_of_curves
from sk_entity._features.statistics import Evidence, TargetStatistic, of_unit_size
from sk_entity.exceptions import ColumnError

#: What two columns say: a mean for each pair of categories, or curves over a number.
Cross = TargetStatistic | TargetCurve

#: Most pairs of categories that are chosen, and most curves.
MOST_CROSSES, MOST_CURVES = 10, 5
#: A cross must be this many standard errors away from saying nothing new.
THRESHOLD = 4.0
#: Rows that judge, rows that teach the statistics to be judged, and candidates.
_MOST_ROWS = 50_000
_MOST_SEEN = 500_000
_MOST_PAIRS = 300
#: Rows that a category has for a curve to be tried, on average; and most such curves.
_LEAST_SUPPORT, _MOST_TRIED = 4, 50_000
#: Curves that are judged: those of the highest scores, so many, and above so much.
_MOST_JUDGED, _LIKELY = 10, 3.0
#: Precisions of a curve that is only judged.
_JUDGED = ((1.0, 1.0), (10.0, 16.0))


def named_crosses(
    crosses: str | Sequence[Any] | None,
    names: Sequence[str],
    numbers: Sequence[str],
    multivalued: Collection[str],
) -> list[tuple[int, int]]:
    """Return the pairs of columns that the user named, as positions.

    Those of numbers count after those of all categories, and stand second.

    Parameters
    ----------
    crosses : str, list of pairs of str, or None
        A str or None names none.
    names : list of str
        The categorical columns.
    numbers : list of str
        The numeric columns.
    multivalued : list of str
        Those whose cells hold several values.

    Raises
    ------
    ColumnError
        If a pair is none of two different columns with one value a cell, of which one
        at least is categorical.
    """
    if crosses is None or isinstance(crosses, str):
        return []
    pairs, place = list[tuple[int, int]](), dict[str, int]()
    for i, name in enumerate([*names, *numbers]):
        place.setdefault(name, i)
    for pair in crosses:
        given = set() if isinstance(pair, str) else set(map(str, pair))
        two = len(given) == 2 == len(pair) and given <= set(place)
        if not two or given <= set(numbers):
            raise ColumnError(
                f"crosses holds {pair!r}, which is not a pair of two categorical "
                f"columns, or of one and a number. Categorical are {list(names)!r}, "
                f"numbers are {list(numbers)!r}. Pass pairs of names, 'auto' or None."
            )
        several = set(map(str, pair)) & set(multivalued)
        if several:
            raise ColumnError(
                f"crosses holds {pair!r}, but the cells of {sorted(several)!r} are "
                "multivalued: a cross needs one value a cell."
            )
        first, second = (place[str(name)] for name in pair)
        # A number stands second, whichever way it was given.
        swapped = first >= len(names)
        pairs.append((second, first) if swapped else (first, second))
    return pairs


def fit_cross(columns: Sequence[int], evidence: Evidence) -> Cross:
    """Learn the statistic of two categories, or of a category and a number."""
    if columns[1] < len(evidence.n_codes):
        return TargetStatistic.fit(columns, evidence)
    return TargetCurve.fit(columns, evidence)


def merged_cross(old: Cross, new: Cross) -> Cross:
    """Return the statistic of the rows of both, which are of the same columns."""
    if isinstance(old, TargetCurve):
        assert isinstance(new, TargetCurve)
        return old.merged(new)
    assert isinstance(new, TargetStatistic)
    return old.merged(new)


def sample_rows(evidence: Evidence) -> NDArray[np.intp]:
    """Return the rows on which crosses are judged: at most `_MOST_ROWS`, spread out."""
    return _spread(len(evidence), _MOST_ROWS)


def _spread(n_rows: int, most: int) -> NDArray[np.intp]:
    return np.arange(0, n_rows, -(-n_rows // most))


#: What came of a pair of columns: their positions, the partial correlation that their
#: cross had when it was taken or left, the same in standard errors.
Tried = tuple[tuple[int, int], float, float]


@dataclass(eq=False)
class _Freed:
    """A target and the candidates, freed of what is known.

    Attributes
    ----------
    target : ndarray of shape (n_rows,)
    candidates : ndarray of shape (n_rows, n_candidates)
    """

    target: NDArray[np.float64]
    candidates: NDArray[np.float64]

    def free_of(self, i: int) -> None:
        """Free the target and all candidates of one of them."""
        own = self.candidates[:, i]
        length = np.linalg.norm(own)
        if length > 0:
            q = own / length
            self.target = self.target - q * (q @ self.target)
            self.candidates -= np.outer(q, q @ self.candidates)
        self.candidates[:, i] = 0.0


def choose_crosses(
    evidence: Evidence, prediction: NDArray[np.float64], *, curves: bool
) -> tuple[list[Cross], list[Tried]]:
    """Choose pairs of columns by what their statistics add to the net's prediction.

    Forward selection by partial correlation, on out-of-fold values throughout: the
    target and the statistics of all pairs are freed of what a linear model of the
    net's prediction, of each category's own statistic and of each number's own curve
    explains; the pair that then
    correlates best with the target is taken and freed of as well; and so on, until no
    pair is left that is `THRESHOLD` standard errors above zero.

    Parameters
    ----------
    evidence : Evidence
        With folds.
    prediction : ndarray of shape (n_sampled, n_outputs)
        Out-of-fold prediction of the net for the rows of `sample_rows`.
    curves : bool
        Whether categories are crossed with numbers, too.

    Returns
    -------
    crosses : list of TargetStatistic and TargetCurve
        At most `MOST_CROSSES`, the best first.
    tried : list of Tried
        Those taken, then all others, the best first.
    """
    sample = evidence.take(sample_rows(evidence))
    # Statistics that are only to be judged need no more rows than these.
    learner = evidence.take(_spread(len(evidence), _MOST_SEEN))
    pairs = _pairs(evidence)
    with_numbers = _curves(sample, prediction) if curves else []
    candidates = pairs + with_numbers
    if not candidates:
        return [], []
    known, tried_values = _out_of_fold(learner, sample, pairs, with_numbers)
    freed = [
        _freed(sample, c, prediction, known, tried_values)
        for c in range(sample.target.shape[1])
    ]
    root_n = float(np.sqrt(sample.n_effective))
    scores = np.zeros(len(candidates))
    among = np.arange(len(candidates)) < len(pairs)
    # Curves last: what a pair says of it, it says in simpler terms.
    taken = _forward(freed, root_n, scores, among, MOST_CROSSES)
    taken += _forward(freed, root_n, scores, ~among, MOST_CURVES)
    order = [*taken, *(i for i in np.argsort(-scores) if i not in taken)]
    tried = [(candidates[i], scores[i] / root_n, scores[i]) for i in order]
    return [fit_cross(candidates[i], evidence) for i in taken], tried


def _out_of_fold(
    learner: Evidence,
    sample: Evidence,
    pairs: Sequence[tuple[int, int]],
    curves: Sequence[tuple[int, int]],
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Return what columns say alone, and each candidate, shape (n, n_outputs) each.

    The tables of a pair can be as large as the data: values only are kept.
    """

    def values(columns: Sequence[int]) -> NDArray[np.float64]:
        statistic = TargetStatistic.fit(columns, learner)
        return statistic.look_up(sample.codes, sample.table)

    found = [values(pair) for pair in pairs]
    of_numbers = dict[int, NDArray[np.float64]]()
    for columns in curves:
        # A curve has as many rows as its category, which the sample holds, too.
        curve = TargetCurve.fit(columns, sample, _JUDGED)
        found.append(curve.look_up(sample.codes, sample.table, sample.numeric))
        if columns[1] not in of_numbers:
            own = curve.of_all(sample.table, sample.numeric)
            of_numbers[columns[1]] = own
    singles = [values([j]) for j in range(len(sample.n_codes))]
    return singles + list(of_numbers.values()), found


def _freed(
    sample: Evidence,
    c: int,
    prediction: NDArray[np.float64],
    known: Sequence[NDArray[np.float64]],
    candidates: Sequence[NDArray[np.float64]],
) -> _Freed:
    """Return a target and what candidates say of it, freed of all that is known.

    Parameters
    ----------
    sample : Evidence
    c : int
        Which target.
    prediction : ndarray of shape (n_sampled, n_outputs)
    known, candidates : list of ndarray of shape (n_sampled, n_outputs)
    """
    share = 1.0 if sample.shares is None else sample.shares[:, c]
    root = np.sqrt(of_unit_size(sample.weight) * share)[:, None]
    # A loss of the user's may have other outputs than targets.
    one_each = prediction.shape[1] == sample.target.shape[1]
    predicted = prediction[:, c : c + 1] if one_each else prediction
    given = [np.ones((len(sample), 1)), predicted]
    given += [single[:, c : c + 1] for single in known]
    basis = _orthonormal(np.hstack(given) * root)
    news = np.stack([each[:, c] for each in candidates], axis=1) * root
    scale = np.linalg.norm(news, axis=0)
    news = news - basis @ (basis.T @ news)
    # What rounding leaves of a cross that is one of its columns is not news.
    news[:, np.linalg.norm(news, axis=0) < 1e-6 * scale] = 0.0
    own = sample.target[:, c] * root[:, 0]
    return _Freed(own - basis @ (basis.T @ own), news)


def _pairs(evidence: Evidence) -> list[tuple[int, int]]:
    """Pairs of categories that vary; of very many, those with the fewest cells."""
    n_codes = evidence.n_codes
    varying = [j for j, n in enumerate(n_codes) if n > 2]
    pairs = list(combinations(varying, 2))
    pairs.sort(key=lambda pair: n_codes[pair[0]] * n_codes[pair[1]])
    return sorted(pairs[:_MOST_PAIRS])


def _curves(
    evidence: Evidence, prediction: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """Pairs of a category and a number that vary, where there may be curves.

    Where rows are enough for them, and residuals of the net agree.
    """
    n_codes = evidence.n_codes
    most = min(len(evidence) / _LEAST_SUPPORT, _MOST_TRIED / evidence.target.shape[1])
    varying = [j for j, n in enumerate(n_codes) if 2 < n <= most]
    numbers = [
        len(n_codes) + i
        for i, column in enumerate(evidence.numeric.T)
        if np.isfinite(column).any() and np.nanmin(column) < np.nanmax(column)
    ]
    varying.sort(key=lambda j: n_codes[j])
    candidates = list(product(varying, numbers))[:_MOST_PAIRS]
    left = evidence.target - evidence.target.mean(axis=0)
    if prediction.shape == left.shape:
        left = evidence.target - prediction
    if evidence.shares is not None:
        left = left * evidence.shares
    scores = scores_of_curves(
        evidence, left / max(np.abs(left).max(), 1e-300), candidates
    )
    likely = [i for i in np.argsort(-scores)[:_MOST_JUDGED] if scores[i] > _LIKELY]
    return sorted(candidates[i] for i in likely)


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of what the columns span."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, sizes > 1e-9 * sizes[:1]])


def _forward(
    freed: Sequence[_Freed],
    root_n: float,
    scores: NDArray[np.float64],
    among: NDArray[np.bool_],
    most: int,
) -> list[int]:
    """Return positions of the chosen columns; write the score that decided on each.

    All is freed of what is chosen.

    Parameters
    ----------
    freed : list of _Freed
        Of each target.
    root_n : float
        What makes standard errors of a correlation.
    scores : ndarray of shape (n_candidates,)
    among : ndarray of shape (n_candidates,), bool
        Those that may be chosen.
    most : int
    """
    chosen, left_over = list[int](), among.copy()
    while len(chosen) < most and left_over.any():
        tiny = np.finfo(float).tiny
        explained = sum(each.candidates.T @ each.target for each in freed)
        size = sum((each.candidates**2).sum(axis=0) for each in freed)
        left = sum(each.target @ each.target for each in freed)
        score = root_n * explained / np.sqrt(np.maximum(size * left, tiny))
        scores[left_over] = score[left_over]
        best = int(np.argmax(np.where(left_over, score, -np.inf)))
        if score[best] < THRESHOLD:
            break
        chosen.append(best)
        left_over[best] = False
        for each in freed:
            each.free_of(best)
    return chosen
