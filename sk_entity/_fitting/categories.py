"""Frames -> the vocabularies of their columns, by the encoder's parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import FrameCoder, multivalued_columns, plan_tables
from sk_entity._columns import Header, read_schema
from sk_entity._features import named_crosses
from sk_entity._learned import Learned
from sk_entity._output import check_output
from sk_entity._parameters import Parameters


def new_coder(
    parameters: Parameters,
    frame: pd.DataFrame,
    header: Header,
    container: str,
    weight: NDArray[np.float64],
    seed: int,
    **limits: Any,
) -> FrameCoder:
    """Learn the vocabularies of a first fit.

    Parameters
    ----------
    parameters : Parameters
    frame : DataFrame of shape (n_rows, n_columns)
    header : Header
    container : str
        The kind of output that is asked for: it must be able to hold all columns.
    weight : ndarray of shape (n_rows,)
    seed : int
        Of hash functions.
    **limits : dict
        As `TableCoder.build`.
    """
    multivalued = multivalued_columns(parameters.multivalued)
    schema = read_schema(frame, parameters.categorical_features, multivalued)
    check_output(container, schema, passes=parameters.remainder == "passthrough")
    names = header.names
    plans = plan_tables(
        [names[i] for i in schema.categorical],
        shared_embeddings=parameters.shared_embeddings,
        multivalued=parameters.multivalued,
        hash_buckets=parameters.hash_buckets,
        subwords=parameters.subwords,
    )
    return FrameCoder.build(
        frame,
        weight,
        schema,
        plans,
        handle_unknown=parameters.handle_unknown,
        handle_missing=parameters.handle_missing,
        seed=seed,
        **limits,
    )


def cross_pairs(
    parameters: Parameters,
    names: Sequence[str],
    numbers: Sequence[str],
    earlier: Learned | None,
) -> list[tuple[int, int]]:
    """Return the crosses that are not to be chosen: those of before, or named ones."""
    if earlier is not None:
        return [(a, b) for a, b in (c.columns for c in earlier.extras.crosses)]
    multivalued = multivalued_columns(parameters.multivalued)
    return named_crosses(parameters.crosses, names, numbers, multivalued)
