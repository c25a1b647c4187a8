"""A task and settings -> the net that learns it."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from sk_entity._categories import Layout
from sk_entity._learning.batches import BatchIterator
from sk_entity._learning.kernel import knows
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.losses import make_criterion
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._learning.net import EntityNet, HoldOut
from sk_entity._learning.pace import EpochReport, HotThenCool
from sk_entity._learning.sizes import Schedule
from sk_entity._learning.start import Start
from sk_entity._learning.tables import FoldTables
from sk_entity._learning.task import Settings, Task, device_of
from sk_entity._progress import Progress

#: Decoder learning rate over that of the tables.
_DECODER_RATE = 0.3


#: Rows times tables of one update: small batches teach every table that may see a
#: row, large ones a random few.
_VIEW_BUDGET = 6144


#: A table that learns from a share of the rows a step gets a higher rate, up to this.
_MOST_RATE = 3.0


#: Numbers in a column's tables from which lazy updates cost less than dense ones: in
#: compiled code, and in torch's operations.
_LAZY_SIZE = 50_000
_LAZY_SIZE_IN_TORCH = 1_000_000


#: Arguments of the net by which users see or change how tables are updated.
_WATCHERS = ("optimizer", "callbacks")


#: The argument of the net that is the perceptron's dropout.
_DROPOUT = "module__dropout"


#: Early stopping waits for this share of the planned epochs.
_PATIENCE = 0.25


def build_module(
    task: Task,
    settings: Settings,
    start: Start,
    generator: torch.Generator,
) -> EmbeddingNet:
    """Return the tables and the decoder as they start."""
    layout, n_tables = task.layout, task.folds.n_folds + 1
    # Optimizers and callbacks of the user's see whole tables, at any time.
    may_be_lazy = not any(
        name.startswith(_WATCHERS) and name != "optimizer__weight_decay"
        for name in settings.net_params
    )
    bases = start.bases(layout)
    lazy_size = (
        _LAZY_SIZE if _is_compiled(task, settings, bases) else _LAZY_SIZE_IN_TORCH
    )
    lazy = [
        may_be_lazy and n * dim * n_tables > lazy_size
        for n, dim in zip(layout.n_codes, layout.dims, strict=True)
    ]
    tables = FoldTables(
        layout,
        n_tables,
        [torch.as_tensor(count).float() for count in task.counts],
        generator,
        lazy,
        bases,
        [t in start.frozen for t in range(len(layout.n_codes))],
    )
    start.set_priors(tables.prior, layout)
    n_inputs = sum(layout.column_dims) + task.n_numeric
    decoder = _build_decoder(n_inputs, task.objective.n_outputs, settings, generator)
    if start.earlier is not None:
        state = start.earlier.decoder.items()
        decoder.load_state_dict({name: torch.as_tensor(x) for name, x in state})
    return EmbeddingNet(tables, decoder)


def _is_compiled(task: Task, settings: Settings, bases: Sequence[Any] | None) -> bool:
    """Whether the compiled step will do; that it will not then costs time only."""
    criterion = make_criterion(task.objective, task.scaling.units, settings.loss)
    return (
        task.folds.is_plain
        and knows(criterion, device_of(settings.device))
        and isinstance(settings.net, (tuple, list))
        and not any(bags is not None for bags in task.layout.bags)
        and not any(base is not None for base in bases or ())
    )


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


def build_net(
    module: EmbeddingNet,
    plan: Schedule,
    task: Task,
    weight_decay: float,
    pace: float,
    settings: Settings,
    generator: torch.Generator,
    progress: Progress,
) -> EntityNet:
    """Return the skorch net: rates, views, iterators and callbacks."""
    rate, n_folds = settings.learning_rate, task.folds.n_folds
    teaches = task.folds.teaches
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
        "iterator_train__device": device_of(settings.device),
        "iterator_train__unknown_probability": settings.masked,
        "iterator_train__asks_for": settings.asks_for,
        "iterator_train__masked": _masked(module.tables.layout),
        "iterator_valid": BatchIterator,
        "iterator_valid__device": device_of(settings.device),
        "train_split": None,
        "callbacks": [*_callbacks(plan, settings), ("progress", EpochReport(progress))],
        "device": device_of(settings.device),
        "verbose": 0,
        "n_folds": n_folds,
        "n_views": n_views,
        "shrinkage": settings.shrinkage,
        "generator": generator,
        "teaches": None
        if teaches is None
        else torch.as_tensor(teaches, device=device_of(settings.device)),
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
        pace = HotThenCool(
            plan.epochs,
            plan.steps // plan.epochs,
            waits=settings.max_epochs == "auto" and not settings.early_stopping,
        )
        callbacks.append(("learning_rate", pace))
    if settings.early_stopping:
        stopping = EarlyStopping(
            patience=max(5, round(_PATIENCE * plan.epochs)),
            load_best=True,
            sink=_silent,
        )
        callbacks.append(("early_stopping", stopping))
    return callbacks + given


def _silent(*args: Any) -> None:
    """Swallow what skorch's early stopping would print."""
