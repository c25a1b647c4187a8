"""Losses by epoch."""

from typing import Any

import pandas as pd

from sk_entity.plotting._style import COLORS, axes


class TrainingCurveDisplay:
    """Losses by epoch.

    Parameters
    ----------
    history : DataFrame of shape (n_epochs, n_values)
        ``history_`` of an encoder.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    sk_entity.EntityEmbeddingEncoder : Says in ``history_`` what the losses are.

    Examples
    --------
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.plotting import TrainingCurveDisplay
    >>> data = make_entities(200, random_state=0)
    >>> encoder = EntityEmbeddingEncoder(max_epochs=3, random_state=0)
    >>> display = TrainingCurveDisplay.from_encoder(encoder.fit(data.X, data.y))
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('epoch', 'loss')
    """

    def __init__(self, history: pd.DataFrame) -> None:
        self.history = history

    @classmethod
    def from_encoder(cls, encoder: Any, *, ax: Any = None) -> "TrainingCurveDisplay":
        """Draw the curves of a fitted encoder.

        Parameters
        ----------
        encoder : EntityEmbeddingEncoder
            Fitted.
        ax : matplotlib Axes or None, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            It holds the axes and the figure.
        """
        return cls(encoder.history_).plot(ax)

    def plot(self, ax: Any = None) -> "TrainingCurveDisplay":
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        self : TrainingCurveDisplay
            It holds the axes and the figure.
        """
        self.ax_, self.figure_ = axes(ax, (6.5, 4))
        names = {"train_loss": "out-of-fold", "valid_loss": "held-out rows"}
        styles = zip(names.items(), ("-", "--"), COLORS[:2], strict=True)
        for (name, label), style, color in styles:
            if name in self.history:
                values = self.history[name]
                self.ax_.plot(
                    self.history["epoch"], values, style, color=color, label=label
                )
        self.ax_.set(xlabel="epoch", ylabel="loss")
        self.ax_.legend(frameon=False)
        return self
