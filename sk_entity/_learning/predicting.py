"""Trained tables -> heads -> a predictor in numpy."""

import numpy as np
import torch
from numpy.typing import NDArray

from sk_entity._features import Predictor
from sk_entity._learning.batches import RowSource
from sk_entity._learning.heads import (
    HEAD_BATCH,
    HEAD_BUDGET,
    HEAD_RATE,
    FoldHeads,
    fit_heads,
)
from sk_entity._learning.losses import make_criterion
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.sizes import STEP_BUDGET, schedule
from sk_entity._learning.start import Start
from sk_entity._learning.task import Settings, Task, device_of
from sk_entity._progress import Progress
from sk_entity._workers import Workers


def learn_predictor(
    module: EmbeddingNet,
    dataset: RowSource,
    task: Task,
    weight_decay: float,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
    workers: Workers,
    progress: Progress,
) -> Predictor:
    """Train the heads on vectors that stand still, and return them without torch."""
    # Without folds there is nobody to hide rows from. A net of the user's may be
    # anything, though, and predictions must not need torch.
    folds = task.folds
    if not folds.n_folds and isinstance(module.decoder, Decoder):
        return _to_predictor(FoldHeads.of(module.decoder), task)
    passes, size = settings.max_epochs, settings.batch_size
    if size == "auto":
        tables = schedule(len(dataset), size, passes, budget=STEP_BUDGET)
        size = min(tables.batch_size, HEAD_BATCH)
    # More rows than a budget of batches reads would only take memory.
    rows = dataset.sample(HEAD_BUDGET * int(size), generator)
    rows = rows.to(device_of(settings.device))
    plan = schedule(len(rows), size, "auto", budget=HEAD_BUDGET)
    if passes != "auto" and int(passes) < plan.epochs:
        plan = schedule(len(rows), size, passes, budget=HEAD_BUDGET)
    heads = FoldHeads(
        module.tables.prior_of.numel() + task.n_numeric,
        settings.head_units,
        task.objective.n_outputs,
        folds.n_folds + 1,
        generator,
    ).to(rows.weight.device)
    pace = 1.0
    if start.earlier is not None and start.earlier.predictor is not None:
        pace = start.earlier.pace
        _start_heads(heads, start.earlier.predictor)
    fit_heads(
        heads,
        module,
        rows,
        plan,
        make_criterion(task.objective, task.scaling.units, settings.loss),
        folds,
        learning_rate=settings.learning_rate * HEAD_RATE * pace,
        weight_decay=weight_decay,
        generator=generator,
        workers=workers,
        progress=progress,
    )
    # What a head that no row teaches started from means nothing.
    heads.set_constant(~folds.learned, task.constant)
    return _to_predictor(heads, task)


def _start_heads(heads: FoldHeads, earlier: Predictor) -> None:
    """Start all heads from the last one of an earlier fit."""
    weights = [torch.as_tensor(weight[-1].T) for weight, _ in earlier.layers]
    biases = [torch.as_tensor(bias[-1]) for _, bias in earlier.layers]
    skip = torch.as_tensor(earlier.skip[-1].T)
    heads.start_from(weights, biases, skip)


def _to_predictor(heads: FoldHeads, task: Task) -> Predictor:
    weights, biases, skip = heads.layers()
    return Predictor(
        scaler=task.scaling.scaler,
        layers=[
            (_to_numpy(weight.mT), _to_numpy(bias))
            for weight, bias in zip(weights, biases, strict=True)
        ],
        skip=_to_numpy(skip.mT),
        objective=task.objective,
        units=task.scaling.units,
    )


def _to_numpy(numbers: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(numbers.detach().cpu().numpy())
