"""Pictures: maps of a column's embedding, training curves, comparisons of encoders."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._table import EmbeddingTable
from sk_entity.inspection import EncoderComparison

__all__ = [
    "EmbeddingMapDisplay",
    "EncoderComparisonDisplay",
    "TrainingCurveDisplay",
]

#: Categories of which each gets its label; of more, the largest do.
MOST_LABELS = 60
_LONGEST = 28
#: Colors that colour-blind readers tell apart (M. Okabe and K. Ito, 2008).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")


class EmbeddingMapDisplay:
    """A map of a column's categories: vectors in two dimensions.

    It is recommended to use :meth:`from_encoder`.

    Parameters
    ----------
    frame : DataFrame of shape (n_categories, ...)
        Index: category values. Columns: ``x``, ``y``, ``count`` and, if there is one,
        ``color``.
    name : str
        The column.
    axis_labels : (str, str)

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    texts_ : list of matplotlib Text
        The labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.plotting import EmbeddingMapDisplay
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bari"] * 10})
    >>> y = [1.0, 3.0, 1.2, 2.0] * 10
    >>> encoder = EntityEmbeddingEncoder(embedding_dim=2, max_epochs=3, random_state=0)
    >>> EmbeddingMapDisplay.from_encoder(encoder.fit(X, y), "city").ax_.get_title()
    'city: 3 categories'
    """

    def __init__(
        self, frame: pd.DataFrame, *, name: str, axis_labels: tuple[str, str]
    ) -> None:
        self.frame = frame
        self.name = name
        self.axis_labels = axis_labels

    @classmethod
    def from_encoder(
        cls,
        encoder: Any,
        column: str,
        *,
        method: str = "pca",
        color_by: Any = None,
        size_by: str | None = "count",
        label: bool | list[Any] = True,
        highlight: Any = None,
        random_state: Any = 0,
        ax: Any = None,
    ) -> "EmbeddingMapDisplay":
        """Draw the map of a column of a fitted encoder.

        Parameters
        ----------
        encoder : EntityEmbeddingEncoder or EmbeddingTable
            Fitted.
        column : str
            A categorical column.
        method : {"pca", "tsne", "umap"}, default="pca"
            How to come to two dimensions. ``"umap"`` needs umap-learn.
        color_by : dict, Series or None, default=None
            From category value to a number or a label; the name of a Series is
            written beside the colors.
        size_by : "count" or None, default="count"
            Whether the area of a point grows with its rows.
        label : bool or list of category values, default=True
            What gets a label: all categories up to 60, else the 60 largest; none; or
            these.
        highlight : category value or None, default=None
            A category whose five nearest neighbours are marked.
        random_state : int or None, default=0
            Of t-SNE and UMAP.
        ax : matplotlib Axes or None, default=None

        Returns
        -------
        display : EmbeddingMapDisplay

        Raises
        ------
        ValueError
            If the encoder has no such column, or the method is none of those.
        """
        table = _table(encoder, column)
        frame = table.to_frame()
        points, axis_labels = _flatten(
            frame.to_numpy()[:, : table.dim], method, random_state
        )
        shown = pd.DataFrame(points, index=frame.index, columns=["x", "y"])
        shown["count"] = frame["count"]
        if color_by is not None:
            color = pd.Series(color_by)
            shown["color"] = color.reindex(frame.index)
            shown.attrs["color"] = str(color.name or "")
        display = cls(shown, name=column, axis_labels=axis_labels)
        near = [] if highlight is None else table.nearest(highlight, k=5).index.tolist()
        return display.plot(
            ax, size_by=size_by, label=label, highlight=highlight, neighbours=near
        )

    def plot(
        self,
        ax: Any = None,
        *,
        size_by: str | None = "count",
        label: bool | list[Any] = True,
        highlight: Any = None,
        neighbours: list[Any] | None = None,
    ) -> "EmbeddingMapDisplay":
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes or None
        size_by, label, highlight
            As :meth:`from_encoder`.
        neighbours : list of category values or None
            Of the highlighted one.

        Returns
        -------
        display : EmbeddingMapDisplay
        """
        self.ax_, self.figure_ = _axes(ax, (7.5, 6))
        frame, crowded = self.frame, len(self.frame) > 20 * MOST_LABELS
        largest = max(float(frame["count"].max()), np.finfo(float).tiny)
        sizes = 12 + 180 * frame["count"] / largest if size_by else 30.0
        style = {"alpha": 0.25 if crowded else 0.8, "linewidths": 0}
        if "color" in frame:
            self._colored(frame, sizes, style)
        else:
            self.ax_.scatter(frame["x"], frame["y"], s=sizes, color=COLORS[0], **style)
        if highlight is not None:
            near = frame.loc[[highlight, *(neighbours or [])]]
            self.ax_.scatter(
                near["x"], near["y"], s=220, facecolors="none", edgecolors=COLORS[5]
            )
        self.ax_.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        self.ax_.margins(0.12)
        chosen = list(self._labelled(label))
        chosen += [v for v in [highlight, *(neighbours or [])] if v is not None]
        # A title before the labels: it takes room from the axes.
        self.ax_.set_title(self.name)
        self.texts_ = _place_labels(self.ax_, frame.loc[list(dict.fromkeys(chosen))])
        left_out = f", {len(self.texts_)} labelled" * (len(self.texts_) < len(frame))
        self.ax_.set_title(f"{self.name}: {len(frame)} categories{left_out}")
        return self

    def _labelled(self, label: bool | list[Any]) -> list[Any]:
        if isinstance(label, bool):
            largest = self.frame["count"].nlargest(MOST_LABELS if label else 0)
            return [*largest.index]
        return list(label)

    def _colored(self, frame: pd.DataFrame, sizes: Any, style: dict[str, Any]) -> None:
        color = frame["color"]
        if pd.api.types.is_numeric_dtype(color):
            drawn = self.ax_.scatter(
                frame["x"], frame["y"], s=sizes, c=color, cmap="viridis", **style
            )
            label = frame.attrs.get("color", "")
            self.figure_.colorbar(drawn, ax=self.ax_, label=label)
            return
        sizes = pd.Series(sizes, index=frame.index)
        for k, (value, some) in enumerate(frame.groupby("color", dropna=False)):
            marker = "os^DvP*"[k // len(COLORS) % 7]
            self.ax_.scatter(
                some["x"],
                some["y"],
                s=sizes[some.index],
                color=COLORS[k % len(COLORS)],
                marker=marker,
                label=str(value),
                **style,
            )
        self.ax_.legend(frameon=False, title=frame.attrs.get("color") or None)


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
        self.ax_, self.figure_ = _axes(ax, (6.5, 4))
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


class EncoderComparisonDisplay:
    """Scores of encoders, and their differences to the reference with intervals.

    Parameters
    ----------
    comparison : EncoderComparison

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
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
        """
        return cls(comparison).plot(ax)

    def plot(self, ax: Any = None) -> "EncoderComparisonDisplay":
        """Draw the differences; encoders that failed are named beside."""
        frame = self.comparison.to_frame()
        failed = frame.index[frame["error"] != ""].tolist()
        frame = frame[frame["error"] == ""][::-1]
        self.ax_, self.figure_ = _axes(ax, (7.5, 1.2 + 0.4 * len(frame)))
        place = np.arange(len(frame))
        middle = frame["difference"].to_numpy()
        around = np.abs(frame[["low", "high"]].to_numpy().T - middle)
        self.ax_.errorbar(
            middle, place, xerr=around, fmt="o", color=COLORS[0], capsize=3
        )
        self.ax_.axvline(0, color="0.5", linewidth=1, zorder=0)
        scores = [f"{score:.4f}" for score in frame["score"]]
        labels = [f"{n}  {s}" for n, s in zip(frame.index, scores, strict=True)]
        self.ax_.set_yticks(place, labels)
        level = f"{100 * self.comparison.level:.0f} %"
        self.ax_.set_xlabel(
            f"score less that of {self.comparison.reference} ({level} interval)"
        )
        if failed:
            self.ax_.set_title(f"failed: {', '.join(failed)}", fontsize="small")
        return self


def _table(encoder: Any, column: str) -> EmbeddingTable:
    if isinstance(encoder, EmbeddingTable):
        return encoder
    if column not in encoder.embeddings_:
        raise ValueError(
            f"The encoder has no embedding of {column!r}. It has those of "
            f"{list(encoder.embeddings_)!r}."
        )
    table: EmbeddingTable = encoder.embeddings_[column]
    return table


def _flatten(
    vectors: NDArray[Any], method: str, random_state: Any
) -> tuple[NDArray[Any], tuple[str, str]]:
    """Return two coordinates of each category, and what they are."""
    if method == "pca":
        from sklearn.decomposition import PCA

        n = min(2, *vectors.shape)
        pca = PCA(n, random_state=random_state).fit(vectors)
        points = np.zeros((len(vectors), 2))
        points[:, :n] = pca.transform(vectors)
        shares = [*np.nan_to_num(pca.explained_variance_ratio_), 0.0][:2]
        first, second = (f"{100 * share:.0f} % of the variance" for share in shares)
        return points, (first, second)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, max(1.0, (len(vectors) - 1) / 3))
        tsne = TSNE(perplexity=perplexity, random_state=random_state)
        return tsne.fit_transform(vectors), ("t-SNE 1", "t-SNE 2")
    if method == "umap":
        import umap

        return (
            umap.UMAP(random_state=random_state).fit_transform(vectors),
            ("UMAP 1", "UMAP 2"),
        )
    raise ValueError(f"method={method!r}: pass 'pca', 'tsne' or 'umap'.")


def _axes(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
    return ax, ax.figure


def _place_labels(ax: Any, frame: pd.DataFrame) -> list[Any]:
    """Write labels beside their points, where they cover no other label.

    Each takes the first free place around its point, at a growing distance; larger
    categories choose first, and what finds no place stays without a label.
    """
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    inside, taken, texts = ax.get_window_extent(renderer), list[Any](), []
    for value, row in frame.sort_values("count", ascending=False).iterrows():
        text = ax.annotate(
            shorten(str(value)),
            (row["x"], row["y"]),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize="small",
            ha="center",
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6},
        )
        place = _free_place(text.get_window_extent(renderer), inside, taken)
        if place is None:
            text.remove()
            continue
        dx, dy, box = place
        text.set_position((dx * 72 / figure.dpi, dy * 72 / figure.dpi))
        taken.append(box)
        texts.append(text)
    return texts


def _free_place(box: Any, inside: Any, taken: list[Any]) -> Any:
    """Return a shift of a label, and where it is then, that is free; or None."""
    for gap in (5, 10, 18, 28, 42, 60):
        for angle in np.pi / 2 + np.arange(12) * np.pi / 6:
            dx = float(np.cos(angle)) * (box.width / 2 + gap)
            dy = float(np.sin(angle)) * (box.height / 2 + gap)
            moved = box.translated(dx, dy)
            corners = (moved.min, moved.max)
            if all(inside.contains(*corner) for corner in corners) and not any(
                moved.overlaps(other) for other in taken
            ):
                return dx, dy, moved
    return None


def shorten(text: str) -> str:
    """Return a label of at most 28 characters.

    Examples
    --------
    >>> shorten("Lord of the Rings: The Fellowship of the Ring")
    'Lord of the Rings: The Fell…'
    """
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
