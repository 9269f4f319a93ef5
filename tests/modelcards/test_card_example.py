"""The example, run as a person runs it: green, red with the file that changed, green again."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_example_of_continuous_integration(root: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "model_card_ci", root / "examples/model_card_ci.py"
    )
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    figures = example.main(tmp_path / "card")
    assert figures["ok"] is True
    assert figures["exit_codes"] == {
        "action": 0,
        "action_changed": 1,
        "validate": 0,
        "verify_again": 0,
    }
    assert figures["claims"] > 20
    assert figures["changes"] > 5
    summary = (tmp_path / "card" / "runner" / "summary.md").read_text("utf-8")
    assert summary.index("✅ nothing fails") < summary.index("claim-stale")
    pages = {
        name: (tmp_path / "card" / f"{name}.html").read_text("utf-8")
        for name in ("engineer", "risk", "public")
    }
    assert all(
        "Every number was checked against its evidence, and stands." in p for p in pages.values()
    )
    assert len(pages["public"]) < len(pages["engineer"])
    assert "**Model card**" in (tmp_path / "card" / "diff.md").read_text("utf-8")
