"""The guide on running a pipeline: its files fit together, and its commands are there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from typer.testing import CliRunner

from modelward.adaptive_pipeline import AdaptivePipeline, Joiner, Label
from modelward.adaptive_pipeline.command import app

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "run-a-pipeline.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_files_of_the_guide_make_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (settings,), (training, register) = blocks("yaml"), blocks("python")
    Path("pipeline.yaml").write_text(settings, "utf-8")
    Path("training.py").write_text(training, "utf-8")
    X = pd.DataFrame({"speed": np.arange(40.0), "vessel": [0, 1] * 20})
    names = {"model": Ridge().fit(X, X["speed"] ** 2), "X": X}
    exec(compile(register, "run-a-pipeline.md", "exec"), names)
    monkeypatch.delitem(sys.modules, "training", raising=False)
    loop = AdaptivePipeline("pipeline.yaml")
    loop.predict({"speed": 3.0, "vessel": 1}, "r1")
    loop.labels([Label("r1", 9.0)])
    loop.close()
    assert Joiner(loop.store).counts().joined == 1
    assert {"pipeline.db", "mlflow.db", "mlartifacts"} <= {p.name for p in tmp_path.iterdir()}
    monkeypatch.delitem(sys.modules, "training", raising=False)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    for words in (["status"], ["ledger", "show"], ["ledger", "verify"], ["replay"]):
        assert CliRunner().invoke(app, [*words, "pipeline.yaml"]).exit_code == 0


def test_the_commands_of_the_guide_are_there() -> None:
    lines = re.findall(
        r"modelward pipeline ([a-z -]+?) (?:pipeline|monitoring)", GUIDE.replace("\n", " ")
    )
    assert len(lines) >= 13
    for line in lines:
        shown = CliRunner().invoke(app, [*line.split(), "--help"])
        assert shown.exit_code == 0, line
    options = set(re.findall(r"(--[a-z]+)", GUIDE))
    assert options == {"--watch", "--reason", "--head", "--json"}
