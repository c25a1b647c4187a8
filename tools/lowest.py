"""Print pip constraints to the lowest versions that pyproject.toml allows.

Of all run-time requirements, those of extras included; not of torch, which
constraints.txt pins.
"""

import re
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lowest() -> list[str]:
    """Return ``name==version`` of each requirement ``name[extra]>=version``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [project["dependencies"], *project["optional-dependencies"].values()]
    pinned = set(re.findall(r"^[\w-]+", (ROOT / "constraints.txt").read_text(), re.M))
    found: dict[str, str] = {}
    for requirement in chain.from_iterable(required):
        match = re.fullmatch(r"([\w-]+)(?:\[.+\])?>=([\d.]+)", requirement)
        assert match is not None, f"{requirement} is more than a lower bound"
        name, version = match.groups()
        assert found.setdefault(name, version) == version, f"{name} has two bounds"
    return [f"{name}=={found[name]}" for name in sorted(set(found) - pinned)]


if __name__ == "__main__":
    print(*lowest(), sep="\n")
