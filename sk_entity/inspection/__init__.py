"""Look inside: how good a table is, and what an encoder is worth under your model."""

from sk_entity.inspection._comparison import EncoderComparison, compare_encoders
from sk_entity.inspection._importances import input_importances
from sk_entity.inspection._measures import (
    drift,
    effective_rank,
    map_trustworthiness,
    neighbour_overlap,
    probe_score,
    procrustes_residual,
)

__all__ = [
    "EncoderComparison",
    "compare_encoders",
    "drift",
    "effective_rank",
    "input_importances",
    "map_trustworthiness",
    "neighbour_overlap",
    "probe_score",
    "procrustes_residual",
]
