"""What the encoder is told: what is allowed, and what follows from it."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import cleandoc, signature
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sk_entity._target.losses import (
    Huber,
    LogLoss,
    Quantile,
    SelfSupervised,
    Tweedie,
)
from sk_entity._validation import Interval, StrOptions

Class = TypeVar("Class", bound=type)
Init = TypeVar("Init", bound=Callable[..., None])

#: Of each parameter: what is allowed, as scikit-learn's validation takes it.
CONSTRAINTS: dict[str, Any] = {
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
    "loss": "no_validation",  # `_target` does
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
    "cv": [StrOptions({"auto"}), "cv_object", None],
    "random_state": ["random_state"],
}


def refusing_strangers(init: Init) -> Init:
    """Return an ``__init__`` that says which parameter an unknown one may be."""
    # Its own: a subclass may have others, and pass these on.
    known = [*signature(init).parameters][1:]

    @wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in known:
                raise TypeError(stranger(self, name, known))
        init(self, *args, **kwargs)

    return cast(Init, checked)


def stranger(estimator: Any, name: str, known: Sequence[str]) -> str:
    """Return the message about a parameter that does not exist."""
    close = get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return (
        f"{type(estimator).__name__} got an unknown parameter {name!r}.{hint} Its "
        f"parameters are {list(known)!r}."
    )


def documented_as(base: type) -> Callable[[Class], Class]:
    """Return a decorator that documents what a subclass has of a class.

    The subclass's own parameters stand last, as in its signature.

    Parameters
    ----------
    base : class
        Whose parameters and attributes these are.
    """

    def document(cls: Class) -> Class:
        if base.__doc__ and cls.__doc__:  # python -OO keeps none
            theirs, own = cleandoc(base.__doc__), cleandoc(cls.__doc__)
            head, title, rest = own.partition("Parameters\n----------\n")
            last, _, tail = rest.partition("\n\n")
            parameters = theirs.partition(title)[2].partition("\n\n")[0]
            start = theirs.index("Attributes\n----------\n")
            attributes = theirs[start:].partition("\n\n")[0]
            cls.__doc__ = f"{head}{title}{parameters}\n{last}\n\n{attributes}\n\n{tail}"
        return cls

    return document


class Parameters:
    """The parameters of one fit, and the rules that follow from several of them.

    Parameters
    ----------
    encoder : EntityEmbeddingEncoder
        Its docstring describes them.
    """

    def __init__(self, encoder: Any) -> None:
        # By the names of the encoder, not of a subclass, which may have others.
        for name in CONSTRAINTS:
            setattr(self, name, getattr(encoder, name))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def checked(self) -> "Parameters":
        """Return the same, or raise a `ValueError` of one that goes nowhere."""
        self._check_net()
        self._check_self_supervised()
        return self

    def _check_net(self) -> None:
        """Raise a `ValueError` if ``net`` holds what are no widths of layers."""
        for units in self.net if isinstance(self.net, (tuple, list)) else ():
            if not isinstance(units, Integral) or units < 1:
                raise ValueError(
                    "net must hold positive integers, the units of each hidden layer, "
                    f"or be a torch module, got {self.net!r}."
                )

    @property
    def self_supervision(self) -> SelfSupervised | None:
        """What to hide, if there is no target; None if there is one."""
        if isinstance(self.loss, str) and self.loss == "self_supervised":
            return SelfSupervised()
        return self.loss if isinstance(self.loss, SelfSupervised) else None

    def _check_self_supervised(self) -> None:
        """Raise a `ValueError` if parameters need a target that is not there."""
        if self.self_supervision is None:
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

    def check_streaming(self, what: str = "fit_stream") -> None:
        """Raise a `ValueError` if parameters need all rows at once."""
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
        if self.cv is not None and not isinstance(self.cv, (str, Integral)):
            wrong.append("cv")
        of_one_column = isinstance(self.loss, (str, Huber, LogLoss, Quantile, Tweedie))
        if not of_one_column or self.self_supervision is not None:
            wrong.append("loss")
        if wrong:
            raise ValueError(
                f"{what} cannot be used with {', '.join(wrong)} as given: rows are "
                "never all in one place. Set them to their defaults (or cv to an int "
                "or None), or use fit."
            )

    @property
    def limits(self) -> dict[str, Any]:
        """What limits the vocabularies."""
        return {
            "min_frequency": self.min_frequency,
            "max_categories": self.max_categories,
        }

    def adds_prediction(self, n_folds: int) -> bool:
        """Whether the output has a prediction."""
        return (
            n_folds > 0 if self.add_prediction == "auto" else bool(self.add_prediction)
        )

    def chooses_crosses(self, n_folds: int) -> bool:
        """Whether crosses are chosen by what they add."""
        # Without folds there is no evidence to choose by.
        return isinstance(self.crosses, str) and n_folds > 0
