"""The documents' Python blocks run, and their links lead somewhere."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: Folders that the build writes, and where it reads what it writes there.
GALLERIES = {
    DOCS / "examples": ROOT / "examples",
    DOCS / "how_entity_embeddings_work": DOCS / "how_it_works",
}
WRITTEN = {"_build", "generated", *(folder.name for folder in GALLERIES)}
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(
        path
        for path in sorted(DOCS.rglob("*.md"))
        if not WRITTEN & set(path.relative_to(DOCS).parts)
    ),
]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


BLOCKS = re.compile(r"```python\n(.*?)```\n(?:```text\n(.*?)```)?", re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_python_blocks_run_in_order(path):
    namespace = {}
    for block, shown in BLOCKS.findall(path.read_text()):
        with redirect_stdout(StringIO()) as printed:
            exec(compile(block, path.name, "exec"), namespace)
        if shown:
            assert_alike(printed.getvalue().split(), shown.split())


def assert_alike(printed, shown):
    """Compare words; numbers may differ by what other versions and folds change."""
    assert len(printed) == len(shown), (printed, shown)
    for word, other in zip(printed, shown, strict=True):
        try:
            assert float(word) == pytest.approx(float(other), rel=0.1, abs=0.06)
        except ValueError:
            assert word == other


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_to_files_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            file = source_of((path.parent / target).resolve())
            assert file.exists(), target


def source_of(page):
    """Return the script of a page of a gallery, and other files as they are."""
    read_from = GALLERIES.get(page.parent)
    if read_from is None:
        return page
    if page.name == "index.rst":
        return read_from / "GALLERY_HEADER.rst"
    return read_from / page.with_suffix(".py").name
