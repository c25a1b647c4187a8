"""Labels beside points that cover no other label."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity.plotting._style import faint

#: Categories of which each gets its label; of more, the largest do.
MOST_LABELS = 60
_LONGEST = 28
#: Pixels between a point and a label that needs no line to it.
_NEAR = 8
#: Twelve directions, to the border of a square, so that a label clears its own point.
_DIRECTIONS = [
    (np.cos(angle) / size, np.sin(angle) / size)
    for angle in np.pi / 2 + np.arange(12) * np.pi / 6
    for size in [max(abs(np.cos(angle)), abs(np.sin(angle)))]
]


def place_labels(ax: Any, frame: pd.DataFrame, sizes: pd.Series) -> dict[Any, Any]:
    """Write labels beside their points, where they cover no other label; by category.

    Each takes the first free place around its point, at a growing distance; larger
    categories choose first, and what finds no place stays without a label. Points have
    areas of ``sizes``, in square points; far labels get a line to theirs.
    """
    from matplotlib import rcParams
    from matplotlib.patheffects import withStroke

    figure, ground = ax.figure, rcParams["axes.facecolor"]
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    inside, taken, texts = ax.get_window_extent(renderer), list[Any](), {}
    frame = frame.sort_values("count", ascending=False, kind="stable")
    radii = np.sqrt(sizes[frame.index].to_numpy()) / 2
    points = ax.transData.transform(frame[["x", "y"]])
    for (value, row), radius in zip(frame.iterrows(), radii, strict=True):
        text = ax.annotate(
            shorten(str(value)),
            (row["x"], row["y"]),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize="small",
            ha="center",
            va="center",
            parse_math=False,
            path_effects=[withStroke(linewidth=2.5, foreground=ground)],
            arrowprops={
                "arrowstyle": "-",
                "color": faint(),
                "linewidth": 0.6,
                "shrinkB": radius,
            },
        )
        extent = text.get_window_extent(renderer)
        place = _free_place(extent, inside, taken, points, radius * figure.dpi / 72)
        if place is None:
            text.remove()
            continue
        dx, dy, gap, box = place
        text.arrow_patch.set_visible(gap > _NEAR)
        text.set_position((dx * 72 / figure.dpi, dy * 72 / figure.dpi))
        taken.append(box)
        texts[value] = text
    return texts


def _free_place(
    box: Any,
    inside: Any,
    taken: list[Any],
    points: NDArray[np.float64],
    radius: float,
) -> Any:
    """Return a shift of a label that is free, its gap and its box then; or None.

    Where it covers no other point, if there is such a place. All in pixels.
    """
    second = None
    for gap in (3, 8, 16, 26, 40, 58):
        for x, y in _DIRECTIONS:
            dx = x * (box.width / 2 + radius + gap)
            dy = y * (box.height / 2 + radius + gap)
            moved = box.translated(dx, dy)
            corners = (moved.min, moved.max)
            if not all(inside.contains(*corner) for corner in corners) or any(
                moved.overlaps(other) for other in taken
            ):
                continue
            covers = ((points > moved.min) & (points < moved.max)).all(axis=1)
            if not covers.any():
                return dx, dy, gap, moved
            second = second or (dx, dy, gap, moved)
    return second


def shorten(text: str) -> str:
    """Return a label of at most 28 characters.

    Examples
    --------
    >>> shorten("Lord of the Rings: The Fellowship of the Ring")
    'Lord of the Rings: The Fell…'
    """
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
