"""Trained tables -> heads -> a predictor in numpy."""

import numpy as np
import torch
from numpy.typing import NDArray

from sk_entity._features import Predictor
from sk_entity._learning.batches import SpooledRows, TensorRows
from sk_entity._learning.heads import HEAD_BATCH, HEAD_BUDGET, FoldHeads, fit_heads
from sk_entity._learning.losses import make_criterion
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.perceptron import Layers
from sk_entity._learning.sizes import STEP_BUDGET, schedule
from sk_entity._learning.start import Start
from sk_entity._learning.task import Settings, Task, device_of
from sk_entity._learning.threads import Threads


def learn_predictor(
    module: EmbeddingNet,
    dataset: TensorRows | SpooledRows,
    task: Task,
    weight_decay: float,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
    threads: Threads | None = None,
) -> Predictor:
    """Train the heads on vectors that stand still, and return them without torch."""
    heads = _fit_heads(
        module, dataset, task, weight_decay, settings, start, generator, threads
    )
    return _to_predictor(heads, module, task)


def _fit_heads(
    module: EmbeddingNet,
    dataset: TensorRows | SpooledRows,
    task: Task,
    weight_decay: float,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
    threads: Threads | None = None,
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
        rows.weight.device,
    )
    pace = 1.0
    if start.earlier is not None and start.earlier.predictor is not None:
        pace = start.earlier.pace
        _start_heads(heads, module, start.earlier.predictor)
    fit_heads(
        heads,
        module,
        rows,
        plan,
        make_criterion(task.objective, task.scaling.units, settings.loss),
        task.n_folds,
        learning_rate=settings.learning_rate * pace,
        weight_decay=weight_decay,
        generator=generator,
        threads=threads,
    )
    return heads


def _input_order(heads: FoldHeads, module: EmbeddingNet) -> NDArray[np.intp]:
    """Which of a predictor's inputs each input of the net is.

    The net reads its blocks of columns one after the other, the predictor reads the
    columns in their own order.
    """
    order = module.tables.coordinate_order().numpy()
    return np.concatenate([order, np.arange(len(order), heads.layers.skip.shape[2])])


def _start_heads(heads: FoldHeads, module: EmbeddingNet, earlier: Predictor) -> None:
    """Start all heads from the last one of an earlier fit."""
    columns = _input_order(heads, module)
    weights = [torch.as_tensor(weight[-1].T) for weight, _ in earlier.layers]
    weights[0] = weights[0][:, columns]
    biases = [torch.as_tensor(bias[-1]) for _, bias in earlier.layers]
    skip = torch.as_tensor(earlier.skip[-1].T)[:, columns]
    heads.start_from(Layers(weights, biases, skip))


def _to_predictor(heads: FoldHeads, module: EmbeddingNet, task: Task) -> Predictor:
    columns = np.argsort(_input_order(heads, module))
    numbers = heads.layers
    weights = [_to_numpy(weight.mT) for weight in numbers.weights]
    weights[0] = weights[0][:, columns]
    biases = [_to_numpy(bias) for bias in numbers.biases]
    return Predictor(
        scaler=task.scaling.scaler,
        layers=list(zip(weights, biases, strict=True)),
        skip=_to_numpy(numbers.skip.mT)[:, columns],
        objective=task.objective,
        units=task.scaling.units,
    )


def _to_numpy(numbers: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(numbers.cpu().numpy())
