"""What is shipped: its files, its metadata, its types, and one version of each fact."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

import sk_entity

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(sk_entity.__file__).resolve().parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
RECIPE = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text())

#: What git tracks and the sdist has not: it serves the repository itself.
ONLY_IN_GIT = re.compile(r"\.gitignore|\.ci/.*")
#: What the sdist has and git does not track: setuptools writes it.
ONLY_IN_SDIST = re.compile(r"PKG-INFO|setup\.cfg|sk_entity\.egg-info/.*")
#: What conda calls by other names.
CONDA = {
    "category-encoders": "category_encoders",
    "matplotlib": "matplotlib-base",
    "torch": "pytorch",
}


def test_the_package_is_that_of_the_checkout_or_else_an_installed_one():
    if (ROOT / "sk_entity").exists():
        assert HOME == ROOT / "sk_entity"
    else:  # in an sdist without it: `make dist-test`
        assert HOME.parent.name == "site-packages"
        assert importlib.metadata.version("sk-entity") == sk_entity.__version__


@pytest.mark.skipif(
    HOME.parent.name != "site-packages" or shutil.which("cc") is None,
    reason="not installed, or no compiler to build with",
)
def test_the_training_step_is_compiled():
    assert importlib.util.find_spec("sk_entity._compiled._kernel") is not None


def test_types_are_shipped():
    assert (HOME / "py.typed").is_file()


def test_one_version():
    assert CITATION["version"] == sk_entity.__version__
    assert RECIPE["context"]["version"] == sk_entity.__version__


def test_the_citation_says_what_the_metadata_say():
    assert CITATION["title"] == PROJECT["name"]
    assert CITATION["abstract"] == PROJECT["description"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["keywords"] == PROJECT["keywords"]
    assert CITATION["authors"] == PROJECT["authors"]
    assert CITATION["url"] == PROJECT["urls"]["Documentation"]


def conda(requirements):
    """Requirements as conda has them, without extras."""
    pairs = [re.fullmatch(r"([\w-]+)(\[.+\])?(>=.+)", one) for one in requirements]
    return sorted(f"{CONDA.get(p[1], p[1])} {p[3]}" for p in pairs)


def test_the_recipe_requires_what_the_metadata_require():
    extras = dict(PROJECT["optional-dependencies"])
    needed = conda([*PROJECT["dependencies"], *extras.pop("train")])
    optional = {one for some in extras.values() for one in conda(some)} - set(needed)
    requirements = RECIPE["requirements"]
    assert sorted(set(requirements["run"]) - {"python"}) == needed
    assert requirements["run_constraints"] == sorted(optional)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert sorted(set(requirements["host"]) - {"python", "pip"}) == conda(
        build["requires"]
    )
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert RECIPE["build"]["skip"] == f'match(python, "<{lowest}")'


def test_the_recipe_says_what_the_metadata_say():
    about = RECIPE["about"]
    assert RECIPE["package"]["name"] == PROJECT["name"]
    assert about["summary"] == PROJECT["description"]
    assert about["license"] == PROJECT["license"]
    assert [about["license_file"]] == PROJECT["license-files"]
    assert about["documentation"] == PROJECT["urls"]["Documentation"]


def test_the_recipe_is_one():
    rattler_build = pytest.importorskip("rattler_build")
    recipe = rattler_build.Stage0Recipe.from_file(str(ROOT / "recipe" / "recipe.yaml"))
    variants = rattler_build.VariantConfig.from_yaml(
        'python: ["3.11.*"]\nc_stdlib: [sysroot]\nc_stdlib_version: ["2.17"]'
    )
    (rendered,) = recipe.render(variants)
    package = rendered.recipe.to_dict()["package"]
    assert package == {"name": PROJECT["name"], "version": sk_entity.__version__}


def test_the_lowest_versions_are_those_of_the_metadata():
    code = ROOT / "tools" / "lowest.py"
    run = subprocess.run([sys.executable, code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = dict(line.split("==") for line in run.stdout.split())
    extras = PROJECT["optional-dependencies"].values()
    required = [*PROJECT["dependencies"], *(one for some in extras for one in some)]
    assert set(found) == {re.match(r"[\w-]+", one)[0] for one in required} - {"torch"}
    assert f"numpy>={found['numpy']}" in PROJECT["dependencies"]


def test_the_sdist_has_what_git_tracks(tmp_path):
    pytest.importorskip("setuptools")
    if not (ROOT / ".git").exists():
        pytest.skip("no repository to compare with")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    tracked = {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()}
    setup = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)]
    build = [*setup, "sdist", "--dist-dir", str(tmp_path)]
    run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        files = {m.name.partition("/")[2] for m in opened.getmembers() if m.isfile()}
    assert [one for one in tracked - files if not ONLY_IN_GIT.fullmatch(one)] == []
    assert [one for one in files - tracked if not ONLY_IN_SDIST.fullmatch(one)] == []


def test_a_users_program_has_types(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    if HOME.parent.name != "site-packages":
        monkeypatch.setenv("MYPYPATH", str(HOME.parent))
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path))
    code = str(Path(__file__).parent / "typing" / "snippet.py")
    # No configuration of ours, which a user has not. No public type is torch's.
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict=True\n[mypy-torch.*]\nfollow_imports=skip\n")
    options = [f"--config-file={config}", "--follow-imports=silent"]
    out, errors, status = api.run([*options, code])
    assert (out, errors) == ("Success: no issues found in 1 source file\n", "")
    assert status == 0
