"""Imports go one way; checked in the source, so that nobody has to remember."""

import ast
from pathlib import Path

import pytest

import sk_entity

ROOT = Path(sk_entity.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# What each place may import of the package, at any depth of the file.
ALLOWED = {
    "exceptions": set(),
    "datasets": set(),
    "_warnings": set(),
    "_columns": {"_columns", "exceptions"},
    "_validation": {"_warnings", "_columns", "exceptions"},
    "_categories": {"_categories", "_columns", "_warnings", "exceptions"},
    "_table": {"_categories", "_columns", "exceptions"},
    "_numeric": set(),
    "losses": set(),
    "_objective": {"_columns", "_validation", "losses"},
    "_prediction": {"_numeric", "_objective"},
    "_statistics": {"_categories"},
    "_crosses": {"_statistics", "exceptions"},
    "_extras": {"_crosses", "_prediction", "_statistics"},
    "_lookup": {"_categories", "_extras"},
    "_learning": {
        "_learning",
        "_categories",
        "_numeric",
        "_objective",
        "_prediction",
        "exceptions",
    },
    "_pretrained": {"_warnings", "_categories", "_columns", "_table", "exceptions"},
    "_updating": set(),
    "_streaming": {"_categories", "_columns", "_validation", "exceptions"},
    "_naming": {"_table", "exceptions"},
    "_parameters": {"_validation", "losses"},
    "_fitting": {
        "_categories",
        "_columns",
        "_crosses",
        "_extras",
        "_learning",
        "_lookup",
        "_naming",
        "_objective",
        "_parameters",
        "_pretrained",
        "_statistics",
        "_streaming",
        "_table",
        "_updating",
        "_validation",
        "_warnings",
        "exceptions",
    },
    "_display": set(),
    "_encoder": {
        "_categories",
        "_columns",
        "_display",
        "_extras",
        "_fitting",
        "_lookup",
        "_table",
        "_validation",
    },
    "inspection": {"_columns", "_encoder", "_table", "_validation", "inspection"},
    "plotting": {"_table", "inspection", "plotting"},
    "__init__": {"_encoder", "_pretrained", "_table", "inspection"},
}


def place(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node, node.module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path):
    tree = ast.parse(path.read_text())
    for _, name in imports(tree):
        parts = name.split(".")
        if parts[0] == "sk_entity" and len(parts) > 1:
            assert parts[1] in ALLOWED[place(path)], f"{path.name} imports {name}"


def module_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def edges():
    """What each module imports of the package: modules, at any depth of the file."""
    modules = {module_of(path) for path in FILES}
    found = {}
    for path in FILES:
        tree = ast.parse(path.read_text())
        named = set()
        for node, name in imports(tree):
            if isinstance(node, ast.Import):
                named.add(name)
                continue
            # What no module has for its name is something in the module.
            full = (f"{name}.{alias.name}" for alias in node.names)
            named |= {name if one not in modules else one for one in full}
        found[module_of(path)] = named & modules
    return found


def circles(imported):
    """Modules that import each other, through others or not, as sets."""

    def reached(start):
        seen, left = set(), [start]
        while left:
            new = imported[left.pop()] - seen
            seen |= new
            left += new
        return seen

    reach = {module: reached(module) for module in imported}
    return {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in imported
        if module in reach[module]
    }


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == {
        frozenset({"b", "c"})
    }


def test_no_modules_import_each_other():
    found = edges()
    assert "sk_entity.inspection" in found["sk_entity.plotting._comparison"]
    inside_a_function = "sk_entity.plotting._interactive"
    assert inside_a_function in found["sk_entity.plotting._map"]
    assert circles(found) == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_torch_stays_in_learning_and_private_scikit_learn_in_validation(path):
    tree = ast.parse(path.read_text())
    for node, name in imports(tree):
        if name.split(".")[0] in ("torch", "skorch"):
            assert place(path) == "_learning", f"{path.name} imports {name}"
        if name.split(".")[0] == "sklearn":
            names = [alias.name for alias in getattr(node, "names", [])]
            private = any(part.startswith("_") for part in [*name.split("."), *names])
            assert not private or place(path) == "_validation", f"{path.name}: {name}"


def test_learning_is_imported_inside_functions_only():
    tree = ast.parse((ROOT / "_fitting.py").read_text())
    top = [n for n in tree.body if isinstance(n, ast.ImportFrom)]
    assert not [n.module for n in top if n.module.startswith("sk_entity._learning")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text()
    assert text.count("\n") <= 800
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            start = node.body[0].lineno
            if isinstance(node.body[0], ast.Expr) and len(node.body) > 1:
                start = node.body[1].lineno  # without the docstring
            assert node.end_lineno - start <= 60, f"{path.name}: {node.name}"
