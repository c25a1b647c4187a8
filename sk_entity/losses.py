"""Losses that need a number: what the net is trained for, beyond a name.

``loss="quantile"`` is the median's; ``loss=Quantile(0.9)`` is another quantile's.
"""

from sk_entity._target.losses import (
    Huber,
    LogLoss,
    PerTarget,
    Quantile,
    SelfSupervised,
    Tweedie,
)

__all__ = [
    "Huber",
    "LogLoss",
    "PerTarget",
    "Quantile",
    "SelfSupervised",
    "Tweedie",
]
