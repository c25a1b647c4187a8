"""Importances of output columns -> importances of the columns that went in."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sk_entity._columns import read_numbers
from sk_entity._encoder import EntityEmbeddingEncoder
from sk_entity._features import Ablation
from sk_entity._learned import Learned
from sk_entity._validation import check_frame


def input_importances(
    encoder: EntityEmbeddingEncoder, importances: ArrayLike, X: Any
) -> "pd.Series[float] | pd.DataFrame":
    """Send importances of output columns back to the input columns.

    Coordinates, statistics and support are their column's, and a cross is half of
    either column's. What the prediction has goes to the columns that it is made of, by
    how far it moves when nothing is known of a column: when its vectors give way to
    the unknown one, or a number to the mean. The squares of these moves are the shares;
    the sum of all importances stays what it was.

    The shares say what the net's prediction depends on, not what is true of the
    target: of two columns that say the same, the net may read one.

    Parameters
    ----------
    encoder : EntityEmbeddingEncoder
        Fitted.
    importances : array-like of shape (n_columns_out,) or (n_rows, n_columns_out)
        Of the output columns, as a booster's ``feature_importances_``; or of each row,
        such as SHAP values: then each row has shares of its own.
    X : frame or array-like of shape (n_rows, n_columns)
        Rows by which the prediction is judged; those of the importances, if these are
        of rows.

    Returns
    -------
    importances : Series of shape (n_columns,) or DataFrame of shape (n_rows, n_columns)
        By the names of the input columns; the index of a frame is that of X.

    Raises
    ------
    ValueError
        If there are other numbers of columns, or of rows.

    See Also
    --------
    sk_entity.EntityEmbeddingEncoder : Its ``feature_groups_`` name the output columns
        of each input column, for sums by hand.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.inspection import input_importances
    >>> data = make_entities(500, random_state=0)
    >>> encoder = EntityEmbeddingEncoder(max_epochs=5, random_state=0)
    >>> features = encoder.fit_transform(data.X, data.y)
    >>> forest = RandomForestRegressor(20, random_state=0).fit(features, data.y)
    >>> found = input_importances(encoder, forest.feature_importances_, data.X)
    >>> list(found.index) == list(data.X), round(float(found.sum()), 6)
    (True, 1.0)
    """
    check_is_fitted(encoder)
    learned, frame = encoder._learned, check_frame(encoder, X)
    given = np.asarray(importances, dtype=np.float64)
    _check(given, learned, len(frame))
    rows = np.atleast_2d(given)
    found = pd.DataFrame(0.0, index=range(len(rows)), columns=learned.names)
    groups, first = list(learned.groups.values()), 0
    sources = _sources(learned)
    for outputs, columns in zip(groups, sources, strict=True):
        part = rows[:, first : first + len(outputs)].sum(axis=1)
        first += len(outputs)
        if columns is not None:
            for name in columns:
                found[name] += part / len(columns)
            continue
        shares = _shares(learned, frame)
        if given.ndim == 1:
            shares = shares.mean(axis=0, keepdims=True)
        found += part[:, None] * shares
    if given.ndim == 1:
        return found.iloc[0].rename("importance")
    return found.set_axis(frame.index)


def _check(given: NDArray[np.float64], learned: Learned, n_rows: int) -> None:
    n_outputs = len(learned.outputs)
    if given.ndim not in (1, 2) or given.shape[-1] != n_outputs:
        raise ValueError(
            f"importances have shape {given.shape}, but the encoder gives {n_outputs} "
            "columns: pass one number for each that get_feature_names_out names, or a "
            "row of them for each row of X."
        )
    if given.ndim == 2 and len(given) != n_rows:
        raise ValueError(
            f"importances are of {len(given)} rows, and X has {n_rows}: pass the same "
            "rows."
        )
    if not n_rows:
        raise ValueError("X has no rows: the prediction is judged by some.")


def _sources(learned: Learned) -> list[list[str] | None]:
    """Return the input columns of each group of output columns; None: all."""
    inputs: list[list[str] | None] = [[name] for name in learned.categorical]
    inputs += [list(pair) for pair in learned.crosses]
    inputs += [] if learned.extras.predictor is None else [None]
    return inputs + [[learned.names[i]] for i in learned.passed]


def _shares(learned: Learned, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return each input column's share in the prediction of each row."""
    predictor, coder = learned.extras.predictor, learned.coder
    assert predictor is not None
    codes = learned.encode(frame).known()
    numeric = read_numbers(frame, coder.schema, learned.names)
    tables = [vectors[None] for vectors in learned.vectors]
    net = Ablation(tables, coder.table_of, codes.bags, predictor)
    whole = net.predict(codes.numbers, numeric)
    moves = np.zeros((len(frame), len(learned.names)))
    for j, i in enumerate(coder.schema.categorical):
        without = net.predict(codes.numbers, numeric, without=j)
        moves[:, i] = ((without - whole) ** 2).sum(axis=1)
    for k, i in enumerate(coder.schema.numeric):
        other = numeric.copy()
        other[:, k] = predictor.scaler.center[k]
        moves[:, i] = ((net.predict(codes.numbers, other) - whole) ** 2).sum(axis=1)
    total = moves.sum(axis=1, keepdims=True)
    # Where nothing moves it, every column that it reads is as good as another.
    reads = [*coder.schema.categorical, *coder.schema.numeric]
    alike = np.zeros(moves.shape[1])
    alike[reads] = 1 / len(reads)
    return np.where(total > 0, moves / np.where(total > 0, total, 1.0), alike)
