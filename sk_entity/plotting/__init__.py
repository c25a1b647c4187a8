"""Pictures: maps of a column's embedding, training curves, comparisons of encoders."""

from sk_entity.plotting._comparison import EncoderComparisonDisplay
from sk_entity.plotting._curve import TrainingCurveDisplay
from sk_entity.plotting._map import EmbeddingMapDisplay

__all__ = [
    "EmbeddingMapDisplay",
    "EncoderComparisonDisplay",
    "TrainingCurveDisplay",
]
