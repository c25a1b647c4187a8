"""Encoders against a reference, with intervals."""

from typing import Any

import numpy as np

from sk_entity.inspection import EncoderComparison
from sk_entity.plotting._style import AS_TEXT, COLORS, axes, faint


class EncoderComparisonDisplay:
    """Scores of encoders, and their differences to the reference with intervals.

    Parameters
    ----------
    comparison : EncoderComparison
        What is drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    sk_entity.compare_encoders : Scores the encoders.

    Examples
    --------
    >>> from sklearn.preprocessing import TargetEncoder
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from sk_entity import compare_encoders
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.plotting import EncoderComparisonDisplay
    >>> data = make_entities(200, random_state=0)
    >>> encoders = {"none": "drop", "TargetEncoder": TargetEncoder(random_state=0)}
    >>> model = DecisionTreeRegressor(max_depth=3, random_state=0)
    >>> found = compare_encoders(model, data.X, data.y, encoders, cv=2)
    >>> EncoderComparisonDisplay.from_comparison(found).ax_.get_xlabel()
    'score less that of TargetEncoder (95 % interval)'
    """

    def __init__(self, comparison: EncoderComparison) -> None:
        self.comparison = comparison

    @classmethod
    def from_comparison(
        cls, comparison: EncoderComparison, *, ax: Any = None
    ) -> "EncoderComparisonDisplay":
        """Draw a comparison.

        Parameters
        ----------
        comparison : EncoderComparison
            What ``compare_encoders`` returned.
        ax : matplotlib Axes or None, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : EncoderComparisonDisplay
            It holds the axes and the figure.
        """
        return cls(comparison).plot(ax)

    def plot(self, ax: Any = None) -> "EncoderComparisonDisplay":
        """Draw the differences; encoders that failed are named beside.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        self : EncoderComparisonDisplay
            It holds the axes and the figure.
        """
        frame = self.comparison.to_frame()
        failed = frame.index[frame["error"] != ""].tolist()
        frame = frame[frame["error"] == ""][::-1]
        self.ax_, self.figure_ = axes(ax, (7.5, 1.2 + 0.4 * len(frame)))
        place = np.arange(len(frame))
        middle = frame["difference"].to_numpy()
        around = np.abs(frame[["low", "high"]].to_numpy().T - middle)
        self.ax_.errorbar(
            middle, place, xerr=around, fmt="o", color=COLORS[0], capsize=3
        )
        self.ax_.axvline(0, color=faint(), linewidth=1, zorder=0)
        scores = [f"{score:.4f}" for score in frame["score"]]
        labels = [f"{n}  {s}" for n, s in zip(frame.index, scores, strict=True)]
        self.ax_.set_yticks(place, labels, **AS_TEXT)
        level = f"{100 * self.comparison.level:.0f} %"
        self.ax_.set_xlabel(
            f"score less that of {self.comparison.reference} ({level} interval)",
            **AS_TEXT,
        )
        if failed:
            title = f"failed: {', '.join(failed)}"
            self.ax_.set_title(title, fontsize="small", **AS_TEXT)
        return self
