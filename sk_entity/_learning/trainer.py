"""Rows -> trained tables: runs skorch, returns plain numpy."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sk_entity._categories import Layout
from sk_entity._features import Folds, NumericScaler, Predictor, Scaling
from sk_entity._learning.axes import turn
from sk_entity._learning.batches import RowSource, TensorRows
from sk_entity._learning.building import build_module, build_net
from sk_entity._learning.isolation import isolated
from sk_entity._learning.net import EntityNet, diverged
from sk_entity._learning.predicting import learn_predictor
from sk_entity._learning.rows import Rows
from sk_entity._learning.sizes import STEP_BUDGET, schedule
from sk_entity._learning.start import Start
from sk_entity._learning.task import Settings, Task, Trained, device_of
from sk_entity._progress import Progress
from sk_entity._target import Objective, constant_outputs, find_units, to_net
from sk_entity._workers import Workers

#: Rows from which numbers and target are scaled, at most.
_SCALING_ROWS = 500_000


def train(
    rows: Rows,
    *,
    layout: Layout,
    folds: Folds,
    objective: Objective,
    settings: Settings,
    start: Start,
    seed: int,
    progress: Progress,
) -> Trained:
    """Train all tables together.

    Parameters
    ----------
    rows : Rows
        Codes, raw numbers, target, weight and fold of the training rows.
    layout : Layout
        The tables and the columns that read them.
    folds : Folds
    objective : Objective
    settings : Settings
    start : Start
        Given vectors, and an earlier fit.
    seed : int
        The only source of chance.
    progress : Progress

    Returns
    -------
    trained : Trained
    """
    with isolated(seed) as workers:
        if not objective.is_custom:
            # The rows of a loss of the user's may judge each other.
            rows = rows.merged(layout.bags)
        # One row cannot both teach and judge.
        stop_early = settings.early_stopping and len(rows) > 1
        settings = replace(settings, early_stopping=stop_early)
        earlier = start.earlier
        scaling = _scaling(rows, objective) if earlier is None else earlier.scaling
        dataset = _to_tensors(rows, scaling, folds)
        dataset = _place(dataset, device_of(settings.device))
        tables = range(len(layout.n_codes))
        counts = [layout.count(t, rows.codes, rows.weight) for t in tables]
        n_numeric = dataset.numeric.shape[1]
        constant = constant_outputs(objective, rows.target, rows.weight)
        del rows  # the tensors hold what training needs
        task = Task(layout, counts, folds, objective, n_numeric, scaling, constant)
        return _learn(dataset, task, settings, start, seed, workers, progress)


def train_encoded(
    source: Callable[[Callable[[NDArray[Any]], TensorRows]], RowSource],
    some: NDArray[Any],
    counts: Sequence[NDArray[np.float64]],
    *,
    layout: Layout,
    folds: Folds,
    objective: Objective,
    settings: Settings,
    seed: int,
    progress: Progress,
) -> Trained:
    """Train from rows that are not all in memory.

    Parameters
    ----------
    source : callable
        From what makes tensors of rows to what gives them, a chunk at a time.
    some : ndarray
        Rows with the fields of `Rows`, a sample: they scale numbers and target.
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows behind each row of each table.
    layout, folds, objective, settings, seed, progress
        As `train`.
    """
    with isolated(seed) as workers:
        sample = Rows.of(some)
        scaling = _scaling(sample, objective)
        mean_weight = float(sample.weight.mean())

        def to_tensors(block: NDArray[Any]) -> TensorRows:
            return _to_tensors(Rows.of(block), scaling, folds, mean_weight)

        n_numeric = scaling.scaler.transform(sample.numeric[:1]).shape[1]
        constant = constant_outputs(objective, sample.target, sample.weight)
        task = Task(layout, counts, folds, objective, n_numeric, scaling, constant)
        rows = source(to_tensors)
        return _learn(rows, task, settings, Start(), seed, workers, progress)


def _learn(
    dataset: RowSource,
    task: Task,
    settings: Settings,
    start: Start,
    seed: int,
    workers: Workers,
    progress: Progress,
) -> Trained:
    generator = torch.Generator().manual_seed(seed)
    module = build_module(task, settings, start, generator)
    plan = schedule(
        len(dataset), settings.batch_size, settings.max_epochs, budget=STEP_BUDGET
    )
    decay = settings.weight_decay(len(dataset))
    pace = 1.0 if start.earlier is None else start.earlier.pace
    net = build_net(module, plan, task, decay, pace, settings, generator, progress)
    net.workers = workers
    net.fit(dataset, y=None)
    module = net.module_.eval()
    shares = turn(module, task.counts, settings.turned)
    tables = [t.cpu().numpy().copy() for t in module.tables.tables()]
    if not all(np.isfinite(table).all() for table in tables):
        raise diverged("at the end", net.rates)
    predictor = None
    if settings.predict:
        predictor = learn_predictor(
            module,
            dataset,
            task,
            decay,
            settings,
            start,
            generator,
            workers,
            progress,
        )
        if not all(np.isfinite(w).all() for w in (predictor.skip, *_flat(predictor))):
            raise diverged("while the prediction was learned", net.rates)
    history = _history(net)
    net.trim_for_prediction()
    counts = list(task.counts)
    decoder = _state(module.decoder)
    return Trained(
        tables, shares, counts, predictor, task.scaling, decoder, net, history
    )


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


def _scaling(rows: Rows, objective: Objective) -> Scaling:
    missing = np.asarray(np.isnan(rows.numeric).any(axis=0))
    if len(rows) > _SCALING_ROWS:
        # Rows stand in the order of a hash: evenly spread ones are a sample.
        rows = rows.take(np.linspace(0, len(rows) - 1, _SCALING_ROWS).astype(np.intp))
    scaler = NumericScaler.fit(rows.numeric, rows.weight)
    scaler = replace(scaler, has_missing=missing)
    return Scaling(scaler, find_units(objective, rows.target, rows.weight))


def _to_tensors(
    rows: Rows,
    scaling: Scaling,
    folds: Folds,
    mean_weight: float | None = None,
) -> TensorRows:
    # Without folds the one table, number 0, is everyone's own.
    mean_weight = rows.weight.mean() if mean_weight is None else mean_weight
    weight = torch.as_tensor(rows.weight / mean_weight).to(torch.float32)
    part = torch.as_tensor(np.ascontiguousarray(rows.fold), dtype=torch.int32)
    table = np.ascontiguousarray(folds.table_of(rows.fold))
    return TensorRows(
        codes=torch.as_tensor(np.ascontiguousarray(rows.codes), dtype=torch.int32),
        numeric=torch.as_tensor(scaling.scaler.transform(rows.numeric)),
        table=torch.as_tensor(table, dtype=torch.int32),
        target=torch.as_tensor(to_net(rows.target, scaling.units)).float(),
        weight=weight,
        lesson=weight,
        part=None if folds.is_plain else part,
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
