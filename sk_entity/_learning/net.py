"""The skorch net: how one batch trains the fold tables and the decoder."""

from dataclasses import replace
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.utils import to_tensor
from torch import Tensor

from sk_entity._learning.batches import TensorRows


class EntityNet(NeuralNet):
    """A skorch net with an honest decoder.

    A batch is used twice. The *tables* learn from each row through a table that is
    allowed to see it (the other folds' and the one of all rows; a random few of these
    if ``n_views`` is smaller), while the decoder stands still. The *decoder* learns
    from the row's own fold table, which never saw the row, while the tables stand
    still. So the decoder learns how far an out-of-fold vector can be trusted. Without
    folds there is one table, and one ordinary step.

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
        **kwargs: Any,
    ) -> None:
        self.n_folds = n_folds
        self.n_views = n_views
        self.shrinkage = shrinkage
        self.generator = generator
        super().__init__(module, *args, **kwargs)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the gradients of one batch; see the class."""
        self._set_training(True)
        inputs, (target, weight, lesson) = batch
        inputs = {**inputs, "codes": self.module_.mask(inputs["codes"])}
        if self.n_folds == 0:
            output, penalty = self.infer(inputs)
            loss = self.get_loss(output, (target, weight))
            torch.autograd.backward(loss + self._shrink(penalty, weight))
            return {"loss": loss, "y_pred": output}
        tables, decoder = self.module_.tables, self.module_.decoder
        output, _ = self.infer(inputs)
        loss = self.get_loss(output, (target, lesson))
        torch.autograd.backward(loss, inputs=[*decoder.parameters(), *tables.prior])
        inputs, target, weight = self._views(inputs, target, weight)
        seen, penalty = self.infer(inputs)
        seen_loss = self.get_loss(seen, (target, weight))
        torch.autograd.backward(
            seen_loss + self._shrink(penalty, weight), inputs=[*tables.deviation]
        )
        return {"loss": loss, "y_pred": output}

    def infer(self, x: Any, **fit_params: Any) -> tuple[Tensor, Tensor]:
        """Return the module's output and penalty."""
        inputs = to_tensor(x, device=self.device)
        return self.module_(**inputs)  # type: ignore[no-any-return]

    def get_loss(
        self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the weighted mean of the criterion over the batch."""
        output = y_pred[0] if isinstance(y_pred, tuple) else y_pred
        target, weight, *_ = to_tensor(y_true, device=self.device)
        if output.shape[1] == 1:
            output = output[:, 0]
        loss: Tensor = (self.criterion_(output, target) * weight).mean()
        return loss

    def _views(self, inputs: dict[str, Tensor], *per_row: Tensor) -> tuple[Any, ...]:
        """Repeat each row for ``n_views`` distinct tables other than its own fold's."""
        own = inputs["table"][:, None]
        if self.n_views == self.n_folds:
            drawn = torch.arange(self.n_folds).expand(len(own), -1)
        else:
            lots = torch.rand(len(own), self.n_folds, generator=self.generator)
            drawn = lots.topk(self.n_views, dim=1).indices
        drawn = drawn.to(own.device)
        table = (drawn + (drawn >= own)).flatten()
        repeated = {
            name: value.repeat_interleave(self.n_views, dim=0)
            for name, value in inputs.items()
        }
        repeated["table"] = table
        return repeated, *(values.repeat_interleave(self.n_views) for values in per_row)

    def _shrink(self, penalty: Tensor, weight: Tensor) -> Tensor:
        return 0.5 * self.shrinkage * (penalty * weight).mean()


class HalfSquaredError(torch.nn.Module):
    """Half the squared error: the negative log-likelihood of a unit normal."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return one loss a row."""
        return 0.5 * (output - target).square()


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


class TrainingBar(Callback):
    """One progress bar for the whole fit, with the latest loss."""

    def on_train_begin(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Open the bar."""
        from tqdm.auto import tqdm

        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="entity embeddings")

    def on_epoch_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Advance the bar."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.4f}")
        self.bar_.update()

    def on_train_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar_.close()
        del self.bar_
