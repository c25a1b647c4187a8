"""Learning rates: hot until the loss is flat, then down to zero."""

import math
from typing import Any

from skorch.callbacks import Callback

from sk_entity._learning.interruptible import StopTraining
from sk_entity._progress import TABLES, Progress

#: Share of a training of a given length that is hot.
HOT = 0.25
#: Flat: an interval gains less than this share of what was gained since the first.
_FLAT = 0.03
#: Steps of an interval, at least: the loss of fewer says little.
_INTERVAL = 64


class HotThenCool(Callback):
    """Learning rates of all groups stand, then fall to zero along half a cosine.

    The loss of an epoch is that of rows in tables that have not seen them, so it tells
    when going on as before is of no more use: then rates fall, three times as long as
    they stood, and training ends. The fall is that of SGDR [1]_, without restarts.

    Parameters
    ----------
    n_epochs : int
        Epochs of the training, at most.
    n_steps : int
        Steps of an epoch.
    waits : bool
        Whether rates fall when the loss is flat; else after a quarter of the epochs.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter (2017), "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR, arXiv:1608.03983.
    """

    def __init__(self, n_epochs: int, n_steps: int, *, waits: bool) -> None:
        self.n_epochs = n_epochs
        self.n_steps = n_steps
        self.waits = waits

    def on_train_begin(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Remember where the rates start."""
        self.step_ = 0
        self.starts_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.losses_: list[float] = []
        self.hot_, self.last_ = int(HOT * self.n_epochs), self.n_epochs

    def on_batch_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Lower the rates after a training batch."""
        if not kwargs["training"]:
            return
        self.step_ += 1
        gone = self.step_ / self.n_steps - self.hot_
        share = 1.0
        if gone > 0:
            gone = min(gone / (self.last_ - self.hot_), 1.0)
            share = 0.5 * (1 + math.cos(math.pi * gone))
        groups = net.optimizer_.param_groups
        for group, start in zip(groups, self.starts_, strict=True):
            group["lr"] = start * share

    def on_epoch_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Begin to cool if the loss is flat; end when cold."""
        epoch = len(net.history)
        if self.waits and epoch < self.hot_:
            self.losses_.append(_loss(net.history[-1]))
            if self._is_flat():
                self.hot_ = epoch
                self.last_ = min(self.n_epochs, round(epoch / HOT))
        if epoch == self.last_ < net.max_epochs:
            raise StopTraining

    def _is_flat(self) -> bool:
        size = -(-_INTERVAL // self.n_steps)
        if len(self.losses_) % size or len(self.losses_) < 3 * size:
            return False
        means = [
            sum(self.losses_[i : i + size]) / size
            for i in range(0, len(self.losses_), size)
        ]
        return means[-2] - means[-1] <= _FLAT * max(means[0] - means[-1], 0.0)


class EpochReport(Callback):
    """Reports each epoch.

    Parameters
    ----------
    progress : Progress
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_epoch_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Say how far the epochs are; while rates are hot, they may end earlier."""
        epoch, last = len(net.history), net.max_epochs
        for _, callback in net.callbacks_:
            if isinstance(callback, HotThenCool):
                last = callback.last_
        loss = _loss(net.history[-1])
        self.progress.report(
            TABLES * epoch / last, f"epoch {epoch} of {last} at most, loss {loss:.4f}"
        )


def _loss(epoch: dict[str, Any]) -> float:
    """Return the mean loss of an epoch, in which skorch may list the batches only."""
    if "train_loss" in epoch:
        return float(epoch["train_loss"])
    losses = [batch["train_loss"] for batch in epoch["batches"]]
    return float(sum(losses) / len(losses))


def listens_to_steps(callback: Callback) -> bool:
    """Whether a callback must be told of every batch or gradient."""
    return not isinstance(callback, HotThenCool) and any(
        getattr(type(callback), name) is not getattr(Callback, name)
        for name in ("on_batch_begin", "on_batch_end", "on_grad_computed")
    )
