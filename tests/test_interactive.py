"""The interactive map: one page without a network, and its behaviour in a browser."""

import re
from dataclasses import replace

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from browsers import console_errors, open_browser, prefer

from sk_entity import EmbeddingTable
from sk_entity._categories import Vocabulary
from sk_entity.plotting import EmbeddingMapDisplay

HOVER = "nearest:%{customdata"  # once a trace


@pytest.fixture
def table():
    """Nine cities on a line, one of them with a name that is no HTML."""
    values = ['<b>Rome</b> & "Co"', *(f"city {i}" for i in range(1, 9))]
    vocabulary = Vocabulary.build(pd.Series(values, dtype=object), np.arange(1, 10))
    vectors = np.zeros((10, 2), dtype=np.float32)
    order = {value: i for i, value in enumerate(values)}
    codes = vocabulary.encode(pd.Series(values, dtype=object))[0]
    for value, code in zip(values, codes, strict=True):
        vectors[code] = order[value], 0.01 * order[value] ** 2
    counts = np.zeros(10)
    counts[codes] = np.arange(1, 10)
    return EmbeddingTable("city", vocabulary, vectors, counts)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_page_needs_no_network(table, tmp_path):
    path = tmp_path / "map.html"
    display = EmbeddingMapDisplay.from_encoder(table, "city")
    page = display.to_html(path)
    assert path.read_text(encoding="utf-8") == page
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=.http", page)
    assert "<b>Rome</b>" not in page  # neither in the markup nor in the script
    assert "<title>city: 9 categories</title>" in page


@pytest.mark.parametrize("kind", ["number", "label"])
def test_colors_are_a_bar_or_a_legend(table, kind):
    values = table.to_frame().index
    numbers = np.arange(9) % 3
    color = pd.Series(
        numbers * 1.0 if kind == "number" else np.array(["x", "y", "z"])[numbers],
        index=values,
        name="region",
    )
    display = EmbeddingMapDisplay.from_encoder(table, "city", color_by=color)
    page = display.to_html(n_neighbours=2)
    assert page.count(HOVER) == (1 if kind == "number" else 3)
    assert '"region"' in page


def test_one_category_has_no_neighbours():
    vocabulary = Vocabulary.build(pd.Series(["a"]), np.ones(1))
    table = EmbeddingTable(
        "c", vocabulary, np.zeros((2, 1), dtype=np.float32), np.ones(2)
    )
    assert HOVER in EmbeddingMapDisplay.from_encoder(table, "c").to_html()


def test_quotes_are_quotes_and_markup_is_text(table, monkeypatch):
    """plotly takes ``&quot;`` for six characters."""
    figures = []
    monkeypatch.setattr(go.Figure, "to_html", lambda f, **kw: figures.append(f) or "")
    values = table.to_frame().index
    color = pd.Series('"big" <i>', index=values, name='by "size"')
    color[values[0]] = "small"
    table = replace(table, name='the "city"')
    page = EmbeddingMapDisplay.from_encoder(table, "city", color_by=color).to_html()
    assert '<title>the "city": 9 categories</title>' in page
    (figure,) = figures
    assert figure.layout.title.text == 'the "city": 9 categories'
    assert figure.layout.legend.title.text == 'by "size"'
    big, small = figure.data
    assert big.name == '"big" &lt;i&gt;'
    rome = '&lt;b&gt;Rome&lt;/b&gt; &amp; "Co"'
    assert [small.customdata[0][4], small.text[0]] == [rome, rome]


@pytest.fixture
def browser(tmp_path):
    driver = open_browser(tmp_path / "profile")
    yield driver
    driver.quit()


def test_a_browser_shows_the_neighbours_of_what_is_under_the_pointer(
    table, tmp_path, browser
):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    path = tmp_path / "map.html"
    EmbeddingMapDisplay.from_encoder(table, "city").to_html(path, n_neighbours=2)
    browser.get(path.as_uri())
    wait = WebDriverWait(browser, 30)
    points = wait.until(
        lambda b: b.find_elements("css selector", ".scatterlayer .points path")
    )
    assert len(points) == 9
    values = [str(value) for value in table.to_frame().index]
    for value, near in {
        "city 4": {"city 3", "city 5"},
        '<b>Rome</b> & "Co"': {"city 1", "city 2"},
    }.items():
        number = values.index(value)
        ActionChains(browser).move_to_element(points[number]).perform()
        text = wait.until(
            lambda b, value=value: next(
                (
                    e.text
                    for e in b.find_elements("css selector", ".hoverlayer .hovertext")
                    if value in e.text
                ),
                None,
            )
        )
        count = table.to_frame()["count"].iloc[number]
        assert f"{count:.0f} rows" in text
        assert all(other in text for other in near)
        shown = browser.execute_script(
            "return document.querySelector('.js-plotly-plot').data[0].selectedpoints"
        )
        assert {values[i] for i in shown} == {value, *near}
    # Away from the points nothing stands out.
    title = browser.find_element("css selector", ".gtitle")
    ActionChains(browser).move_to_element(title).perform()
    wait.until(
        lambda b: b.execute_script(
            "return !document.querySelector('.js-plotly-plot').data[0].selectedpoints"
        )
    )
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [url for url in loaded if not url.startswith("data:")] == []
    assert console_errors(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_light_and_dark(table, tmp_path, browser, scheme):
    prefer(browser, scheme)
    path = tmp_path / "map.html"
    EmbeddingMapDisplay.from_encoder(table, "city").to_html(path)
    browser.get(path.as_uri())
    ink = browser.execute_script(
        "return document.querySelector('.js-plotly-plot').layout.font.color"
    )
    assert ink == {"light": "#222", "dark": "#eee"}[scheme]
    browser.save_screenshot(str(tmp_path / f"{scheme}.png"))
