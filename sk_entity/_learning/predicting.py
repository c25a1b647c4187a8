"""Trained tables -> heads -> a predictor in numpy."""

import numpy as np
import torch
from numpy.typing import NDArray

from sk_entity._features import Predictor
from sk_entity._learning.batches import SpooledRows, TensorRows
from sk_entity._learning.heads import HEAD_BATCH, HEAD_BUDGET, FoldHeads, fit_heads
from sk_entity._learning.losses import make_criterion
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.sizes import STEP_BUDGET, schedule
from sk_entity._learning.start import Start
from sk_entity._learning.task import Settings, Task, device_of


def learn_predictor(
    module: EmbeddingNet,
    dataset: TensorRows | SpooledRows,
    task: Task,
    weight_decay: float,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
) -> Predictor:
    """Train the heads on vectors that stand still, and return them without torch."""
    heads = _fit_heads(module, dataset, task, weight_decay, settings, start, generator)
    return _to_predictor(heads, module, task)


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
    rows = rows.to(device_of(settings.device))
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
