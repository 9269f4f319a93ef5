"""Write the oldest versions of our dependencies that we promise to work with, as pip's constraints.

`python .ci/oldest.py > .ci/oldest.txt`. Where two packages ask for different lower bounds, the higher
one counts: it is the oldest version both can be installed beside.
"""

import re
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]


def lower_bounds() -> dict[str, Version]:
    """Give the lower bound of each dependency of the packages, extras included."""
    bounds: dict[str, Version] = {}
    for path in sorted((ROOT / "packages").glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        extras = project.get("optional-dependencies", {}).values()
        for text in chain(project.get("dependencies", ()), *extras):
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if re.match(r"modelward(-|$)", name):
                continue
            lowest = [
                Version(s.version) for s in requirement.specifier if s.operator in {">=", "=="}
            ]
            if len(lowest) != 1:
                raise SystemExit(f"{path}: expected one lower bound, got {text!r}")
            bounds[name] = max(lowest[0], bounds.get(name, lowest[0]))
    return bounds


if __name__ == "__main__":
    print("# Made by .ci/oldest.py from the packages' lower bounds; not to be edited by hand.")
    for name, version in sorted(lower_bounds().items()):
        print(f"{name}=={version}")
