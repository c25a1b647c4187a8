"""Every public object says what it takes, gives and raises (numpydoc's validation)."""

import ast
import builtins
import inspect
import pkgutil
import re
import textwrap
from importlib import import_module

import pytest

validate = pytest.importorskip("numpydoc.validate")
docscrape = pytest.importorskip("numpydoc.docscrape")

# Of numpydoc's checks all hold, but for these (scikit-learn leaves the same ones out).
LEFT_OUT = {
    "GL01",  # a summary starts beside the quotes, as ruff's D212 has it
    "GL02",  # and short docstrings end there
    "ES01",  # a summary that says all needs no second paragraph
    "RT02",  # what is returned has a name, by which prose can speak of it
}
# The examples of a class show its methods; errors are raised by us, not by readers.
OF_CLASSES_AND_FUNCTIONS = {"EX01", "SA01"}


def public_modules(name="sk_entity"):
    """The package and its submodules that no underscore hides."""
    module = import_module(name)
    yield module
    for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not inner.name.startswith("_"):
            yield from public_modules(f"{name}.{inner.name}")


def written_here(value):
    """Whether a function, method or property is of this package, not inherited."""
    function = getattr(value, "fget", None) or getattr(value, "__func__", value)
    return (getattr(function, "__module__", None) or "").startswith("sk_entity")


def public_objects():
    """Classes and functions by full name, and the methods and properties of classes."""
    found = {}
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value):
                continue  # a constant has no docstring
            full = f"{module.__name__}.{name}"
            found[full] = value
            for member in dir(value) if inspect.isclass(value) else ():
                one = inspect.getattr_static(value, member)
                if not member.startswith("_") and written_here(one):
                    found[f"{full}.{member}"] = one
    return found


OBJECTS = public_objects()
CLASSES = {name: value for name, value in OBJECTS.items() if inspect.isclass(value)}
# A property that the "Attributes" of its class describe needs no second description.
ATTRIBUTES = {
    name
    for name, value in OBJECTS.items()
    if isinstance(value, property) and value.fget.__doc__ is None
}


def entries(name, *sections):
    """What sections of a docstring list, as it stands: nothing is added to it."""
    doc = docscrape.NumpyDocString(inspect.getdoc(OBJECTS[name]) or "")
    return [entry for section in sections for entry in doc[section]]


def test_every_kind_of_object_is_found():
    assert {
        "sk_entity.EntityEmbeddingEncoder",
        "sk_entity.EntityEmbeddingEncoder.load",  # a classmethod
        "sk_entity.EmbeddingTable.dim",  # a property
        "sk_entity.EntityEmbeddingEncoder.choices_",
        "sk_entity.dask.DaskEntityEmbeddingEncoder.to_local",
        "sk_entity.datasets.make_entities",
        "sk_entity.exceptions.FoldError",
    } <= set(OBJECTS)
    assert "sk_entity.EntityEmbeddingEncoder.get_params" not in OBJECTS


@pytest.mark.parametrize("module", list(public_modules()), ids=lambda m: m.__name__)
def test_modules_name_what_is_public(module):
    assert module.__doc__
    assert list(module.__all__) == sorted(module.__all__, key=_constants_first)
    for name in module.__all__:
        assert hasattr(module, name)


def _constants_first(name):
    return (not name.isupper(), not name[0].isupper(), name)


@pytest.mark.parametrize("name", sorted(set(OBJECTS) - ATTRIBUTES))
def test_numpydoc_finds_nothing_wrong(name):
    left_out = set(LEFT_OUT)
    value = OBJECTS[name]
    is_member = name.rpartition(".")[0] in CLASSES
    is_error = inspect.isclass(value) and issubclass(value, BaseException)
    if is_member or is_error:
        left_out |= OF_CLASSES_AND_FUNCTIONS
    errors = validate.validate(name)["errors"]
    assert [error for error in errors if error[0] not in left_out] == []


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_attributes_are_described_in_their_class(name):
    described = entries(name, "Attributes")
    assert [one.name for one in described if not (one.type and any(one.desc))] == []
    own = [full.rpartition(".") for full in ATTRIBUTES]
    own = {attribute for owner, _, attribute in own if owner == name}
    assert own <= {one.name for one in described}


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_arrays_and_frames_have_shapes(name):
    typed = entries(name, "Parameters", "Returns", "Attributes")
    array = re.compile(r"(dask )?(array-like|frame|ndarray|DataFrame|Series)\b")
    arrays = [one for one in typed if array.match(one.type)]
    assert [one.name for one in arrays if "of shape (" not in one.type] == []


def raised(function):
    """The exceptions that the lines of a function itself raise."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = vars(builtins) | function.__globals__
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield names[ast.unparse(node.exc.func)]


@pytest.mark.parametrize("name", sorted(set(OBJECTS) - set(CLASSES) - ATTRIBUTES))
def test_what_is_raised_is_described(name):
    value = OBJECTS[name]
    function = getattr(value, "fget", None) or getattr(value, "__func__", value)
    described = {one.type or one.name for one in entries(name, "Raises")}
    for error in raised(inspect.unwrap(function)):
        assert described & {base.__name__ for base in error.__mro__}, error
