"""What the encoder learned -> the names of its output columns, by input column."""

from collections.abc import Mapping, Sequence

from sk_entity._table import EmbeddingTable, coordinate_names
from sk_entity.exceptions import ColumnError


def feature_groups(
    tables: Mapping[str, EmbeddingTable],
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
    tables : dict of str to EmbeddingTable
        Of each categorical column.
    crosses : list of (str, str)
    statistic_labels, prediction_labels : list of str
        Suffixes of the columns that each statistic, and the prediction, has.
    add_statistics, add_support, add_prediction : bool
    passed : list of str
        Numeric columns that pass through.

    Raises
    ------
    ColumnError
        If two output columns would have one name.
    """
    groups = []
    for name, table in tables.items():
        outputs = coordinate_names(name, table.dim)
        if add_statistics:
            outputs += [f"{name}_statistic{label}" for label in statistic_labels]
        if add_support:
            outputs.append(f"{name}_support")
        groups.append((name, outputs))
    for pair in crosses:
        cross = "*".join(pair)
        groups.append((cross, [f"{cross}{label}" for label in statistic_labels]))
    if add_prediction:
        predictions = [f"prediction{label}" for label in prediction_labels]
        groups.append(("prediction", predictions))
    groups += [(name, [name]) for name in passed]
    keys = [key for key, _ in groups]
    outputs = [output for _, group in groups for output in group]
    twice = {x for some in (keys, outputs) for x in some if some.count(x) > 1}
    if twice:
        raise ColumnError(
            f"Output columns would share names: {sorted(twice)!r}. A column of X "
            "has the name of an embedding coordinate, a statistic, a cross or the "
            "prediction: rename it."
        )
    return dict(groups)
