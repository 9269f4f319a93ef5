"""The guide on sizing a policy: its code runs, and does what the guide says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "size-your-policy.md"


@pytest.mark.slow
def test_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    for number, block in enumerate(blocks):
        exec(compile(block, f"size-your-policy.md, block {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "1 promotions (0 while nothing had changed)" in printed
    compared = names["compared"]
    assert compared["quick"].head == compared["as it happened"].head
    assert compared["as it happened"].extra < compared["slow"].extra < compared["never"].extra
