"""Rows -> what is learned of them: at once, further, or from a stream.

`learn` and `learn_stream` return a `Learned`, and how the rows that were learned from
get their features; they change nothing.
"""

from sk_entity._fitting.folds import request_splitter
from sk_entity._fitting.lesson import Given
from sk_entity._fitting.memory import TrainingRows, learn
from sk_entity._fitting.requirements import check_training
from sk_entity._fitting.stream import learn_stream

__all__ = [
    "Given",
    "TrainingRows",
    "check_training",
    "learn",
    "learn_stream",
    "request_splitter",
]
