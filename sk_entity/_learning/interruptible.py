"""A skorch net whose training an interrupt ends, instead of cutting it short."""

from typing import Any

from skorch import NeuralNet
from skorch.callbacks import EarlyStopping


class StopTraining(Exception):
    """Training has ended before its last epoch, as it should."""


class InterruptibleNet(NeuralNet):
    """A skorch net that lets KeyboardInterrupt go up.

    skorch takes an interrupt for the wish to keep what is learned so far; here that
    would be a half-trained encoder that looks fitted.
    """

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> "InterruptibleNet":
        """Train, as skorch does, except that an interrupt goes up."""
        if not self.initialized_:
            self.initialize()
        try:
            self.notify("on_train_begin", X=X, y=y)
            self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        except BaseException:
            self._end(failed=True, X=X, y=y)
            raise
        self._end(failed=False, X=X, y=y)
        return self

    def _end(self, *, failed: bool, **data: Any) -> None:
        """Tell all callbacks of the end, whatever one of them raises.

        Then their first error goes up, unless training itself has failed; an interrupt
        does in any case.
        """
        errors = list[BaseException]()
        for told in (self, *(callback for _, callback in self.callbacks_)):
            try:
                told.on_train_end(self, **data)
            except BaseException as error:
                errors.append(error)
        errors.sort(key=lambda error: isinstance(error, Exception))
        if errors and not (failed and isinstance(errors[0], Exception)):
            raise errors[0]

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell all callbacks; see `partial_fit` for interrupts.

        skorch's EarlyStopping stops by an interrupt of its own.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as interrupt:
                if _has_stopped(callback, method_name):
                    raise StopTraining from interrupt
                raise


def _has_stopped(callback: Any, method_name: str) -> bool:
    """Whether an interrupt is how skorch's early stopping stops."""
    return (
        isinstance(callback, EarlyStopping)
        and method_name == "on_epoch_end"
        and callback.misses_ >= callback.patience
    )
