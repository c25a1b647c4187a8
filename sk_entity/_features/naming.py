"""What the encoder learned -> the names of its output columns, by input column."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from sk_entity._table import coordinate_names
from sk_entity.exceptions import ColumnError

#: What LightGBM or XGBoost refuse or change in names, and what no name should hold:
#: control characters, and lone surrogates, which no encoding takes.
_UNSAFE = re.compile(r"""[\s\x00-\x1f\x7f-\x9f\ud800-\udfff"',:<>\[\]{}\\]""")


def feature_groups(
    dims: Mapping[str, int],
    crosses: Sequence[tuple[str, str]],
    *,
    statistic_labels: Sequence[str],
    prediction_labels: Sequence[str],
    add_statistics: bool,
    add_support: bool,
    add_prediction: bool,
    passed: Sequence[str],
) -> dict[str, list[str]]:
    """Return the output columns of each input column, cross and of the prediction.

    Parameters
    ----------
    dims : dict of str to int
        Coordinates of each categorical column.
    crosses : list of (str, str)
    statistic_labels, prediction_labels : list of str
        Suffixes of the columns that each statistic, and the prediction, has.
    add_statistics, add_support, add_prediction : bool
    passed : list of str
        Columns that pass through.

    Returns
    -------
    groups : dict of str to list of str
        By the name of each input column, of each cross and "prediction". Output names
        are safe for boosters; those that would clash for that, and those of crosses,
        are numbered.

    Raises
    ------
    ColumnError
        If two output columns of input columns would have one name.
    """
    groups = []
    for name, dim in dims.items():
        outputs = coordinate_names(name, dim)
        if add_statistics:
            outputs += [f"{name}_statistic{label}" for label in statistic_labels]
        if add_support:
            outputs.append(f"{name}_support")
        groups.append((name, outputs))
    if add_prediction:
        predictions = [f"prediction{label}" for label in prediction_labels]
        groups.append(("prediction", predictions))
    groups += [(name, [name]) for name in passed]
    _refuse_twice(groups)
    pairs = ["*".join(pair) for pair in crosses]
    made = [(pair, [f"{pair}{label}" for label in statistic_labels]) for pair in pairs]
    first = len(dims)  # crosses stand before the prediction and what passes through
    groups[first:first] = made
    return _unique(groups, range(first, first + len(made)))


def _refuse_twice(groups: Sequence[tuple[str, list[str]]]) -> None:
    keys = Counter(key for key, _ in groups)
    outputs = Counter(output for _, group in groups for output in set(group))
    twice = sorted(name for some in (keys, outputs) for name in some if some[name] > 1)
    if twice:
        raise ColumnError(
            f"Output columns would share names: {twice[:10]!r}. A column of X has the "
            "name of an embedding coordinate, a statistic or the prediction: rename it."
        )


def _unique(
    groups: Sequence[tuple[str, list[str]]], crosses: range
) -> dict[str, list[str]]:
    """Return groups with safe names, all different, in linear time.

    Names that need no change stay; what clashes with one is numbered.
    """
    made = [(key, k not in crosses) for k, (key, _) in enumerate(groups)]
    keys = _numbered(made)
    outputs = [
        (safe_name(name), k not in crosses and safe_name(name) == name)
        for k, (_, group) in enumerate(groups)
        for name in group
    ]
    names = iter(_numbered(outputs))
    return {
        key: [next(names) for _ in group]
        for key, (_, group) in zip(keys, groups, strict=True)
    }


def safe_name(name: str) -> str:
    """Return a name that LightGBM and XGBoost take as it is.

    LightGBM refuses what JSON needs and turns whitespace into underscores, XGBoost
    refuses brackets and ``<``, and both take UTF-8 only; each such character becomes an
    underscore.

    >>> safe_name("price_[0, 10)")
    'price__0__10)'
    """
    return _UNSAFE.sub("_", name) or "_"


def _numbered(names: Sequence[tuple[str, bool]]) -> list[str]:
    """Return names that are all different: ``_2``, ``_3`` and so on for later ones.

    Parameters
    ----------
    names : list of (str, bool)
        Whether a name is to stay, wherever it stands.
    """
    taken = {name for name, _ in names}
    seen = set[str]()
    staying = {name for name, stays in names if stays}
    found, last = list[str](), Counter[str]()
    for name, stays in names:
        if name not in seen and (stays or name not in staying):
            seen.add(name)
            found.append(name)
            continue
        last[name] += 1
        while (numbered := f"{name}_{last[name] + 1}") in taken:
            last[name] += 1
        taken.add(numbered)
        found.append(numbered)
    return found
