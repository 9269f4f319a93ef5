"""The notebooks: each runs from its script in short form, and is kept as it came out in full."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jupytext
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def sources(cells: list[dict[str, Any]]) -> list[str]:
    return ["".join(cell["source"]) for cell in cells]


def test_there_is_one_for_each_library_and_one_for_the_whole() -> None:
    libraries = ["adaptive_pipeline", "adversarial", "modelcards", "monitoring", "validation"]
    assert sorted([*libraries, "lifecycle"]) == NAMES
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "lifecycle"])
def test_it_runs(name: str, notebook: Any, tmp_path: Path) -> None:
    # The whole is run by the tests of the lifecycle, which look at what it leaves.
    cells = notebook(name, tmp_path)["cells"]
    assert any(cell.get("outputs") for cell in cells)
    assert list((tmp_path / "modelward-runs").rglob("*.html"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_of_this_script(name: str) -> None:
    kept = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    script = jupytext.read(FOLDER / f"{name}.py")
    assert sources(kept["cells"]) == sources(script.cells), "make notebooks"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_tells_its_end_first_and_shows_pictures(name: str) -> None:
    text = (FOLDER / f"{name}.ipynb").read_text("utf-8")
    cells = json.loads(text)["cells"]
    assert len(text) < 500_000
    assert "At the end you will have" in sources(cells)[0]
    assert '"image/png"' in text or "<svg" in text or '"text/html"' in text
    assert all(cell["outputs"] for cell in cells if cell["cell_type"] == "code" and _shows(cell))
    assert re.findall(r"/(?:work|tmp|root|home|Users)/[^\s\"']*", text) == []


def _shows(cell: dict[str, Any]) -> bool:
    last = "".join(cell["source"]).splitlines()[-1]
    return bool(re.match(r"(print\(|[a-z_.]+$)", last)) and "import" not in last
