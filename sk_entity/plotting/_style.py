"""What all pictures share: colors, and axes in the style that the user has set."""

from typing import Any

#: Colors that colour-blind readers tell apart (M. Okabe and K. Ito, 2008).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")

#: For names and categories: dollar signs are no formulas.
AS_TEXT: dict[str, Any] = {"parse_math": False}


def axes(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """Return the axes, or new ones of ``size`` inches, and their figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
    return ax, ax.figure


def faint() -> Any:
    """Return the color of helping lines: half of the text's, on light and on dark."""
    from matplotlib import rcParams
    from matplotlib.colors import to_rgba

    return to_rgba(rcParams["text.color"], 0.5)
