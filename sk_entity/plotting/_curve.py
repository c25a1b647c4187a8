"""Losses by epoch."""

from typing import Any

import pandas as pd

from sk_entity.plotting._style import COLORS, axes


class TrainingCurveDisplay:
    """Losses by epoch.

    Parameters
    ----------
    history : DataFrame
        ``history_`` of an encoder.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    def __init__(self, history: pd.DataFrame) -> None:
        self.history = history

    @classmethod
    def from_encoder(cls, encoder: Any, *, ax: Any = None) -> "TrainingCurveDisplay":
        """Draw the curves of a fitted encoder.

        Parameters
        ----------
        encoder : EntityEmbeddingEncoder
        ax : matplotlib Axes or None, default=None
        """
        return cls(encoder.history_).plot(ax)

    def plot(self, ax: Any = None) -> "TrainingCurveDisplay":
        """Draw the curves."""
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
