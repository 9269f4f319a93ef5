"""The oldest versions we promise are those CI installs once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_constraints_are_the_lower_bounds() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / ".ci" / "oldest.py"], capture_output=True, text=True, check=True
    )
    kept = (ROOT / ".ci" / "oldest.txt").read_text("utf-8")
    assert made.stdout == kept, "python .ci/oldest.py > .ci/oldest.txt"
    assert "pydantic==" in kept
    assert "modelward" not in kept
