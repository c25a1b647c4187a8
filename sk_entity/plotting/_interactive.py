"""A map as one web page."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sk_entity._table import EmbeddingTable
from sk_entity.inspection._measures import nearest_rows
from sk_entity.plotting._labels import MOST_LABELS
from sk_entity.plotting._style import COLORS

#: Neighbours stand out, and the page follows the reader's light or dark system.
_SCRIPT = """
const map = document.getElementById("{plot_id}");
map.on("plotly_hover", event => {
  const point = event.points[0];
  const shown = new Set([point.customdata[0], ...point.customdata[3]]);
  const selected = map.data.map(trace => trace.customdata.flatMap(
    (data, i) => shown.has(data[0]) ? [i] : []));
  Plotly.restyle(map, {selectedpoints: selected});
});
map.on("plotly_unhover", () => Plotly.restyle(map, {selectedpoints: [null]}));
const system = matchMedia("(prefers-color-scheme: dark)");
const follow = () => {
  const ink = system.matches ? "#eee" : "#222";
  const line = system.matches ? "#333" : "#ddd";
  Plotly.update(map, {"marker.line.color": ink}, {
    font: {color: ink}, "xaxis.gridcolor": line, "yaxis.gridcolor": line,
    "xaxis.zerolinecolor": line, "yaxis.zerolinecolor": line,
  });
};
system.addEventListener("change", follow);
follow();
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
html, body {{ height: 100%; margin: 0 }}
</style>
</head>
<body>
{figure}
</body>
</html>
"""


def map_page(
    frame: pd.DataFrame,
    table: EmbeddingTable,
    *,
    title: str,
    axis_labels: Sequence[str],
    labelled: Sequence[Any],
    n_neighbours: int,
) -> str:
    """Return a map as a page.

    Parameters
    ----------
    frame : DataFrame of shape (n_categories, ...)
        As that of an `EmbeddingMapDisplay`.
    table : EmbeddingTable
        Has the vectors, in the order of the frame.
    title : str
    axis_labels : (str, str)
    labelled : list of category values
        What has a label.
    n_neighbours : int
    """
    shown = _with_neighbours(frame, table, labelled, n_neighbours)
    figure = _figure(shown, frame.attrs.get("color", ""), title, axis_labels)
    content = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        post_script=_SCRIPT,
        default_height="100%",
        config={"scrollZoom": True, "displaylogo": False, "responsive": True},
    )
    return _PAGE.format(title=_text(title), figure=content)


def _text(value: Any) -> str:
    """Return a value as text without markup; plotly takes ``&quot;`` for text, too."""
    return html.escape(str(value), quote=False)


def _figure(
    frame: pd.DataFrame, name: str, title: str, axis_labels: Sequence[str]
) -> Any:
    """Return a plotly figure: a trace for each label of the colors, or one."""
    import plotly.graph_objects as go

    figure = go.Figure()
    color = frame.get("color")
    if color is None or pd.api.types.is_numeric_dtype(color):
        marker: dict[str, Any] = {"color": COLORS[0] if color is None else color}
        if color is not None:
            marker |= {"colorscale": "Viridis", "colorbar": {"title": _text(name)}}
        figure.add_trace(_trace(go, frame, marker))
    else:
        for k, (value, some) in enumerate(frame.groupby("color", dropna=False)):
            marker = {"color": COLORS[k % len(COLORS)], "symbol": k // len(COLORS)}
            figure.add_trace(_trace(go, some, marker, _text(value)))
    transparent = "rgba(0, 0, 0, 0)"
    figure.update_layout(
        title=_text(title),
        xaxis={"title": _text(axis_labels[0]), "range": _range(frame["x"])},
        yaxis={"title": _text(axis_labels[1]), "range": _range(frame["y"])},
        paper_bgcolor=transparent,
        plot_bgcolor=transparent,
        legend_title=_text(name),
        showlegend=len(figure.data) > 1,
        dragmode="pan",
        hovermode="closest",
    )
    return figure


def _with_neighbours(
    frame: pd.DataFrame,
    table: EmbeddingTable,
    labelled: Sequence[Any],
    n_neighbours: int,
) -> pd.DataFrame:
    """Return the map's frame with number, shown value and neighbours of each."""
    values = [_text(value) for value in frame.index]
    vectors = table.to_frame().to_numpy()[:, : table.dim]
    k = min(n_neighbours, len(frame) - 1)
    near = nearest_rows(vectors, k).tolist() if k > 0 else [[] for _ in values]
    # Of many, names would lie on each other: plotly does not move them apart.
    has_label = frame.index.isin(labelled) & (len(frame) <= MOST_LABELS)
    return frame.assign(
        number=range(len(frame)),
        value=values,
        label=np.where(has_label, values, ""),
        neighbours=near,
        named=["".join(f"<br>{values[i]}" for i in row) for row in near],
    )


def _range(values: pd.Series) -> list[float]:
    """Return limits between which labels have room, too."""
    low, high = float(values.min()), float(values.max())
    room = 0.12 * (high - low) or 1.0
    return [low - room, high + room]


def _trace(go: Any, frame: pd.DataFrame, marker: dict[str, Any], name: str = "") -> Any:
    largest = max(float(frame["count"].max()), 1e-12)
    columns = ["number", "count", "named", "neighbours", "value"]
    return go.Scatter(
        x=frame["x"],
        y=frame["y"],
        mode="markers+text",
        text=frame["label"],
        textposition="top center",
        name=name,
        customdata=frame[columns].to_numpy(dtype=object).tolist(),
        hovertemplate=(
            "<b>%{customdata[4]}</b><br>%{customdata[1]:,.6~g} rows<br>"
            "nearest:%{customdata[2]}<extra></extra>"
        ),
        marker=marker
        | {
            "size": 6 + 14 * (frame["count"] / largest) ** 0.5,
            "line": {"width": 0.5},
            "opacity": 0.8,
        },
        unselected={"marker": {"opacity": 0.15}},
    )
