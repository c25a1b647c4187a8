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
    "_choices": set(),
    # values -> codes -> vectors -> table -> use
    "_columns": {"exceptions"},
    "_version": set(),
    "_files": {"_version", "exceptions"},
    "_categories": {"_columns", "_files", "_warnings", "exceptions"},
    "_target": {"_columns", "_warnings", "exceptions"},
    "losses": {"_target"},
    "_table": {"_categories", "_columns", "_files", "exceptions"},
    "_compiled": set(),
    "_workers": set(),
    "_features": {
        "_categories",
        "_columns",
        "_compiled",
        "_workers",
        "_files",
        "_table",
        "_target",
        "exceptions",
    },
    "_learning": {
        "_categories",
        "_compiled",
        "_features",
        "_progress",
        "_target",
        "_workers",
        "exceptions",
    },
    # scikit-learn's side
    "_validation": {"_columns", "exceptions"},
    "_parameters": {"_target", "_validation"},
    "_output": {"_columns", "exceptions"},
    # what is learned, who learns it, and who uses it
    "_row": {"_categories", "_columns", "_features"},
    "_learned": {
        "_choices",
        "_row",
        "_categories",
        "_columns",
        "exceptions",
        "_features",
        "_output",
        "_table",
        "_target",
        "_workers",
    },
    "_pretrained": set(),
    "_saved": {
        "_choices",
        "_pretrained",
        "_categories",
        "_columns",
        "_features",
        "_files",
        "_learned",
        "_table",
        "_target",
        "exceptions",
    },
    "_inverse": {"_columns", "_learned"},
    "_fitting": {
        "_categories",
        "_choices",
        "_columns",
        "_features",
        "_learned",
        "_learning",
        "_output",
        "_parameters",
        "_pretrained",
        "_progress",
        "_table",
        "_target",
        "_validation",
        "_warnings",
        "exceptions",
    },
    "_lazy": {"_learned"},
    "_display": set(),
    "_progress": set(),
    "_encoder": {
        "_choices",
        "_display",
        "_fitting",
        "_inverse",
        "_lazy",
        "_learned",
        "_output",
        "_parameters",
        "_saved",
        "_table",
        "_validation",
        "exceptions",
    },
    "onnx": {
        "_categories",
        "_columns",
        "_encoder",
        "_features",
        "_learned",
        "_target",
        "exceptions",
    },
    "dask": {
        "_encoder",
        "_fitting",
        "_lazy",
        "_learning",
        "_parameters",
        "_progress",
        "_validation",
        "exceptions",
    },
    "inference": {"_learned", "_saved", "_table"},
    "inspection": {
        "_columns",
        "_encoder",
        "_features",
        "_learned",
        "_table",
        "_target",
        "_validation",
    },
    "plotting": {"_table", "inspection"},
    "__init__": {"_version", "_encoder", "_pretrained", "_table", "inspection"},
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
            allowed = {place(path), *ALLOWED[place(path)]}
            assert parts[1] in allowed, f"{path.name} imports {name}"


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
    for path in FILES:
        if place(path) == "_learning":
            continue
        body = ast.parse(path.read_text()).body
        modules = [node.module for node in body if isinstance(node, ast.ImportFrom)]
        assert not [m for m in modules if m.startswith("sk_entity._learning")], path


def test_the_encoder_is_one_class_without_mixins_of_its_own():
    tree = ast.parse((ROOT / "_encoder.py").read_text())
    (only,) = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [base.id for base in only.bases] == ["TransformerMixin", "BaseEstimator"]


def test_arrows_make_no_circle():
    left = {place: set(targets) for place, targets in ALLOWED.items()}
    while left:
        done = {place for place, targets in left.items() if not targets & set(left)}
        assert done, f"a circle among {sorted(left)}"
        left = {place: targets for place, targets in left.items() if place not in done}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text()
    tree = ast.parse(text)
    lines = text.count("\n")
    assert lines <= 800
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            lines -= node.body[0].end_lineno - node.body[0].lineno + 1
    assert lines <= 450, f"{path.name} holds two ideas"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            start = node.body[0].lineno
            if isinstance(node.body[0], ast.Expr) and len(node.body) > 1:
                start = node.body[1].lineno  # without the docstring
            assert node.end_lineno - start <= 60, f"{path.name}: {node.name}"


def test_the_extra_and_the_group_to_train_name_the_same():
    import tomllib

    root = Path(__file__).parents[1]  # not the package's, which may be installed
    project = tomllib.loads((root / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"]["train"]
    assert extra == project["dependency-groups"]["train"]
    assert not {"torch", "skorch"} & set(project["project"]["dependencies"])
