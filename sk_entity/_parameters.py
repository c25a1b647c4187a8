"""The encoder's parameters: their names and defaults, and what is allowed."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeVar, cast

from sklearn.base import BaseEstimator

from sk_entity._validation import Interval, StrOptions
from sk_entity.losses import (
    Huber,
    LogLoss,
    Quantile,
    SelfSupervised,
    Tweedie,
)

Init = TypeVar("Init", bound=Callable[..., None])


def _refusing_strangers(init: Init) -> Init:
    """Return an ``__init__`` that says which parameter an unknown one may be."""
    # Its own: a subclass may have others, and pass these on.
    known = [*signature(init).parameters][1:]

    @wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in known:
                raise TypeError(_stranger(self, name, known))
        init(self, *args, **kwargs)

    return cast(Init, checked)


def _stranger(estimator: Any, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return (
        f"{type(estimator).__name__} got an unknown parameter {name!r}.{hint} Its "
        f"parameters are {list(known)!r}."
    )


class Parameters(BaseEstimator):
    """What the encoder is told; see its docstring."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "categorical_features": [str, "array-like", callable],
        "remainder": [StrOptions({"passthrough", "drop"})],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
        "handle_unknown": [StrOptions({"value", "warn", "return_nan", "error"})],
        "handle_missing": [StrOptions({"value", "return_nan", "error"})],
        "shared_embeddings": [list, tuple, None],
        "multivalued": [Mapping, list, tuple, None],
        "hash_buckets": [Interval(Integral, 1, None, closed="left"), Mapping, None],
        "subwords": [list, tuple, None],
        "pretrained": [Mapping, None],
        "embedding_dim": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Mapping,
            callable,
        ],
        "crosses": [StrOptions({"auto"}), list, tuple, None],
        "add_statistics": ["boolean"],
        "add_support": ["boolean"],
        "add_prediction": [StrOptions({"auto"}), "boolean"],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "loss": "no_validation",  # `_objective` does
        "net": [tuple, list, callable],
        "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": ["boolean"],
        "net_params": [dict, None],
        "device": [str],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "cv": ["cv_object", None],
        "random_state": ["random_state"],
    }

    @_refusing_strangers
    def __init__(
        self,
        categorical_features: Any = "from_dtype",
        *,
        remainder: str = "passthrough",
        min_frequency: float | None = None,
        max_categories: int | None = None,
        handle_unknown: str = "value",
        handle_missing: str = "value",
        shared_embeddings: Sequence[Sequence[str]] | None = None,
        multivalued: Mapping[str, str | None] | Sequence[str] | None = None,
        hash_buckets: int | Mapping[str, int] | None = None,
        subwords: Sequence[str] | None = None,
        pretrained: Mapping[str, Any] | None = None,
        embedding_dim: str | int | Mapping[str, int] | Callable[[int], int] = "auto",
        crosses: str | Sequence[tuple[Any, Any]] | None = "auto",
        add_statistics: bool = False,
        add_support: bool = True,
        add_prediction: str | bool = "auto",
        shrinkage: float = 0.5,
        loss: Any = "auto",
        net: Any = (64, 32),
        embedding_dropout: float = 0.1,
        max_epochs: str | int = "auto",
        batch_size: str | int = "auto",
        learning_rate: float = 0.01,
        early_stopping: bool = False,
        net_params: dict[str, Any] | None = None,
        device: str = "auto",
        verbose: int = 0,
        warm_start: bool = False,
        cv: Any = 5,
        random_state: Any = None,
    ) -> None:
        self.categorical_features = categorical_features
        self.remainder = remainder
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.shared_embeddings = shared_embeddings
        self.multivalued = multivalued
        self.hash_buckets = hash_buckets
        self.subwords = subwords
        self.pretrained = pretrained
        self.embedding_dim = embedding_dim
        self.crosses = crosses
        self.add_statistics = add_statistics
        self.add_support = add_support
        self.add_prediction = add_prediction
        self.shrinkage = shrinkage
        self.loss = loss
        self.net = net
        self.embedding_dropout = embedding_dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.net_params = net_params
        self.device = device
        self.verbose = verbose
        self.warm_start = warm_start
        self.cv = cv
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters, as every estimator of scikit-learn does."""
        known = type(self)._get_param_names()
        for name in params:
            if name not in known and "__" not in name:
                raise ValueError(_stranger(self, name, known))
        super().set_params(**params)
        return self

    def _check_net(self) -> None:
        for units in self.net if isinstance(self.net, (tuple, list)) else ():
            if not isinstance(units, Integral) or units < 1:
                raise ValueError(
                    "net must hold positive integers, the units of each hidden layer, "
                    f"or be a torch module, got {self.net!r}."
                )

    @property
    def _self_supervision(self) -> SelfSupervised | None:
        """What to hide, if there is no target; None if there is one."""
        if isinstance(self.loss, str) and self.loss == "self_supervised":
            return SelfSupervised()
        return self.loss if isinstance(self.loss, SelfSupervised) else None

    def _check_self_supervised(self) -> None:
        if self._self_supervision is None:
            return
        wrong = [
            name
            for name, given in (
                ("add_statistics", self.add_statistics),
                ("add_prediction", self.add_prediction not in ("auto", False)),
                ("crosses", self.crosses is not None and self.crosses != "auto"),
                ("early_stopping", self.early_stopping),
            )
            if given
        ]
        if wrong:
            raise ValueError(
                f"loss={self.loss!r} has no target, which {', '.join(wrong)} as given "
                "would need. Set to the default."
            )

    def _check_streaming(self) -> None:
        wrong = [
            name
            for name in (
                "multivalued",
                "subwords",
                "pretrained",
                "early_stopping",
                "warm_start",
            )
            if getattr(self, name)
        ]
        if self.cv is not None and not isinstance(self.cv, Integral):
            wrong.append("cv")
        of_one_column = isinstance(self.loss, (str, Huber, LogLoss, Quantile, Tweedie))
        if not of_one_column or self._self_supervision is not None:
            wrong.append("loss")
        if wrong:
            raise ValueError(
                f"fit_stream cannot be used with {', '.join(wrong)} as given: rows "
                "come one batch at a time. Set them to their defaults (cv to an int or "
                "None), or use fit."
            )

    @property
    def _limits(self) -> dict[str, Any]:
        return {
            "min_frequency": self.min_frequency,
            "max_categories": self.max_categories,
        }

    def _adds_prediction(self, n_folds: int) -> bool:
        return (
            n_folds > 0 if self.add_prediction == "auto" else bool(self.add_prediction)
        )

    def _chooses_crosses(self, n_folds: int) -> bool:
        # Without folds there is no evidence to choose by.
        return isinstance(self.crosses, str) and n_folds > 0
