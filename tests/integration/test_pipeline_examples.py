"""The pipeline's examples, run as a person runs them: the last line says that all went well."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest


def load(root: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, root / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


@pytest.mark.slow
def test_the_sine_recovers_each_time_and_promotes_nothing_else(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = load(root, "sine_experiment").main(tmp_path)
    assert last_line(capsys) == figures
    assert figures["ok"], figures
    assert all(labels <= 300 for labels in figures["labels_to_promotion"])
    assert figures["promoted_without_reason"] == 0
    for name in ("index.html", "sine.png", "sine.gif", "evidence.json", "pipeline.db"):
        assert (tmp_path / name).stat().st_size > 1_000


@pytest.mark.slow
def test_the_price_of_oil_is_followed(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = load(root, "streaming_real_data").main(tmp_path, days=3_300)
    assert last_line(capsys) == figures
    # The short form ends before the price leaves the range the first model knows: it shows that the
    # loop keeps up, the whole (8 % against 40 %) that it wins.
    assert figures["error_adaptive"] < 1.1 * figures["error_never"]
    assert figures["promotions"] >= 1
    assert (tmp_path / "brent.png").exists()
