"""The code of the tutorials, run as it is printed; only the numbers of runs are smaller."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.validation.server.serving import Processes, answers, free_port, wait_for


def blocks(path: Path) -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    return found


def run(folder: Path, code: str) -> None:
    (folder / "tutorial.py").write_text(code, "utf-8")
    command = [sys.executable, "tutorial.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def smaller(code: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in code, f"the tutorial has no {old} any more"
        code = code.replace(old, new)
    return code


@pytest.mark.slow
def test_the_black_box_is_validated_as_the_tutorial_says(root: Path, tmp_path: Path) -> None:
    code = "\n".join(blocks(root / "docs/tutorials/validate-a-black-box.md"))
    code = smaller(
        code, ("budget=300", "budget=24"), ("n=100", "n=12"), ("Executor(8)", "Executor(1)")
    )
    told = f"assert study.n_told == {8 + 24 + 10 + 12}\nassert result.n == study.n_told\n"
    kept = 'assert val.Study.load(study.save("study.json")).n_told == study.n_told\n'
    page = 'assert result.to_page().save("validation.html").is_file()\n'
    run(tmp_path, code + told + kept + page)


@pytest.mark.slow
def test_a_team_validates_as_the_tutorial_says(
    root: Path, tmp_path: Path, processes: Processes
) -> None:
    code = "\n".join(blocks(root / "docs/tutorials/validation-server.md"))
    address, port = "http://127.0.0.1:8080", free_port()
    code = smaller(
        code,
        (address, address.replace("8080", str(port))),
        ("number=40", "number=14"),
        ("(20)", "(6)"),
    )
    processes.start(
        "serve", "--port", str(port), "--workers", "1", database=f"sqlite:///{tmp_path / 'v.db'}"
    )
    wait_for(lambda: answers(address.replace("8080", str(port))), saying=processes.logs())
    taken = """
import time
until = time.monotonic() + 60
while len(results) < 14 + 6 + 6 and time.monotonic() < until:
    results = job.results_frame()
assert len(results) == 14 + 6 + 6, len(results)
"""
    run(tmp_path, code + taken)
