"""Features -> the inputs whose features are nearest."""

from typing import Any

import numpy as np
import pandas as pd

from sk_entity._columns import read_frame
from sk_entity._columns.schema import restored
from sk_entity._learned import Learned


def inputs_of(learned: Learned, X: Any) -> pd.DataFrame:
    """Return the inputs whose features are nearest to some, shape (n_rows, n_columns).

    Parameters
    ----------
    learned : Learned
    X : frame or array-like of shape (n_rows, n_columns_out)

    Raises
    ------
    ValueError
        If X has another number of columns.
    """
    names = learned.outputs
    features = read_frame(X)
    index = None if features is None else features.index
    if features is None:
        features = pd.DataFrame(np.asarray(X, dtype=np.float64))
    if features.shape[1] != len(names):
        raise ValueError(
            f"X has shape {features.shape}, but the encoder gives {len(names)} "
            "features a row: pass what transform returned."
        )
    frame = features.set_axis(names, axis=1).reset_index(drop=True)
    schema, inputs = learned.coder.schema, {}
    for name, dtype in zip(learned.names, schema.dtypes, strict=True):
        if name in learned.tables:
            table = learned.output_tables[name]
            if not table.dim:
                raise ValueError(
                    f"No coordinate of column {name!r} is output, because it says "
                    "nothing of the target (see choices_), so that no category can be "
                    "told by it. Fit with embedding_dim=1 or more."
                )
            columns = learned.groups[name][: table.dim]
            vectors = frame[columns].astype(np.float64)
            known = vectors.notna().all(axis=1)
            values = pd.Series(np.nan, index=frame.index, dtype=object)
            if known.any():
                values[known] = table.decode(vectors[known].to_numpy())
            inputs[name] = restored(values, dtype)
        elif name in learned.groups:
            inputs[name] = restored(frame[learned.groups[name][0]], dtype)
    found = pd.DataFrame(inputs, index=frame.index)
    return found if index is None else found.set_axis(index)
