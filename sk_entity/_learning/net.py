"""The skorch net: how one batch trains the fold tables and the decoder."""

import math
from dataclasses import replace
from typing import Any

import torch
from skorch.callbacks import EarlyStopping
from skorch.utils import to_tensor
from torch import Tensor

from sk_entity._learning.batches import TensorRows
from sk_entity._learning.interruptible import InterruptibleNet, StopTraining
from sk_entity._learning.kernel import Kernel, can_run
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.pace import HotThenCool, listens_to_steps
from sk_entity._learning.step import Lesson, go, mean_loss
from sk_entity._workers import Workers
from sk_entity.exceptions import DivergenceError


class EntityNet(InterruptibleNet):
    """A skorch net with an honest decoder.

    A batch is used twice. The *decoder* learns from the row's own fold table, which
    never saw the row, while the tables stand still. The *tables* learn from each row
    through a table that is allowed to see it (the other folds' and the one of all rows;
    a random few of these if ``n_views`` is smaller), while the decoder stands still. So
    the decoder learns how far an out-of-fold vector can be trusted. Without folds there
    is one table, and one ordinary step.

    Parameters
    ----------
    n_folds : int
        0: no cross-fitting.
    n_views : int
        Tables that learn from each row of a batch, at most ``n_folds``.
    shrinkage : float
        Weight of the penalty on the deviations.
    generator : torch.Generator
        Draws the tables.
    teaches : Tensor of shape (n_parts, n_folds + 1), bool, or None, default=None
        Whether a table learns from each part of the rows; None: each row teaches all
        tables but its own.
    **kwargs : dict
        As skorch.NeuralNet.
    """

    def __init__(
        self,
        module: Any,
        *args: Any,
        n_folds: int = 0,
        n_views: int = 1,
        shrinkage: float = 1.0,
        generator: torch.Generator | None = None,
        teaches: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        self.n_folds = n_folds
        self.n_views = n_views
        self.shrinkage = shrinkage
        self.generator = generator
        self.teaches = teaches
        self.workers: Workers | None = None
        self.kernel: Kernel | None = None
        super().__init__(module, *args, **kwargs)

    def on_epoch_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Stop where the loss is no number any more."""
        super().on_epoch_end(net, *args, **kwargs)
        epoch = self.history[-1]
        # In skorch's own loop, a callback makes the epoch's of the batches' later on.
        steps = [epoch] if "train_loss" in epoch else epoch["batches"]
        if all(math.isfinite(step.get("train_loss", 0.0)) for step in steps):
            return
        if any(_can_go_back(callback) for _, callback in self.callbacks_):
            raise StopTraining
        raise diverged(f"in epoch {len(self.history)}", self.rates)

    @property
    def rates(self) -> list[float]:
        """Learning rates of the decoder and of the tables, at the start."""
        rates = [c for _, c in self.callbacks_ if isinstance(c, HotThenCool)]
        if rates:
            return list(rates[0].starts_)
        return [group["lr"] for group in self.optimizer_.param_groups]

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the gradients of one batch; see the class."""
        if self.kernel is not None:
            return self.kernel.step(batch, self.optimizer_)
        self._set_training(True)
        inputs, (target, weight, own_weight, *part) = batch
        module, own, numeric = self.module_, inputs["table"].long(), inputs["numeric"]
        loaded = module.tables.load(inputs["codes"], self.optimizer_)
        vectors = loaded.deviation + module.tables.priors().detach()
        if loaded.base is not None:
            vectors += loaded.base
        other, seen = self._learners(own)
        of_other = None
        if self.teaches is not None:
            seen = seen * self.teaches[part[0].long()]
            of_other = seen.gather(1, other)
        lesson = Lesson(
            vectors, own, other, of_other, numeric, target, weight, own_weight
        )
        passed = go(lesson, module.decoder, self.criterion_)
        module.tables.learn_priors(passed.own.sum(0))
        strength = weight * (self.shrinkage / len(weight))
        loaded.learn(passed.gradient, strength / max(other.shape[1], 1), seen)
        return {"loss": passed.loss, "y_pred": passed.output}

    def _learners(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tables that learn from each row, and a mark for each of them.

        Without folds, there are none other than the row's own.

        Returns
        -------
        other : Tensor of shape (batch, n_views), int64
            In a random order.
        seen : Tensor of shape (batch, n_tables), float32
        """
        n_rows, n_tables = len(own), self.n_folds + 1
        if not self.n_folds:
            return own.new_empty(n_rows, 0), torch.ones(n_rows, 1, device=own.device)
        # Neighbours in a ring: every table is as likely as any other.
        first = torch.randint(self.n_folds, (n_rows, 1), generator=self.generator)
        steps = first.to(own.device) + torch.arange(self.n_views, device=own.device)
        steps %= self.n_folds
        other = (own[:, None] + 1 + steps) % n_tables
        seen = torch.zeros(n_rows, n_tables, device=own.device).scatter_(1, other, 1.0)
        return other, seen

    def infer(self, x: Any, **fit_params: Any) -> Tensor:
        """Return the module's output."""
        return self.module_(**to_tensor(x, device=self.device))  # type: ignore[no-any-return]

    def get_loss(
        self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the weighted mean of the criterion over the batch."""
        target, weight, *_ = to_tensor(y_true, device=self.device)
        return mean_loss(self.criterion_(y_pred, target), weight)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **params: Any
    ) -> None:
        """Pass over the rows once; the loss is recorded once an epoch.

        With callbacks of the user's that listen to batches or gradients, skorch's own
        loop runs, which records every batch.
        """
        if not training:
            if iterator is not None:
                self._settle()
            super().run_single_epoch(iterator, training, prefix, step_fn, **params)
            return
        if any(listens_to_steps(callback) for _, callback in self.callbacks_):
            super().run_single_epoch(iterator, training, prefix, step_fn, **params)
        else:
            self._run_quietly(iterator, prefix)

    def on_train_begin(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Take the compiled step, where it can do what is asked for."""
        super().on_train_begin(net, *args, **kwargs)
        if can_run(self.module_, self.criterion_, self.device):
            workers = self.workers or Workers(1)
            if isinstance(self.optimizer_, LazyAdam):
                self.optimizer_.share(workers)
            self.kernel = Kernel(
                self.module_,
                self.criterion_,
                self.n_views if self.n_folds else 0,
                self.shrinkage,
                self.generator,
                workers,
                self.teaches,
            )

    def on_train_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Leave tables that are up to date."""
        self.kernel = self.workers = None
        super().on_train_end(net, *args, **kwargs)
        if isinstance(self.optimizer_, LazyAdam):
            self.optimizer_.share(None)
        self._settle()

    def _settle(self) -> None:
        if isinstance(self.optimizer_, LazyAdam):
            self.optimizer_.settle()

    def _run_quietly(self, iterator: Any, prefix: str) -> None:
        rates = [c for _, c in self.callbacks_ if isinstance(c, HotThenCool)]
        optimizer, total = self.optimizer_, torch.zeros((), device=self.device)
        step = (
            optimizer.quick_step if isinstance(optimizer, LazyAdam) else optimizer.step
        )
        n_rows, n_batches = 0, 0
        for batch in iterator:
            if self.kernel is None:
                optimizer.zero_grad(set_to_none=False)
            loss = self.train_step_single(batch)["loss"]
            step()
            for rate in rates:
                rate.on_batch_end(self, training=True)
            size = len(batch[1][0])
            total.add_(loss, alpha=size)
            n_rows, n_batches = n_rows + size, n_batches + 1
        self.history.record(f"{prefix}_loss", float(total) / n_rows)
        self.history.record(f"{prefix}_batch_count", n_batches)


def diverged(when: str, rates: list[float]) -> DivergenceError:
    """Return the error of a training that has diverged."""
    shown = ", ".join(f"{rate:.3g}" for rate in rates)
    return DivergenceError(
        f"Training diverged: its loss became infinite or NaN {when}, with learning "
        f"rates of {shown} (decoder and tables). Lower learning_rate, clip or scale "
        "extreme targets and numeric columns, check a loss or net of your own, or pass "
        "early_stopping=True, which goes back to the best epoch."
    )


def _can_go_back(callback: Any) -> bool:
    return (
        isinstance(callback, EarlyStopping)
        and getattr(callback, "best_model_weights_", None) is not None
    )


class HoldOut:
    """skorch's ``train_split`` for early stopping: some rows judge the decoder.

    With cross-fitting, the rows that judge still teach the tables that may see them:
    their own fold's table knows nothing of them, so their loss is honest once the
    decoder does not learn from them. Without it, they are left out altogether.

    Parameters
    ----------
    fraction : float
        Share of the rows that judge.
    cross_fitted : bool
    generator : torch.Generator
    """

    def __init__(
        self, fraction: float, cross_fitted: bool, generator: torch.Generator
    ) -> None:
        self.fraction = fraction
        self.cross_fitted = cross_fitted
        self.generator = generator

    def __call__(
        self, dataset: TensorRows, y: Any = None, **params: Any
    ) -> tuple[TensorRows, TensorRows]:
        """Split the rows into training and validation rows."""
        order = torch.randperm(len(dataset), generator=self.generator)
        order = order.to(dataset.weight.device)
        n_valid = max(1, int(len(dataset) * self.fraction))
        judges = dataset.take(order[:n_valid])
        if not self.cross_fitted:
            return dataset.take(order[n_valid:]), judges
        lesson = dataset.lesson.clone()
        lesson[order[:n_valid]] = 0
        return replace(dataset, lesson=lesson), judges
