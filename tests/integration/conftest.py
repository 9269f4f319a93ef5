"""Running a notebook in a process of its own, in short form."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def notebook(root: Path) -> Callable[[str, Path], dict[str, Any]]:
    """Give a function that runs a notebook in a folder and gives what came out."""

    def run(name: str, folder: Path) -> dict[str, Any]:
        command = [
            sys.executable,
            str(root / ".ci" / "notebooks.py"),
            name,
            "--short",
            "--out",
            folder,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stderr[-4_000:]
        content: dict[str, Any] = json.loads((folder / f"{name}.ipynb").read_text("utf-8"))
        return content

    return run
