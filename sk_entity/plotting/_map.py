"""A map of a column's categories: vectors in two dimensions."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._table import EmbeddingTable
from sk_entity.plotting._labels import MOST_LABELS, place_labels
from sk_entity.plotting._style import AS_TEXT, COLORS, axes, faint

#: Categories of which each is drawn as a point; of more, their density is.
MOST_POINTS = 2_000


class EmbeddingMapDisplay:
    """A map of a column's categories: vectors in two dimensions.

    It is recommended to use :meth:`from_encoder`.

    Parameters
    ----------
    frame : DataFrame of shape (n_categories, ...)
        Index: category values. Columns: ``x``, ``y``, ``count`` and, if there is one,
        ``color``.
    table : EmbeddingTable
        What is mapped: neighbours are those of its vectors, not of the map.
    axis_labels : (str, str)
        What ``x`` and ``y`` are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.
    texts_ : list of matplotlib Text
        The labels.
    labelled_ : list of category values
        What has a label.

    See Also
    --------
    sk_entity.inspection.map_trustworthiness : How far the map can be believed.
    sk_entity.EmbeddingTable.nearest : Neighbours by all coordinates.

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
        self,
        frame: pd.DataFrame,
        *,
        table: EmbeddingTable,
        axis_labels: tuple[str, str],
    ) -> None:
        self.frame = frame
        self.table = table
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
            How to come to two dimensions; ``inspection.map_trustworthiness`` measures
            how far the map can be believed. ``"umap"`` needs umap-learn. A vector of
            one coordinate is drawn over its rows instead.
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
            Where to draw; None: in a new figure.

        Returns
        -------
        display : EmbeddingMapDisplay
            It holds the axes, the figure and the table.

        Raises
        ------
        ImportError
            With ``method="umap"``, if umap-learn is not installed.
        ValueError
            If the encoder has no such column, or the method is none of those.
        """
        table = _table(encoder, column)
        frame = table.to_frame()
        if table.dim == 1:
            points = np.c_[frame.iloc[:, 0], np.log10(frame["count"] + 1)]
            axis_labels = (str(frame.columns[0]), "rows + 1, as powers of ten")
        else:
            points, axis_labels = _flatten(
                frame.to_numpy()[:, : table.dim], method, random_state
            )
        shown = pd.DataFrame(points, index=frame.index, columns=["x", "y"])
        shown["count"] = frame["count"]
        if color_by is not None:
            color = pd.Series(color_by)
            shown["color"] = color.reindex(frame.index)
            shown.attrs["color"] = str(color.name or "")
        display = cls(shown, table=table, axis_labels=axis_labels)
        return display.plot(ax, size_by=size_by, label=label, highlight=highlight)

    def plot(
        self,
        ax: Any = None,
        *,
        size_by: str | None = "count",
        label: bool | list[Any] = True,
        highlight: Any = None,
    ) -> "EmbeddingMapDisplay":
        """Draw the map.

        Of more than 2,000 categories the density is drawn, and points only where there
        are labels.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None: in a new figure.
        size_by : "count" or None, default="count"
            As for :meth:`from_encoder`.
        label : bool or list of category values, default=True
            As for :meth:`from_encoder`.
        highlight : category value or None, default=None
            As for :meth:`from_encoder`.

        Returns
        -------
        self : EmbeddingMapDisplay
            It holds the axes, the figure and the table.
        """
        self.ax_, self.figure_ = axes(ax, (7.5, 6))
        near = [] if highlight is None else self._with_neighbours(highlight)
        chosen = self.frame.loc[list(dict.fromkeys([*self._labelled(label), *near]))]
        frame = self.frame
        if len(frame) > MOST_POINTS:
            self._draw_density()
            frame = chosen
        sizes = self._sizes(size_by)
        self._draw_points(frame, sizes[frame.index])
        if near:
            self.ax_.scatter(
                frame.loc[near, "x"],
                frame.loc[near, "y"],
                s=220,
                facecolors="none",
                edgecolors=COLORS[5],
            )
        self.ax_.set_xlabel(self.axis_labels[0], **AS_TEXT)
        self.ax_.set_ylabel(self.axis_labels[1], **AS_TEXT)
        self.ax_.margins(0.12)
        # A title before the labels: it takes room from the axes.
        name, n_categories = self.table.name, len(self.frame)
        self.ax_.set_title(name, **AS_TEXT)
        placed = place_labels(self.ax_, chosen, sizes)
        self.labelled_, self.texts_ = list(placed), list(placed.values())
        left_out = f", {len(self.texts_)} labelled"
        left_out *= len(self.texts_) < n_categories
        title = f"{name}: {n_categories:,} categories{left_out}"
        self.ax_.set_title(title, **AS_TEXT)
        return self

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        n_neighbours: int = 5,
    ) -> str:
        """Return the map as one web page that needs no other file and no network.

        A category under the pointer shows its value, its rows and its nearest
        neighbours, which stand out on the map; the mouse zooms and moves. The page is
        light or dark as the reader's system is. Needs plotly.

        Parameters
        ----------
        path : path-like or None, default=None
            Where to write the page, too.
        n_neighbours : int, default=5
            How many neighbours a category shows.

        Returns
        -------
        html : str
            The page.

        Raises
        ------
        ImportError
            If plotly is not installed.
        """
        from sk_entity.plotting._interactive import map_page

        page = map_page(
            self.frame,
            self.table,
            title=self.ax_.get_title(),
            axis_labels=self.axis_labels,
            labelled=self.labelled_,
            n_neighbours=n_neighbours,
        )
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def _with_neighbours(self, highlight: Any) -> list[Any]:
        return [highlight, *self.table.nearest(highlight, k=5).index]

    def _labelled(self, label: bool | list[Any]) -> list[Any]:
        if isinstance(label, bool):
            # Stable: of equal counts, the first ones of the table, whatever the pandas.
            largest = self.frame["count"].sort_values(ascending=False, kind="stable")
            return [*largest.index[: MOST_LABELS if label else 0]]
        return list(label)

    def _draw_density(self) -> None:
        """Draw how many categories lie where, or their mean color."""
        frame = self.frame
        color = frame.get("color")
        colored = color is not None and pd.api.types.is_numeric_dtype(color)
        given = {"C": color} if colored else {"bins": "log"}
        drawn = self.ax_.hexbin(
            frame["x"],
            frame["y"],
            gridsize=50,
            mincnt=1,
            linewidths=0,
            alpha=0.7,
            **given,
        )
        label = frame.attrs.get("color", "") if colored else "categories"
        self._draw_scale(drawn, label)

    def _sizes(self, size_by: str | None) -> pd.Series:
        """Return the area of each category's point, in square points."""
        count = self.frame["count"]
        if not size_by:
            return pd.Series(30.0, index=count.index)
        return 12 + 180 * count / max(float(count.max()), np.finfo(float).tiny)

    def _draw_points(self, frame: pd.DataFrame, sizes: pd.Series) -> None:
        style = {"alpha": 0.8, "linewidths": 0.5, "edgecolors": [faint()]}
        color = frame.get("color")
        numbers = color is not None and pd.api.types.is_numeric_dtype(color)
        # Over a density, which has the colors of numbers already, they are hollow.
        if color is None or (numbers and len(frame) < len(self.frame)):
            fill = [COLORS[0]] if color is None else "none"
            self.ax_.scatter(frame["x"], frame["y"], s=sizes, c=fill, **style)
            return
        name = frame.attrs.get("color", "")
        if numbers:
            drawn = self.ax_.scatter(
                frame["x"], frame["y"], s=sizes, c=color, cmap="viridis", **style
            )
            self._draw_scale(drawn, name)
            return
        handles, texts = self.ax_.get_legend_handles_labels()
        for k, (value, some) in enumerate(frame.groupby("color", dropna=False)):
            points = self.ax_.scatter(
                some["x"],
                some["y"],
                s=sizes[some.index],
                c=[COLORS[k % len(COLORS)]],
                marker="os^DvP*"[k // len(COLORS) % 7],
                label=str(value),
                **style,
            )
            handles.append(points)
            texts.append(str(value))
        # Empty texts, and those that begin with an underscore, matplotlib leaves out.
        placeholders = [str(k) for k in range(len(texts))]
        legend = self.ax_.legend(
            handles, placeholders, frameon=False, title=name or None
        )
        legend.get_title().set_parse_math(False)
        for shown, text in zip(legend.get_texts(), texts, strict=True):
            shown.set_parse_math(False)
            shown.set_text(text)

    def _draw_scale(self, drawn: Any, label: str) -> None:
        self.figure_.colorbar(drawn, ax=self.ax_).set_label(label, **AS_TEXT)


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
        points = np.zeros((len(vectors), 2))
        with np.errstate(invalid="ignore"):  # vectors that are all the same
            pca = PCA(n, random_state=random_state).fit(vectors)
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
