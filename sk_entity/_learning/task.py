"""What training is told, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sk_entity._categories import Layout
from sk_entity._features import Folds, Predictor, Scaling
from sk_entity._learning.heads import HEAD_UNITS
from sk_entity._learning.net import EntityNet
from sk_entity._learning.sizes import auto_weight_decay
from sk_entity._target import Objective


@dataclass(frozen=True)
class Settings:
    """The encoder's net and training parameters, as its docstring describes them.

    ``masked`` is the share of the codes that are hidden, ``asks_for`` the columns whose
    hidden codes are the target, ``predict`` asks for the net's predictions, and
    ``turned`` are the tables that get their principal axes for coordinates.
    """

    net: Any
    loss: Any
    masked: float
    asks_for: tuple[int, ...]
    shrinkage: float
    max_epochs: str | int
    batch_size: str | int
    learning_rate: float
    early_stopping: bool
    device: str
    verbose: int
    net_params: Mapping[str, Any]
    predict: bool
    turned: Sequence[int]

    def weight_decay(self, n_rows: int) -> float:
        """Return the L2 penalty of the decoder."""
        decay = self.net_params.get("optimizer__weight_decay")
        return auto_weight_decay(n_rows) if decay is None else float(decay)

    @property
    def head_units(self) -> tuple[int, ...]:
        """Hidden units of the heads, which are perceptrons whatever the net is."""
        return tuple(self.net) if isinstance(self.net, (tuple, list)) else HEAD_UNITS


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be learned, whatever the rows come from.

    Attributes
    ----------
    layout : Layout
    counts : list of ndarray of shape (n_codes,), float64
    folds : Folds
    objective : Objective
    n_numeric : int
        Numeric inputs of the net.
    scaling : Scaling
    constant : ndarray of shape (n_outputs,)
        Raw outputs of a head that no row teaches.
    """

    layout: Layout
    counts: Sequence[NDArray[np.float64]]
    folds: Folds
    objective: Objective
    n_numeric: int
    scaling: Scaling
    constant: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gives back.

    Attributes
    ----------
    tables : list of ndarray of shape (n_tables, n_codes, dim), float32
        As the layout orders them; the last of each saw every row.
    shares : list of ndarray of shape (dim,)
        The part of each table's variance along each coordinate, the largest first; NaN
        where coordinates are in no order.
    counts : list of ndarray of shape (n_codes,), float64
        Weight of the rows behind each row of each table.
    predictor : Predictor or None
        The heads without torch: one a fold that never saw the fold's rows, then one
        that saw all.
    scaling : Scaling
    decoder : dict of str to ndarray
        Its state.
    net : EntityNet
    history : DataFrame
        A row an epoch.
    """

    tables: list[NDArray[np.float32]]
    shares: list[NDArray[np.float64]]
    counts: list[NDArray[np.float64]]
    predictor: Predictor | None
    scaling: Scaling
    decoder: dict[str, NDArray[Any]]
    net: EntityNet
    history: pd.DataFrame


def device_of(device: str) -> str:
    """Return the torch device of the encoder's parameter."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is no torch device: pass 'auto', 'cpu', 'cuda', "
            "'cuda:1' or another name that torch.device takes."
        ) from error
    return device
