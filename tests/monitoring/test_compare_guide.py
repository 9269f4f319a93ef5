"""The guide on comparing data runs as it stands, and names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modelward.monitoring as mon

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "compare-data.md"


def test_the_python_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, GUIDE.name, "exec"), names)
    told = capsys.readouterr().out
    assert "age: higher: mean" in told
    assert "benjamini_hochberg q <= 0.05 over 2 features and change >= 0.1" in told
    assert "mean + 3 sd of 20 chunks of the reference" in told
    assert "100.0% outside" in told
    assert "estimated accuracy" in told


def test_the_guide_names_every_method() -> None:
    text = GUIDE.read_text("utf-8")
    for name in mon.METHODS:
        assert f"`{name}`" in text or name == "jensen_shannon_nats"
