"""Losses that need a number: what the net is trained for, beyond a name.

``loss="quantile"`` is the median's; ``loss=Quantile(0.9)`` is another quantile's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Huber",
    "LogLoss",
    "PerTarget",
    "Quantile",
    "SelfSupervised",
    "Tweedie",
]


@dataclass(frozen=True)
class Huber:
    """Squared error near the target, absolute error beyond ``delta``.

    Parameters
    ----------
    delta : float, default=1.0
        Where the one becomes the other, in units of the target.

    See Also
    --------
    Quantile : With the median's level, absolute error everywhere.

    References
    ----------
    P. J. Huber (1964), "Robust Estimation of a Location Parameter".

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.losses import Huber
    >>> EntityEmbeddingEncoder(loss=Huber(delta=2.0)).loss
    Huber(delta=2.0)
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        _check("delta", self.delta, self.delta > 0, "above 0")


@dataclass(frozen=True)
class Quantile:
    """The pinball loss of a quantile of the target.

    Parameters
    ----------
    level : float, default=0.5
        Between 0 and 1.

    See Also
    --------
    Huber : For outliers, where the mean is wanted.

    References
    ----------
    R. Koenker and G. Bassett (1978), "Regression Quantiles".

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.losses import Quantile
    >>> EntityEmbeddingEncoder(loss=Quantile(0.9)).loss
    Quantile(level=0.9)
    """

    level: float = 0.5

    def __post_init__(self) -> None:
        _check("level", self.level, 0 < self.level < 1, "between 0 and 1")


@dataclass(frozen=True)
class Tweedie:
    """Half the Tweedie deviance with a log link: zeros and a long tail.

    Parameters
    ----------
    power : float, default=1.5
        The variance grows with the mean to this power, between 1 (Poisson) and 2
        (gamma).

    See Also
    --------
    LogLoss : For zero or not zero.

    References
    ----------
    B. Jørgensen (1987), "Exponential Dispersion Models".

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.losses import Tweedie
    >>> EntityEmbeddingEncoder(loss=Tweedie(power=1.7)).loss
    Tweedie(power=1.7)
    """

    power: float = 1.5

    def __post_init__(self) -> None:
        _check(
            "power",
            self.power,
            1 < self.power < 2,
            "between 1 (loss='poisson') and 2 (loss='gamma')",
        )


@dataclass(frozen=True)
class LogLoss:
    """The negative log-likelihood of the classes.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weight of each class beside ``sample_weight``; ``"balanced"``: inverse to how
        often it occurs. As in scikit-learn's classifiers, predictions are then those
        of the weighted classes.

    See Also
    --------
    PerTarget : For classes beside other targets.

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.losses import LogLoss
    >>> EntityEmbeddingEncoder(loss=LogLoss(class_weight="balanced")).loss
    LogLoss(class_weight='balanced')
    """

    class_weight: Mapping[Any, float] | str | None = None


@dataclass(frozen=True)
class PerTarget:
    """The losses of a target of several columns, and what each counts.

    Parameters
    ----------
    losses : list, dict or one loss, default="auto"
        One for each column of y: in their order, or by name (others are ``"auto"``).
    target_weights : list, dict or None, default=None
        What each column's loss counts, in their order or by name; None, or a name that
        is missing: one.

    See Also
    --------
    LogLoss : With weights of classes, for one of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.losses import PerTarget
    >>> data = make_entities(200, random_state=0)
    >>> Y = np.c_[data.y, data.y > 0]
    >>> loss = PerTarget(["absolute_error", "log_loss"], target_weights=[1.0, 0.5])
    >>> encoder = EntityEmbeddingEncoder(loss=loss, max_epochs=3, random_state=0)
    >>> encoder.fit(data.X, Y).target_type_
    ['continuous', 'binary']
    """

    losses: Any = "auto"
    target_weights: Sequence[float] | Mapping[str, float] | None = None


@dataclass(frozen=True)
class SelfSupervised:
    """Predict hidden categorical columns from all others; there is no target.

    Parameters
    ----------
    masked : float, default=0.3
        Share of the cells that are hidden in training.
    max_classes : int, default=200
        Most frequent categories of a column that are told apart; the others are one.

    See Also
    --------
    sk_entity.Pretrained : For vectors that other rows have taught.

    References
    ----------
    J. Devlin et al. (2019), "BERT", for masking; X. Huang et al. (2020),
    "TabTransformer", for masking table cells.

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.losses import SelfSupervised
    >>> X = make_entities(200, random_state=0).X
    >>> loss = SelfSupervised(masked=0.5)
    >>> encoder = EntityEmbeddingEncoder(loss=loss, max_epochs=3, random_state=0)
    >>> encoder.fit(X).embeddings_["entity_1"]
    EmbeddingTable('entity_1', 30 categories, dim 4)
    """

    masked: float = 0.3
    max_classes: int = 200

    def __post_init__(self) -> None:
        _check("masked", self.masked, 0 < self.masked < 1, "between 0 and 1")
        _check("max_classes", self.max_classes, self.max_classes >= 1, "1 or more")


def _check(name: str, value: Any, right: bool, allowed: str) -> None:
    if not right:
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")
