"""Small boosters that judge what a larger one will make of some inputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The least chance that trees give a class.
_UNLIKELY = 1e-6


@dataclass(frozen=True)
class Trees:
    """A booster of scikit-learn's, cheap.

    Attributes
    ----------
    n_trees : int
        Of each class, for three or more.
    learning_rate : float
    classify : bool
    seed : int
    """

    n_trees: int
    learning_rate: float
    classify: bool
    seed: int

    def losses(
        self,
        inputs: NDArray[np.float64],
        target: NDArray[Any],
        *judges: tuple[NDArray[np.float64], NDArray[Any]],
        weight: NDArray[np.float64] | None = None,
    ) -> list[NDArray[np.float64]]:
        """Learn from some rows; return the loss of each of others.

        Parameters
        ----------
        inputs : ndarray of shape (n_rows, n_inputs)
        target : ndarray of shape (n_rows,)
            Numbers, or classes.
        *judges : (inputs, target)
        weight : ndarray of shape (n_rows,) or None, default=None

        Returns
        -------
        losses : list of ndarray
            Squared errors, or log losses, in which a class that was never seen is
            unlikely.
        """
        # Here, not at the top: a loaded encoder spares them.
        from sklearn import ensemble
        from threadpoolctl import threadpool_limits

        kind = "Classifier" if self.classify else "Regressor"
        trees = getattr(ensemble, f"HistGradientBoosting{kind}")(
            max_iter=self.n_trees,
            learning_rate=self.learning_rate,
            early_stopping=False,
            random_state=self.seed,
        )
        loss = _log_losses if self.classify else _squared_errors
        # scikit-learn finds no bins for a column without a number.
        known = np.asarray(~np.isnan(inputs).all(axis=0))
        if weight is not None and (weight == weight[0]).all():
            weight = None  # scikit-learn takes ten times as long to weigh rows alike
        # On one thread, OpenMP leaves none behind that a fork would wait for, and sums
        # have the same bits everywhere.
        with threadpool_limits(1, user_api="openmp"):
            trees.fit(_some(inputs, known), target, sample_weight=weight)
            return [loss(trees, _some(x, known), own) for x, own in judges]


def _some(inputs: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return some columns; one of zeros if there are none."""
    return inputs[:, known] if known.any() else np.zeros((len(inputs), 1))


def _squared_errors(
    trees: Any, inputs: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray((target - trees.predict(inputs)) ** 2)


def _log_losses(
    trees: Any, inputs: NDArray[np.float64], classes: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the log loss of each row; a class that the trees never saw is unlikely."""
    chances = trees.predict_proba(inputs)
    place = np.searchsorted(trees.classes_, classes).clip(max=chances.shape[1] - 1)
    own = np.where(
        trees.classes_[place] == classes, chances[np.arange(len(classes)), place], 0.0
    )
    return np.asarray(-np.log(np.maximum(own, _UNLIKELY)))
