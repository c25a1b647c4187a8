"""The scripts of both galleries keep the conventions that the docs build relies on."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GALLERIES = [ROOT / "examples", ROOT / "docs" / "how_it_works"]
SCRIPTS = [path for folder in GALLERIES for path in sorted(folder.glob("*.py"))]
PLOTS = [path for path in SCRIPTS if path.stem.startswith("plot_")]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_open_with_a_title_and_a_paragraph(path):
    title, underline, empty, paragraph, *_ = ast.get_docstring(
        ast.parse(path.read_text())
    ).split("\n")
    assert underline == "=" * len(title)
    assert empty == ""
    assert len(paragraph.split()) > 5


@pytest.mark.parametrize("path", PLOTS, ids=lambda path: path.name)
def test_plots_tell_what_they_do_and_end_in_a_picture(path):
    source = path.read_text()
    cells = source.split("\n# %%\n")[1:]
    assert sum(cell.startswith("# ") for cell in cells) >= 2
    assert "plt.show()" in source


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_headings_of_cells_are_underlined_in_full(path):
    for heading, line in re.findall(r"# %%\n# (.+)\n# (-+)\n", path.read_text()):
        assert len(line) == len(heading)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_neither_choose_a_backend_nor_fetch_data(path):
    assert not re.search(
        r"matplotlib\.use|urlopen|urlretrieve|https?://(?!127)", path.read_text()
    )


@pytest.mark.parametrize("folder", GALLERIES, ids=lambda folder: folder.name)
def test_galleries_have_a_header(folder):
    title, underline, *_ = (folder / "GALLERY_HEADER.rst").read_text().split("\n")
    assert underline == "=" * len(title)


def test_pages_of_how_it_works_are_numbered_without_a_gap():
    numbers = [
        int(path.stem.split("_")[1]) for path in PLOTS if "how" in path.parent.name
    ]
    assert numbers == list(range(1, len(numbers) + 1))


def test_names_of_examples_are_words():
    for path in (path for path in PLOTS if path.parent.name == "examples"):
        assert re.fullmatch(r"plot(_[a-z]+)+", path.stem), path.name
