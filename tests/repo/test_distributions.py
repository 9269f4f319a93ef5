"""What would be released: complete, with metadata that an index accepts, under compatible licences."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(p.name for p in (ROOT / "packages").iterdir() if p.is_dir())
# Licences that let an MIT project depend on a library: it is used, not copied.
COMPATIBLE = re.compile(
    r"\b(MIT|Apache|BSD|ISC|PSF|Python|MPL|Mozilla|LGPL|Lesser General|HPND|Unlicense|Zlib)\b",
    re.IGNORECASE,
)


@pytest.mark.slow
def test_an_index_would_accept_the_metadata(
    distributions: dict[str, tuple[Path, Path]],
) -> None:
    files = [str(file) for pair in distributions.values() for file in pair]
    answer = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("PASSED") == len(files) == 2 * len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_archives_hold_every_file_of_the_package_and_no_other(
    name: str, distributions: dict[str, tuple[Path, Path]]
) -> None:
    archive, wheel = distributions[name]
    source = ROOT / "packages" / name / "src"
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", source],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.splitlines()
    wanted = {Path(line).relative_to(source.relative_to(ROOT)).as_posix() for line in tracked}
    with ZipFile(wheel) as opened:
        packed = {n for n in opened.namelist() if ".dist-info/" not in n}
        assert any(n.endswith(".dist-info/licenses/LICENSE") for n in opened.namelist())
    assert packed == wanted
    with tarfile.open(archive) as opened:
        inside = {n.split("/", 1)[1] for n in opened.getnames() if "/" in n}
    assert {"LICENSE", "README.md", "pyproject.toml"} <= inside
    assert {f"src/{each}" for each in wanted} <= inside


def declared() -> list[str]:
    """Every third-party distribution that one of the packages names, extras included."""
    names = set()
    for name in NAMES:
        path = ROOT / "packages" / name / "pyproject.toml"
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        for line in [*project["dependencies"], *(d for each in extras.values() for d in each)]:
            names.add(Requirement(line).name)
    return sorted(n for n in names if not n.startswith("modelward"))


def licence(dist: Distribution) -> str:
    meta = dist.metadata
    said = [meta.get("License-Expression") or "", (meta.get("License") or "")[:200]]
    classifiers = meta.get_all("Classifier") or []
    said += [c for c in classifiers if c.startswith("License")]
    texts = [f for f in dist.files or [] if f.parent.name == "licenses"]
    said += [f.read_text("utf-8")[:120] for f in texts]  # where only the text itself says it
    return " ".join(said)


@pytest.mark.parametrize("name", declared())
def test_licence_of_each_dependency_is_compatible(name: str) -> None:
    said = licence(distribution(name))
    assert COMPATIBLE.search(said), f"{name}: {said or 'no licence given'}"
