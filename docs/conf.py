"""How Sphinx builds the site: `make docs`."""

import re
import sys
from pathlib import Path

from sk_entity import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for _strict

project = "sk-entity"
author = "The sk-entity developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "how_it_works"]
templates_path = ["_templates"]

# Pages are Markdown, and their links to headings are those of GitHub.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_typehints = "none"  # types stand in the docstrings
autosummary_generate = True
numpydoc_show_class_members = False
python_maximum_signature_line_length = 60  # longer ones have a line a parameter
toc_object_entries_show_parents = "hide"

# Every script is run, and one that fails or warns is an error of the build.
# `-D plot_gallery=0` builds the pages without running them.
FOLDERS = {"../examples": "examples", "how_it_works": "how_entity_embeddings_work"}
there = [name for name in FOLDERS if (HERE / name / "GALLERY_HEADER.rst").exists()]
sphinx_gallery_conf = {
    "examples_dirs": there,
    "gallery_dirs": [FOLDERS[name] for name in there],
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sk_entity",),
    "remove_config_comments": True,
    "reset_modules": ("matplotlib", "_strict.warnings_are_errors"),
    "reset_modules_order": "both",
    "show_memory": False,
    "write_computation_times": False,  # a page whose table fetches scripts
    "min_reported_time": 5,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = "sk-entity"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "text": "sk-entity",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
    },
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Pages of no section have nothing to list beside them.
html_sidebars = {
    name: []
    for name in (
        "index",
        "install",
        "tutorial",
        "when_do_embeddings_help",
        "performance",
        "faq",
        "design",
        "changelog",
        "contributing",
    )
}

#: What GitHub shows to readers of dark pages and of light ones.
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" '
    r'srcset="(?P<dark>[^"]+)">\s*'
    r'<img src="(?P<light>[^"]+)" alt="(?P<alt>[^"]+)">\s*</picture>'
)


def _show_pictures(app, docname, source):
    """Write pictures as images of the light and of the dark theme."""

    def images(match):
        return "\n".join(
            f"```{{image}} {match[theme]}\n:alt: {match['alt']}\n"
            f":class: only-{theme}\n```"
            for theme in ("light", "dark")
        )

    source[0] = PICTURE.sub(images, source[0])


def _skip_inherited(app, what, name, member, skip, options):
    """Leave out what other packages have written: their links lead nowhere here."""
    owner = getattr(member, "fget", member)
    module = getattr(owner, "__module__", None) or ""
    return True if module.startswith(("sklearn", "builtins")) else skip


def setup(app):
    app.connect("source-read", _show_pictures)
    app.connect("autodoc-skip-member", _skip_inherited)
