"""The site: every page can be reached, read on a phone, and searched without a network.

``SK_ENTITY_SITE=docs/_build/html`` looks at a site that is built; without it one is
built here, its examples not run.
"""

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import pytest
from browsers import console_errors, open_browser, prefer
from webpages import Site

from sk_entity import EntityEmbeddingEncoder, exceptions

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference" / "index.rst"
MODULES = (
    "sk_entity",
    *(
        f"sk_entity.{name}"
        for name in (
            "dask",
            "datasets",
            "inference",
            "inspection",
            "losses",
            "onnx",
            "plotting",
        )
    ),
)
WRITTEN = ("_build", "generated", "examples", "how_entity_embeddings_work")
PHONE, DESKTOP = (390, 844), (1280, 900)
#: Of a build without examples.
MOST_SECONDS = 600


def test_public_names_are_those_of_the_reference():
    public = {
        f"{module}.{name}"
        for module in MODULES
        for name in importlib.import_module(module).__all__
    }
    public |= {
        f"{exceptions.__name__}.{name}"
        for name, found in inspect.getmembers(exceptions, inspect.isclass)
        if found.__module__ == exceptions.__name__
    }
    assert listed() == public


def listed():
    """Return the names of the reference's tables and data, with their modules."""
    found, module = set(), ""
    for line in REFERENCE.read_text().splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"(?:   |\.\. py:data:: )(\w+)$", line):
            found.add(f"{module}.{match[1]}")
    return found


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the built site; of several processes one builds and the others wait."""
    if given := os.environ.get("SK_ENTITY_SITE"):
        return Site(Path(given))
    for module in ("sphinx", "myst_parser", "numpydoc", "sphinx_gallery"):
        pytest.importorskip(module)
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    report = shared / "site.txt"
    try:
        (shared / "site").mkdir()
    except FileExistsError:
        end = time.monotonic() + MOST_SECONDS
        while not report.exists():
            assert time.monotonic() < end, "the process that builds the site is gone"
            time.sleep(0.5)
    else:
        build(shared / "source", shared / "site", report)
    told = report.read_text()
    assert told == "", told
    return Site(shared / "site")


def build(source, folder, report):
    """Build the site of a copy of its sources; write what Sphinx had to complain of."""
    for name in ("docs", "examples"):
        shutil.copytree(
            ROOT / name, source / name, ignore=lambda at, names: written(at, names)
        )
    for path in ROOT.glob("*.md"):
        shutil.copy(path, source)
    options = ["-q", "-W", "--keep-going", "-D", "plot_gallery=0"]
    command = [sys.executable, "-m", "sphinx", *options, source / "docs", folder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    told = run.stderr if run.returncode else ""
    report.with_suffix(".part").write_text(told)
    report.with_suffix(".part").rename(report)


def written(folder, names):
    """Return what a build in the checkout has left in `docs`, which is not copied."""
    return [n for n in names if Path(folder) == ROOT / "docs" and n in WRITTEN]


def test_every_link_and_anchor_is_there(site):
    assert site.broken() == []


def test_nothing_is_fetched_from_elsewhere(site):
    assert site.outside() == set()


def test_every_page_is_reached_from_the_front_page(site):
    assert site.pages.keys() - site.reached() - made_by_sphinx(site) == set()


def made_by_sphinx(site):
    return {site.folder / name for name in ("search.html", "genindex.html")}


def test_the_diagram_of_scikit_learn_leads_to_the_reference(site):
    link = EntityEmbeddingEncoder()._get_doc_link()
    assert (site.folder / link.split("/stable/")[1]).exists()


@pytest.fixture
def browser(tmp_path):
    driver = open_browser(tmp_path / "profile")
    yield driver
    driver.quit()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def address(site):
    handler = partial(Quiet, directory=str(site.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


#: What sticks out of the page to the right, but in a box of its own that scrolls. (The
#: theme lets the whole article scroll, which is no such box.)
STICKING_OUT = """
const scrolls = e => e && !e.matches('.bd-article-container, body, html')
  && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
const wide = document.documentElement.clientWidth;
const out = [...document.querySelectorAll('main *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width > 0 && box.right > wide + 1 && !scrolls(e);
});
return [document.documentElement.scrollWidth > wide + 1 ? 'page' : '',
  ...out.slice(0, 3).map(e => e.outerHTML.slice(0, 120))].filter(x => x);
"""
THEME = "return document.documentElement.dataset.theme"
LOOKS = """
const shade = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);
const seen = [...document.querySelectorAll('main img')]
  .filter(e => e.getBoundingClientRect().width > 0);
const light = color => color.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3;
const faint = [...document.querySelectorAll('main .highlight pre .n')].filter(e =>
  Math.abs(light(getComputedStyle(e).color)
    - light(getComputedStyle(e.closest('pre')).backgroundColor)) < 80);
return [Number(shade[0]), seen.filter(e => e.complete && !e.naturalWidth).length,
  seen.map(e => e.className).join(' '), faint.length];
"""


def resize(browser, size):
    width, height = size
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )


def faults(browser, size, scheme):
    """Return what is wrong with how the page looks at a size, under a scheme."""
    from selenium.webdriver.support.ui import WebDriverWait

    resize(browser, size)
    prefer(browser, scheme)
    wait = WebDriverWait(browser, 10, poll_frequency=0.02)
    wait.until(lambda b: b.execute_script(THEME) == scheme)
    found = browser.execute_script(STICKING_OUT)
    shade, missing, classes, faint = browser.execute_script(LOOKS)
    if (shade > 127) == (scheme == "dark"):
        found.append(f"background {shade}")
    if faint:
        found.append(f"{faint} names in code cannot be read")
    if missing:
        found.append(f"{missing} pictures missing")
    if ("only-light" if scheme == "dark" else "only-dark") in classes:
        found.append("a picture for the other scheme")
    return found


def test_pages_are_read_on_phones_and_desktops_light_and_dark(site, address, browser):
    """Every page at either width, under either scheme, without an error."""
    wrong = []
    for path in sorted(site.reached()):
        page = path.relative_to(site.folder).as_posix()
        browser.get(f"{address}/{page}")
        for size, scheme in product((PHONE, DESKTOP), ("light", "dark")):
            found = faults(browser, size, scheme)
            wrong += [(page, size, scheme, fault) for fault in found]
        wrong += [(page, error["message"]) for error in console_errors(browser)]
    assert wrong == []


def test_what_sticks_out_is_seen(address, browser):
    """The test above would notice a wide table, and a page of one color."""
    resize(browser, PHONE)
    browser.get(f"{address}/install.html")
    assert faults(browser, PHONE, "light") == []
    browser.execute_script(
        "const wide = document.createElement('table');"
        "wide.style.cssText = 'display: block; width: 900px; height: 9px';"
        "document.querySelector('article').append(wide);"
        "document.body.style.background = '#000';"
    )
    found = faults(browser, PHONE, "light")
    assert found[0].startswith("<table")
    assert found[-1] == "background 0"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_search_works_without_a_network(address, browser, size):
    from selenium.webdriver.support.ui import WebDriverWait

    resize(browser, size)
    browser.get(f"{address}/search.html?q=cross-fitting")
    found = "#search-results li a[href*='user_guide/folds']"
    WebDriverWait(browser, 30).until(lambda b: b.find_elements("css selector", found))
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [url for url in loaded if not url.startswith((address, "data:"))] == []
    assert console_errors(browser) == []
