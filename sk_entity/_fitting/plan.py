"""What is to be fitted: columns, target, tables and folds, and what follows of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sk_entity._categories import FrameCoder, Layout
from sk_entity._choices import Choice
from sk_entity._columns import Header
from sk_entity._features import Extras, Folds, feature_groups
from sk_entity._fitting.folds import shown
from sk_entity._fitting.given import GivenVectors
from sk_entity._learned import Learned
from sk_entity._parameters import Parameters
from sk_entity._target import Objective
from sk_entity._warnings import warn
from sk_entity.exceptions import ManyFoldsWarning

if TYPE_CHECKING:
    from sk_entity._learning.task import Settings, Trained


#: From so many folds on, a warning says what they cost.
MANY_FOLDS = 100


@dataclass(frozen=True, eq=False)
class Plan:
    """One fit before training.

    Attributes
    ----------
    parameters : Parameters
    header : Header
    coder : FrameCoder
    objective : Objective
    layout : Layout
    folds : Folds
    automatic : list of bool
        The tables whose dimension nobody gave.
    """

    parameters: Parameters
    header: Header
    coder: FrameCoder
    objective: Objective
    layout: Layout
    folds: Folds
    automatic: list[bool]

    @property
    def names(self) -> list[str]:
        """Names of the categorical columns."""
        return categorical_names(self.header, self.coder)

    @property
    def numbers(self) -> list[str]:
        """Names of the numeric columns."""
        names = self.header.names
        return [names[i] for i in self.coder.schema.numeric]

    @property
    def adds_prediction(self) -> bool:
        """Whether the output has a prediction."""
        return self.parameters.adds_prediction(self.folds.n_folds)

    @property
    def can_try(self) -> bool:
        """Whether trees can learn what is to be learned."""
        objective = self.objective
        one = not (objective.is_multiple or objective.is_custom or objective.has_offset)
        return one and self.parameters.self_supervision is None

    @property
    def tries_prediction(self) -> bool:
        """Whether the prediction is to earn its place."""
        automatic = self.parameters.add_prediction == "auto"
        return automatic and self.adds_prediction and self.can_try

    @property
    def chooses_crosses(self) -> bool:
        """Whether crosses are chosen by what they add."""
        return self.parameters.chooses_crosses(self.folds.n_folds)

    def check_names(self) -> None:
        """Raise a `ColumnError` if output columns would share names, before training.

        Crosses are not known yet; they give way to others.
        """
        self.outputs([], self.layout.dims, prediction=self.adds_prediction)

    def tell_cost(self) -> None:
        """Warn of very many folds: each has tables and a head of its own."""
        n_folds = int(self.folds.learned[:-1].sum())
        if n_folds < MANY_FOLDS:
            return
        sizes = zip(self.layout.n_codes, self.layout.dims, strict=True)
        numbers = sum(n_codes * dim for n_codes, dim in sizes)
        # A number, its gradient and the optimizer's two moments, of four bytes.
        memory = 16e-6 * numbers * n_folds
        warn(
            f"cv={shown(self.parameters.cv)} makes {n_folds:,} folds. Each has tables "
            f"({numbers:,} numbers; in training, those of all folds take {memory:,.1f} "
            "MB), statistics and a prediction of its own: expect a fit to take some "
            f"{n_folds / 25:.0f} times as long as with 5 folds. 5 to 10 are enough: "
            "pass cv=5, GroupKFold(5) in place of LeaveOneGroupOut, or "
            "TimeSeriesSplit(5) for rows in the order of time.",
            ManyFoldsWarning,
        )

    def outputs(
        self,
        crosses: Sequence[tuple[int, int]],
        shown: Sequence[int],
        *,
        prediction: bool,
    ) -> dict[str, list[str]]:
        """Return the names of the output columns; raise if they clash.

        Parameters
        ----------
        crosses : list of (int, int)
        shown : list of int
            Coordinates of each table that are output.
        prediction : bool
        """
        inputs, read = self.header.names, self.names + self.numbers
        schema, parameters = self.coder.schema, self.parameters
        passes = parameters.remainder == "passthrough"
        return feature_groups(
            {
                name: shown[t]
                for name, t in zip(self.names, self.layout.table_of, strict=True)
            },
            [(read[a], read[b]) for a, b in crosses],
            statistic_labels=self.objective.statistic_labels,
            prediction_labels=self.objective.prediction_labels,
            add_statistics=parameters.add_statistics,
            add_support=parameters.add_support,
            add_prediction=prediction,
            passed=[inputs[i] for i in (*schema.numeric, *schema.others) if passes],
        )

    def settings(self) -> "Settings":
        """Return what training is told."""
        from sk_entity._learning.task import Settings

        parameters, hiding = self.parameters, self.parameters.self_supervision
        return Settings(
            net=parameters.net,
            loss=parameters.loss,
            masked=hiding.masked if hiding else parameters.embedding_dropout,
            asks_for=self.coder.single_valued if hiding else (),
            shrinkage=parameters.shrinkage,
            max_epochs=parameters.max_epochs,
            batch_size=parameters.batch_size,
            learning_rate=parameters.learning_rate,
            early_stopping=parameters.early_stopping,
            net_params=parameters.net_params or {},
            device=parameters.device,
            verbose=parameters.verbose,
            predict=self.adds_prediction or self.chooses_crosses,
            turned=[t for t, automatic in enumerate(self.automatic) if automatic],
        )

    def finished(
        self,
        trained: "Trained",
        extras: Extras,
        shown: Sequence[int],
        choices: Sequence[Choice],
        *,
        weight: float,
        n_rows: int,
    ) -> Learned:
        """Return what new rows need of what training gave."""
        return self._learned(
            shown=list(shown),
            choices=list(choices),
            vectors=[table[-1] for table in trained.tables],
            counts=trained.counts,
            spreads=[_spread(table, self.folds) for table in trained.tables],
            extras=extras.final(),
            scaling=trained.scaling,
            weight=weight,
            n_rows=n_rows,
            history=trained.history,
            decoder=trained.decoder,
            net=trained.net,
        )

    def without_training(self, **of_rows: Any) -> Learned:
        """Return what is learned without categorical columns: numbers pass through."""
        lists = ("vectors", "counts", "spreads", "shown", "choices")
        nothing: dict[str, Any] = {name: [] for name in lists}
        extras = Extras([], [], None)
        return self._learned(
            **nothing, extras=extras, scaling=None, decoder={}, **of_rows
        )

    def _learned(self, *, extras: Extras, shown: list[int], **learned: Any) -> Learned:
        crosses = [(a, b) for a, b in (cross.columns for cross in extras.crosses)]
        return Learned(
            header=self.header,
            coder=self.coder,
            passes=self.parameters.remainder == "passthrough",
            objective=self.objective,
            groups=self.outputs(
                crosses, shown, prediction=extras.predictor is not None
            ),
            extras=extras,
            shown=shown,
            **learned,
        )


def categorical_names(header: Header, coder: FrameCoder) -> list[str]:
    """Return the names of the categorical columns."""
    names = header.names
    return [names[i] for i in coder.schema.categorical]


def plan_dims(
    embedding_dim: Any,
    coder: FrameCoder,
    names: Sequence[str],
    *,
    balance: float,
    given: dict[int, GivenVectors],
    numbers: NDArray[np.int32] | None = None,
    group: NDArray[np.intp] | None = None,
) -> tuple[list[int], list[bool]]:
    """Return the dimension of each table, and whether it is the automatic one.

    Parameters
    ----------
    embedding_dim : Any
        As the encoder's parameter.
    coder : FrameCoder
    names : list of str
        The categorical columns.
    balance : float
        What a row of the target tells.
    given : dict of int to GivenVectors
        Tables whose dimension is given.
    numbers : ndarray of shape (n_rows, n_columns) or None, default=None
    group : ndarray of shape (n_rows,) or None, default=None
        Rows of one group tell as much as one.
    """
    from sk_entity._learning.sizes import (
        are_automatic,
        embedding_dims,
        independent_shares,
        typical_count,
    )

    shares = np.ones(len(coder.coders))
    if group is not None and numbers is not None:
        of_column = independent_shares(numbers, group)
        n_columns = np.bincount(coder.table_of)
        shares = np.bincount(coder.table_of, of_column) / n_columns
    columns = [[names[j] for j in part.plan.columns] for part in coder.coders]
    dims = embedding_dims(
        embedding_dim,
        columns,
        # The unknown code is no category.
        [part.vocabulary.n_codes - 1 for part in coder.coders],
        [
            typical_count(part.vocabulary.code_counts[1:]) * share * balance
            for part, share in zip(coder.coders, shares, strict=True)
        ],
    )
    automatic = are_automatic(embedding_dim, columns)
    for t, source in given.items():
        dims[t], automatic[t] = source.dim, False
    return dims, automatic


def _spread(tables: NDArray[np.float32], folds: Folds) -> NDArray[np.float64] | None:
    """Return how far the folds' vectors are from those of all rows; None: no folds."""
    if len(tables) == 1:
        return None
    some = tables[:-1][folds.learned[:-1]]
    distance = np.linalg.norm(some.astype(np.float64) - tables[-1], axis=2)
    return np.asarray(np.sqrt(np.mean(distance**2, axis=0)))
