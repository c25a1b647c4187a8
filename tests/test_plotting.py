"""The pictures' content: points, labels, colors, limits."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder
from sk_entity._categories import Vocabulary
from sk_entity.datasets import make_entities
from sk_entity.inspection import EncoderComparison
from sk_entity.plotting import (
    EmbeddingMapDisplay,
    EncoderComparisonDisplay,
    TrainingCurveDisplay,
)


@pytest.fixture(scope="module")
def encoder():
    data = make_entities(3000, n_categories=(60, 200), random_state=0)
    encoder = EntityEmbeddingEncoder(
        embedding_dim=4, max_epochs=4, early_stopping=True, random_state=0
    )
    return encoder.fit(data.X, data.y)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def boxes(display):
    renderer = display.figure_.canvas.get_renderer()
    return [
        matplotlib.text.Text.get_window_extent(text, renderer)
        for text in display.texts_
    ]


def test_sixty_labels_overlap_nowhere_and_stay_inside(encoder):
    display = EmbeddingMapDisplay.from_encoder(encoder, "entity_0")
    (points,) = display.ax_.collections
    assert len(points.get_offsets()) == 60
    assert len(display.texts_) >= 55
    display.figure_.canvas.draw()
    found = boxes(display)
    for i, box in enumerate(found):
        assert not any(box.overlaps(other) for other in found[:i])
    frame = display.ax_.get_window_extent()
    assert all(frame.contains(*box.min) and frame.contains(*box.max) for box in found)
    assert "variance" in display.ax_.get_xlabel()
    left, right = display.ax_.get_xlim()
    assert left < display.frame["x"].min() < display.frame["x"].max() < right
    # Larger categories are larger points.
    order = display.frame["count"].to_numpy().argsort()
    assert (np.diff(points.get_sizes()[order]) >= 0).all()


def test_of_many_categories_the_largest_have_labels(encoder):
    display = EmbeddingMapDisplay.from_encoder(encoder, "entity_1")
    assert 30 < len(display.texts_) <= 60
    assert f"{len(display.texts_)} labelled" in display.ax_.get_title()
    assert not EmbeddingMapDisplay.from_encoder(encoder, "entity_1", label=False).texts_


def test_labels_leave_their_points_free(encoder):
    display = EmbeddingMapDisplay.from_encoder(encoder, "entity_0")
    frame, figure = display.frame, display.figure_
    figure.canvas.draw()
    places = display.ax_.transData.transform(frame[["x", "y"]])
    areas = display.ax_.collections[0].get_sizes()
    assert display.labelled_ == [
        value
        for value in frame["count"].sort_values(ascending=False, kind="stable").index
        if value in display.labelled_
    ]
    for value, box in zip(display.labelled_, boxes(display), strict=True):
        place = places[frame.index.get_loc(value)]
        radius = areas[frame.index.get_loc(value)] ** 0.5 / 2 * figure.dpi / 72
        nearest = np.clip(place, box.min, box.max)
        assert np.linalg.norm(place - nearest) >= radius


@pytest.mark.parametrize("colored", [False, True])
def test_of_very_many_categories_the_density_is_drawn(colored):
    n = 3000
    vectors = np.random.default_rng(0).normal(size=(n + 1, 2)).astype(np.float32)
    vocabulary = Vocabulary.build(
        pd.Series([f"v{i:04d}" for i in range(n)]), np.arange(1, n + 1)
    )
    table = EmbeddingTable("c", vocabulary, vectors, np.arange(n + 1, dtype=float))
    color = pd.Series(np.arange(n) * 1.0, index=table.to_frame().index, name="size")
    display = EmbeddingMapDisplay.from_encoder(
        table, "c", color_by=color if colored else None
    )
    density, points = display.ax_.collections
    assert display.figure_.axes[1].get_ylabel() == ("size" if colored else "categories")
    if colored:
        assert 0 < density.get_array().min() < density.get_array().max() < n
    else:
        assert density.get_array().sum() == n
    assert len(points.get_offsets()) == 60
    assert display.ax_.get_title().startswith("c: 3,000 categories, ")
    # Labels as colors are those of the points that are drawn.
    odd = pd.Series(np.where(np.arange(n) % 2, "odd", "even"), index=color.index)
    legend = EmbeddingMapDisplay.from_encoder(table, "c", color_by=odd).ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["even", "odd"]


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_pictures_follow_the_style_of_the_user(encoder, style):
    with plt.style.context(style):
        display = EmbeddingMapDisplay.from_encoder(encoder, "entity_0")
        ink = matplotlib.colors.to_rgb(plt.rcParams["text.color"])
    (points,) = display.ax_.collections
    assert tuple(points.get_edgecolors()[0][:3]) == ink
    assert matplotlib.colors.to_rgb(display.texts_[0].get_color()) == ink


def test_a_category_and_its_neighbours_are_marked(encoder):
    table = encoder.embeddings_["entity_1"]
    one = table.to_frame().index[3]
    display = EmbeddingMapDisplay.from_encoder(
        encoder, "entity_1", highlight=one, label=False
    )
    near = {one, *table.nearest(one, k=5).index}
    assert {text.get_text() for text in display.texts_} == near
    assert len(display.ax_.collections[1].get_offsets()) == 6


def test_a_single_coordinate_is_drawn_over_its_rows():
    X = pd.DataFrame({"c": ["a"] * 99 + ["b"] * 9})
    encoder = EntityEmbeddingEncoder(embedding_dim=1, max_epochs=1, random_state=0)
    encoder.fit(X, np.arange(108.0))
    display = EmbeddingMapDisplay.from_encoder(encoder, "c", method="tsne")
    np.testing.assert_allclose(display.frame["y"], [2, 1])
    assert display.ax_.get_xlabel() == "c_00"
    assert display.ax_.get_ylabel() == "rows + 1, as powers of ten"


@pytest.mark.parametrize("kind", ["number", "label"])
def test_colors(encoder, kind):
    index = encoder.embeddings_["entity_0"].to_frame().index
    numbers = np.arange(len(index)) % 3
    color = numbers * 1.0 if kind == "number" else np.array(["x", "y", "z"])[numbers]
    display = EmbeddingMapDisplay.from_encoder(
        encoder,
        "entity_0",
        color_by=pd.Series(color, index=index, name="size"),
        size_by=None,
    )
    if kind == "number":
        assert display.figure_.axes[1].get_ylabel() == "size"  # the color bar
    else:
        legend = [t.get_text() for t in display.ax_.get_legend().get_texts()]
        assert legend == ["x", "y", "z"]
        assert display.ax_.get_legend().get_title().get_text() == "size"


def test_the_legend_has_labels_of_any_spelling(encoder):
    index = encoder.embeddings_["entity_0"].to_frame().index
    labels = ["", "_b", "__", "c"]
    color = pd.Series(np.resize(labels, len(index)), index=index)
    _, ax = plt.subplots()
    ax.plot([0], [0], label="mine")
    display = EmbeddingMapDisplay.from_encoder(
        encoder, "entity_0", color_by=color, ax=ax
    )
    legend = display.ax_.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["mine", *sorted(labels)]
    display.figure_.canvas.draw()
    renderer = display.figure_.canvas.get_renderer()
    frame = legend.get_window_extent(renderer)
    for text in legend.get_texts():
        assert frame.contains(*text.get_window_extent(renderer).min)
        assert frame.contains(*text.get_window_extent(renderer).max)


def test_methods_and_axes_of_the_users(encoder):
    _, ax = plt.subplots()
    display = EmbeddingMapDisplay.from_encoder(
        encoder.embeddings_["entity_0"], "entity_0", method="tsne", ax=ax, label=["a00"]
    )
    assert display.ax_ is ax
    assert [text.get_text() for text in display.texts_] == ["a00"]
    with pytest.raises(ValueError, match="pass 'pca', 'tsne' or 'umap'"):
        EmbeddingMapDisplay.from_encoder(encoder, "entity_0", method="mds")
    with pytest.raises(ValueError, match=r"has no embedding of 'z'\. It has those"):
        EmbeddingMapDisplay.from_encoder(encoder, "z")


def test_curves_are_those_of_the_history(encoder):
    lines = TrainingCurveDisplay.from_encoder(encoder).ax_.get_lines()
    assert [line.get_label() for line in lines] == ["out-of-fold", "held-out rows"]
    np.testing.assert_array_equal(lines[0].get_ydata(), encoder.history_["train_loss"])


def test_a_comparison_shows_intervals_and_who_failed():
    results = pd.DataFrame(
        {
            "encoder": np.repeat(["a", "b", "c"], 3),
            "fold": [0, 1, 2] * 3,
            "score": [0.5, 0.6, 0.7, 0.6, 0.8, 0.8, *[np.nan] * 3],
            "fit_time": 1.0,
            "transform_time": 1.0,
            "n_columns": 2,
            "error": [""] * 6 + ["ValueError: no"] * 3,
        }
    )
    comparison = EncoderComparison(results, "a", test_share=0.5)
    display = EncoderComparisonDisplay.from_comparison(comparison)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == ["a  0.6000", "b  0.7333"]
    assert display.ax_.get_title() == "failed: c"
    assert "score less that of a (95 % interval)" in display.ax_.get_xlabel()


@pytest.mark.parametrize(
    "names", [["$", "$$", "$x^$"], ["$5 - $10", "<b>a</b>", "\\frac"]]
)
def test_markup_in_names_is_text(names):
    X = pd.DataFrame({"$price$": names * 40})
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0, embedding_dim=2)
    encoder.fit(X, np.arange(120.0))
    color = pd.Series(dict(zip(names, ["$a$", "$b$", "<c>"], strict=True)), name="$by$")
    display = EmbeddingMapDisplay.from_encoder(encoder, "$price$", color_by=color)
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend()
    texts = [
        *display.ax_.texts,
        display.ax_.title,
        *legend.get_texts(),
        legend.get_title(),
    ]
    texts += [display.ax_.xaxis.label, display.ax_.yaxis.label]
    assert not any(text.get_parse_math() for text in texts)
    page = display.to_html()
    assert "<b>a</b>" not in page
