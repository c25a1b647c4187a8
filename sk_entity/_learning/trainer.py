"""Rows -> trained tables: builds the net, runs skorch, returns plain numpy."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from sk_entity._categories import Layout
from sk_entity._features import NumericScaler, Predictor, Scaling
from sk_entity._learning.batches import BatchIterator, SpooledRows, TensorRows
from sk_entity._learning.heads import (
    HEAD_BATCH,
    HEAD_BUDGET,
    HEAD_UNITS,
    FoldHeads,
    fit_heads,
)
from sk_entity._learning.isolation import isolated
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.losses import make_criterion
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.net import (
    CosineRate,
    EntityNet,
    HoldOut,
    TrainingBar,
    diverged,
)
from sk_entity._learning.rows import Rows
from sk_entity._learning.sizes import STEP_BUDGET, Schedule, auto_weight_decay, schedule
from sk_entity._learning.start import Start
from sk_entity._learning.tables import FoldTables
from sk_entity._target import Objective, find_units, to_net

#: Decoder learning rate over that of the tables.
_DECODER_RATE = 0.1
#: Rows times tables of one update: small batches teach every table that may see a
#: row, large ones a random few.
_VIEW_BUDGET = 2048
#: A table that learns from a share of the rows a step gets a higher rate, up to this.
_MOST_RATE = 3.0
#: Numbers in a column's tables from which lazy updates cost less than dense ones.
_LAZY_SIZE = 1_000_000
#: Arguments of the net by which users see or change how tables are updated.
_WATCHERS = ("optimizer", "callbacks")
#: The argument of the net that is the perceptron's dropout.
_DROPOUT = "module__dropout"
#: Rows of a spool from which numbers and target are scaled.
_SCALING_ROWS = 500_000
#: Early stopping waits for this share of the planned epochs.
_PATIENCE = 0.25


@dataclass(frozen=True)
class Settings:
    """The encoder's net and training parameters, as its docstring describes them.

    ``masked`` is the share of the codes that are hidden, ``asks_for`` the columns whose
    hidden codes are the target, and ``predict`` asks for the net's predictions.
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

    def weight_decay(self, n_rows: int) -> float:
        """Return the L2 penalty of the decoder."""
        decay = self.net_params.get("optimizer__weight_decay")
        return auto_weight_decay(n_rows) if decay is None else float(decay)

    @property
    def head_units(self) -> tuple[int, ...]:
        """Hidden units of the heads, which are perceptrons whatever the net is."""
        return tuple(self.net) if isinstance(self.net, (tuple, list)) else HEAD_UNITS


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gives back.

    Attributes
    ----------
    tables : list of ndarray of shape (n_tables, n_codes, dim), float32
        As the layout orders them; the last of each saw every row.
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
    counts: list[NDArray[np.float64]]
    predictor: Predictor | None
    scaling: Scaling
    decoder: dict[str, NDArray[Any]]
    net: EntityNet
    history: pd.DataFrame


def train(
    rows: Rows,
    *,
    layout: Layout,
    n_folds: int,
    objective: Objective,
    settings: Settings,
    start: Start,
    seed: int,
) -> Trained:
    """Train all tables together.

    Parameters
    ----------
    rows : Rows
        Codes, raw numbers, target, weight and fold of the training rows.
    layout : Layout
        The tables and the columns that read them.
    n_folds : int
        0: no cross-fitting.
    objective : Objective
    settings : Settings
    start : Start
        Given vectors, and an earlier fit.
    seed : int
        The only source of chance.

    Returns
    -------
    trained : Trained
    """
    with isolated(seed):
        if not objective.is_custom:
            # The rows of a loss of the user's may judge each other.
            rows = rows.merged(layout.bags)
        # One row cannot both teach and judge.
        stop_early = settings.early_stopping and len(rows) > 1
        settings = replace(settings, early_stopping=stop_early)
        earlier = start.earlier
        scaling = _scaling(rows, objective) if earlier is None else earlier.scaling
        dataset = _to_tensors(rows, scaling, objective)
        dataset = _place(dataset, _device(settings.device))
        tables = range(len(layout.n_codes))
        counts = [layout.count(t, rows.codes, rows.weight) for t in tables]
        n_numeric = dataset.numeric.shape[1]
        del rows  # the tensors hold what training needs
        task = Task(layout, counts, n_folds, objective, n_numeric, scaling)
        return _learn(dataset, task, settings, start, seed)


def train_spooled(
    spool: Any,
    counts: Sequence[NDArray[np.float64]],
    *,
    layout: Layout,
    n_folds: int,
    objective: Objective,
    settings: Settings,
    seed: int,
) -> Trained:
    """Train from rows on disk.

    Parameters
    ----------
    spool : Spool
        Rows with the fields of `Rows`.
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows behind each row of each table.
    layout, n_folds, objective, settings, seed
        As `train`.
    """
    with isolated(seed):
        sample = Rows.of(spool.sample(_SCALING_ROWS))
        scaling = _scaling(sample, objective)
        mean_weight = float(sample.weight.mean())

        def to_tensors(block: NDArray[Any]) -> TensorRows:
            return _to_tensors(Rows.of(block), scaling, objective, mean_weight)

        n_numeric = scaling.scaler.transform(sample.numeric[:1]).shape[1]
        task = Task(layout, counts, n_folds, objective, n_numeric, scaling)
        return _learn(SpooledRows(spool, to_tensors), task, settings, Start(), seed)


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be learned, whatever the rows come from.

    Attributes
    ----------
    layout : Layout
    counts : list of ndarray of shape (n_codes,), float64
    n_folds : int
    objective : Objective
    n_numeric : int
        Numeric inputs of the net.
    scaling : Scaling
    """

    layout: Layout
    counts: Sequence[NDArray[np.float64]]
    n_folds: int
    objective: Objective
    n_numeric: int
    scaling: Scaling


def _learn(
    dataset: TensorRows | SpooledRows,
    task: Task,
    settings: Settings,
    start: Start,
    seed: int,
) -> Trained:
    generator = torch.Generator().manual_seed(seed)
    module = _build_module(task, settings, start, generator)
    plan = schedule(
        len(dataset), settings.batch_size, settings.max_epochs, budget=STEP_BUDGET
    )
    decay = settings.weight_decay(len(dataset))
    pace = 1.0 if start.earlier is None else start.earlier.pace
    net = _build_net(module, plan, task, decay, pace, settings, generator)
    net.fit(dataset, y=None)
    module = net.module_.eval()
    tables = [t.cpu().numpy().copy() for t in module.tables.tables()]
    if not all(np.isfinite(table).all() for table in tables):
        raise diverged("at the end", net.rates)
    predictor = None
    if settings.predict:
        heads = _fit_heads(module, dataset, task, decay, settings, start, generator)
        predictor = _to_predictor(heads, module, task)
        if not all(np.isfinite(w).all() for w in (predictor.skip, *_flat(predictor))):
            raise diverged("while the prediction was learned", net.rates)
    history = _history(net)
    net.trim_for_prediction()
    counts = list(task.counts)
    decoder = _state(module.decoder)
    return Trained(tables, counts, predictor, task.scaling, decoder, net, history)


def _state(decoder: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """Return the state of a module as arrays; NumPy has no bfloat16."""
    return {
        name: (value.float() if value.dtype is torch.bfloat16 else value)
        .detach()
        .cpu()
        .numpy()
        .copy()
        for name, value in decoder.state_dict().items()
    }


def _flat(predictor: Predictor) -> list[NDArray[np.float32]]:
    return [array for layer in predictor.layers for array in layer]


def _device(device: str) -> str:
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


def _scaling(rows: Rows, objective: Objective) -> Scaling:
    scaler = NumericScaler.fit(rows.numeric, rows.weight)
    return Scaling(scaler, find_units(objective, rows.target, rows.weight))


def _to_tensors(
    rows: Rows,
    scaling: Scaling,
    objective: Objective,
    mean_weight: float | None = None,
) -> TensorRows:
    # Without folds the one table, number 0, is everyone's own.
    mean_weight = rows.weight.mean() if mean_weight is None else mean_weight
    weight = torch.as_tensor(rows.weight / mean_weight).to(torch.float32)
    return TensorRows(
        codes=torch.as_tensor(np.ascontiguousarray(rows.codes), dtype=torch.int32),
        numeric=torch.as_tensor(scaling.scaler.transform(rows.numeric)),
        table=torch.as_tensor(np.ascontiguousarray(rows.fold), dtype=torch.int32),
        target=torch.as_tensor(to_net(rows.target, scaling.units)).float(),
        weight=weight,
        lesson=weight,
    )


def _place(rows: TensorRows, device: str) -> TensorRows:
    """Put the rows where training runs; if they do not fit, keep them at hand.

    Rows in pinned memory travel to the device a chunk of batches at a time.
    """
    if rows.n_bytes <= _room(device):
        return rows.to(device)
    return rows.pinned() if device.startswith("cuda") else rows


def _room(device: str) -> float:
    """Bytes that rows may take of a device: half of what is free there."""
    if not device.startswith("cuda"):
        return math.inf
    return torch.cuda.mem_get_info(device)[0] / 2


def _build_module(
    task: Task,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
) -> EmbeddingNet:
    layout, n_tables = task.layout, task.n_folds + 1
    # Optimizers and callbacks of the user's see whole tables, at any time.
    may_be_lazy = not any(
        name.startswith(_WATCHERS) and name != "optimizer__weight_decay"
        for name in settings.net_params
    )
    lazy = [
        may_be_lazy and n * dim * n_tables > _LAZY_SIZE
        for n, dim in zip(layout.n_codes, layout.dims, strict=True)
    ]
    tables = FoldTables(
        layout,
        n_tables,
        [torch.as_tensor(count).float() for count in task.counts],
        generator,
        lazy,
        start.bases(layout),
        [t in start.frozen for t in range(len(layout.n_codes))],
    )
    start.set_priors(tables.prior, layout)
    n_inputs = sum(layout.column_dims) + task.n_numeric
    decoder = _build_decoder(n_inputs, task.objective.n_outputs, settings, generator)
    if start.earlier is not None:
        state = start.earlier.decoder.items()
        decoder.load_state_dict({name: torch.as_tensor(x) for name, x in state})
    return EmbeddingNet(tables, decoder)


def _build_decoder(
    n_inputs: int, n_outputs: int, settings: Settings, generator: torch.Generator
) -> torch.nn.Module:
    """Return the perceptron, or the user's own net."""
    net = settings.net
    if isinstance(net, (tuple, list)):
        dropout = float(settings.net_params.get(_DROPOUT, 0.0))
        if not 0 <= dropout < 1:
            raise ValueError(
                f"net_params[{_DROPOUT!r}] must be at least 0 and below 1, got "
                f"{dropout}."
            )
        return Decoder(n_inputs, net, n_outputs, dropout, generator)
    if isinstance(net, torch.nn.Module):
        decoder = copy.deepcopy(net)
    else:
        decoder = net(n_inputs, n_outputs)
    try:
        with torch.no_grad():
            shape = tuple(decoder(torch.zeros(2, n_inputs)).shape)
    except RuntimeError as error:
        raise ValueError(
            f"net={net!r} cannot read {n_inputs} inputs a row: {error}. Pass a class "
            "or a function of the numbers of inputs and outputs."
        ) from error
    if shape != (2, n_outputs):
        raise ValueError(
            f"net={net!r} turned a tensor of shape (2, {n_inputs}) into one of shape "
            f"{shape}: it must give {n_outputs} outputs a row, raw scores before any "
            "sigmoid, softmax or exponential."
        )
    return decoder


def _build_net(
    module: EmbeddingNet,
    plan: Schedule,
    task: Task,
    weight_decay: float,
    pace: float,
    settings: Settings,
    generator: torch.Generator,
) -> EntityNet:
    rate, n_folds = settings.learning_rate, task.n_folds
    n_views = max(1, min(n_folds, _VIEW_BUDGET // plan.batch_size))
    tables = {
        "lr": rate * min(max(n_folds, 1) / n_views, _MOST_RATE),
        "weight_decay": 0.0,  # shrinkage takes its place
    }
    arguments: dict[str, Any] = {
        "criterion": make_criterion(task.objective, task.scaling.units, settings.loss),
        "optimizer": LazyAdam,
        "lr": rate * _DECODER_RATE * pace,
        "optimizer__weight_decay": weight_decay,
        "optimizer__param_groups": [("tables.deviation.*", tables)],
        "max_epochs": plan.epochs,
        "batch_size": plan.batch_size,
        "iterator_train": BatchIterator,
        "iterator_train__generator": generator,
        "iterator_train__device": _device(settings.device),
        "iterator_train__unknown_probability": settings.masked,
        "iterator_train__asks_for": settings.asks_for,
        "iterator_train__masked": _masked(module.tables.layout),
        "iterator_valid": BatchIterator,
        "iterator_valid__device": _device(settings.device),
        "train_split": None,
        "callbacks": _callbacks(plan, settings),
        "device": _device(settings.device),
        "verbose": 0,
        "n_folds": n_folds,
        "n_views": n_views,
        "shrinkage": settings.shrinkage,
        "generator": generator,
    }
    if settings.early_stopping:
        arguments["train_split"] = HoldOut(0.1, n_folds > 0, generator)
    given = dict(settings.net_params)
    given.pop("callbacks", None)  # they join those above
    given.pop(_DROPOUT, None)  # the decoder has it
    _compile(module, given)
    if "optimizer" not in given:
        arguments["optimizer__fused"] = True
    return EntityNet(module, **(arguments | given))


def _compile(module: EmbeddingNet, given: dict[str, Any]) -> None:
    """Compile the decoder if ``compile`` asks for it, which leaves ``given``.

    skorch would compile the whole module, under whose new names of parameters the
    tables would lose their learning rate; and tables are no part of the graph.
    """
    options = {
        name: given.pop(name) for name in [*given] if name.startswith("compile__")
    }
    if given.pop("compile", False):
        options = {name.removeprefix("compile__"): v for name, v in options.items()}
        module.decoder.compile(**options)


def _masked(layout: Layout) -> dict[int, torch.Tensor]:
    """Return what stands for hidden cells, of columns where that is not code 0."""
    return {
        j: torch.as_tensor(bags.masked)
        for j, bags in enumerate(layout.bags)
        if bags is not None and bags.masked.any()
    }


def _callbacks(plan: Schedule, settings: Settings) -> list[Any]:
    given = []
    for callback in settings.net_params.get("callbacks") or ():
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        given.append(callback() if is_class else callback)
    callbacks: list[Any] = []
    if not any(isinstance(callback, LRScheduler) for callback in given):
        callbacks.append(("learning_rate", CosineRate(plan.steps)))
    if settings.early_stopping:
        stopping = EarlyStopping(
            patience=max(5, round(_PATIENCE * plan.epochs)),
            load_best=True,
            sink=_silent,
        )
        callbacks.append(("early_stopping", stopping))
    if settings.verbose:
        callbacks.append(("progress", TrainingBar()))
    return callbacks + given


def _silent(*args: Any) -> None:
    """Swallow what skorch's early stopping would print."""


def _fit_heads(
    module: EmbeddingNet,
    dataset: TensorRows | SpooledRows,
    task: Task,
    weight_decay: float,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
) -> FoldHeads:
    # Without folds there is nobody to hide rows from. A net of the user's may be
    # anything, though, and predictions must not need torch.
    if not task.n_folds and isinstance(module.decoder, Decoder):
        return FoldHeads.of(module.decoder)
    passes, size = settings.max_epochs, settings.batch_size
    if size == "auto":
        tables = schedule(len(dataset), size, passes, budget=STEP_BUDGET)
        size = min(tables.batch_size, HEAD_BATCH)
    # More rows than a budget of batches reads would only take memory.
    rows = dataset.sample(HEAD_BUDGET * int(size), generator)
    rows = rows.to(_device(settings.device))
    plan = schedule(len(rows), size, passes, budget=HEAD_BUDGET)
    heads = FoldHeads(
        module.tables.prior_of.numel() + task.n_numeric,
        settings.head_units,
        task.objective.n_outputs,
        task.n_folds + 1,
        generator,
    )
    pace = 1.0
    if start.earlier is not None and start.earlier.predictor is not None:
        pace = start.earlier.pace
        _start_heads(heads, module, start.earlier.predictor)
    return fit_heads(
        heads,
        module,
        rows,
        plan,
        make_criterion(task.objective, task.scaling.units, settings.loss),
        task.n_folds,
        learning_rate=settings.learning_rate * pace,
        weight_decay=weight_decay,
        generator=generator,
    )


def _input_order(heads: FoldHeads, module: EmbeddingNet) -> NDArray[np.intp]:
    """Which of a predictor's inputs each input of the net is.

    The net reads its blocks of columns one after the other, the predictor reads the
    columns in their own order.
    """
    order = module.tables.coordinate_order().numpy()
    return np.concatenate([order, np.arange(len(order), heads.skip.shape[1])])


def _start_heads(heads: FoldHeads, module: EmbeddingNet, earlier: Predictor) -> None:
    """Start all heads from the last one of an earlier fit."""
    rows = _input_order(heads, module)
    for k, (weight, bias) in enumerate(earlier.layers):
        weight = weight[-1:, rows] if k == 0 else weight[-1:]
        heads.weights[k].data[:] = torch.as_tensor(weight)
        heads.biases[k].data[:] = torch.as_tensor(bias[-1:])
    heads.skip.data[:] = torch.as_tensor(earlier.skip[-1:, rows])


def _to_predictor(heads: FoldHeads, module: EmbeddingNet, task: Task) -> Predictor:
    rows = np.argsort(_input_order(heads, module))
    layers = [
        (_to_numpy(weight), _to_numpy(bias))
        for weight, bias in zip(heads.weights, heads.biases, strict=True)
    ]
    layers[0] = (layers[0][0][:, rows], layers[0][1])
    return Predictor(
        scaler=task.scaling.scaler,
        layers=layers,
        skip=_to_numpy(heads.skip)[:, rows],
        objective=task.objective,
        units=task.scaling.units,
    )


def _to_numpy(parameter: torch.Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = parameter.detach().cpu().numpy().copy()
    return values


def _history(net: EntityNet) -> pd.DataFrame:
    """One row an epoch: the scalars that skorch recorded."""
    epochs = [
        {key: value for key, value in epoch.items() if np.isscalar(value)}
        for epoch in net.history
    ]
    frame = pd.DataFrame(epochs)
    kept = [column for column in frame if not str(column).endswith("_best")]
    # The same order whatever callbacks recorded first.
    first = [name for name in ("epoch", "train_loss", "valid_loss") if name in kept]
    return frame[first + [name for name in kept if name not in first]]
