"""Each library installs alone: its wheel and core's, and what the two declare, are enough.

The wheels are built and installed by pip into an empty virtual environment. The third-party
distributions they declare (and what those declare in turn, by their own metadata) are linked in
from this environment, and nothing else: what only a sibling declares cannot be imported there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from zipfile import Path as ZipPath

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ["adaptive_pipeline", "adversarial", "modelcards", "monitoring", "validation"]
# What only a sibling needs: it must not come along.
FOREIGN = {
    "adaptive_pipeline": ["torch", "ruamel.yaml", "faster_coco_eval"],
    "adversarial": ["mlflow", "fastapi", "sqlalchemy", "sklearn", "pandas"],
    "modelcards": ["torch", "mlflow", "pandas", "sklearn", "sqlalchemy", "scipy"],
    "monitoring": ["torch", "mlflow", "evidently", "ruamel.yaml", "faster_coco_eval"],
    "validation": ["torch", "mlflow", "evidently", "river", "nh3"],
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(wheels: list[Distribution]) -> dict[str, Distribution]:
    """Every distribution the wheels need, extras and markers followed."""
    own = {canonical(w.name): w for w in wheels}
    found: dict[str, Distribution] = {}
    todo = [(name, frozenset[str]()) for name in own]
    seen = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        dist = own.get(name) or distribution(name)
        if name not in own:
            found[name] = dist
        for line in dist.requires or []:
            need = Requirement(line)
            wanted = [{"extra": extra} for extra in ("", *extras)]
            if need.marker is None or any(need.marker.evaluate(env) for env in wanted):
                assert canonical(need.name) in own or canonical(need.name) != "modelward"
                todo.append((canonical(need.name), frozenset(need.extras)))
    return found


def read_wheel(path: Path) -> Distribution:
    (info,) = [p for p in ZipPath(path).iterdir() if p.name.endswith(".dist-info")]
    return PathDistribution(info)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_library_works_with_core_alone(
    name: str, distributions: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    pair = [distributions[each][1] for each in ("core", name)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index",
         *pair],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    for dist in closure([read_wheel(w) for w in pair]).values():
        for top in {file.parts[0] for file in dist.files or [] if file.parts[0] != ".."}:
            source = Path(str(dist.locate_file(top)))
            if top != "__pycache__" and source.exists() and not (site / top).exists():
                (site / top).symlink_to(source)
    script = f"""
import importlib.util, sys
import modelward.{name} as library
for public in library.__all__:
    getattr(library, public)  # loads what each name needs
foreign = {FOREIGN[name]!r}
print([f for f in foreign if importlib.util.find_spec(f.split(".")[0]) is not None])
siblings = {[n for n in LIBRARIES if n != name]!r}
print([s for s in siblings if importlib.util.find_spec("modelward." + s) is not None])
"""
    answer = subprocess.run(
        [python, "-I", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert answer.stdout.splitlines() == ["[]", "[]"]
    help_text = subprocess.run(
        [python, "-I", "-m", "modelward.core.command", "--help"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert help_text.returncode == 0, help_text.stderr[-2000:]
    assert "cannot be loaded" not in help_text.stdout
