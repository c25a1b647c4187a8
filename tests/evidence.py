"""Rows as statistics see them, for tests of what is learned from them."""

from sk_entity._categories import Layout
from sk_entity._features import Evidence, NumericScaler


def evidence_of(codes, numeric, target, weight, fold, folds, shares=None):
    """Return the evidence of columns that all have the codes 0 to their largest."""
    sizes = [int(column.max()) + 1 for column in codes.T]
    return Evidence(
        layout=Layout.plain(sizes, [1] * len(sizes)),
        numbers=codes,
        codes=codes,
        numeric=numeric,
        scaler=NumericScaler.fit(numeric, weight),
        n_codes=sizes,
        target=target,
        weight=weight,
        fold=fold,
        folds=folds,
        shares=shares,
    )
