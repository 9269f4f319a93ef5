"""`modelward monitoring` on files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from modelward.core.command import main
from modelward.monitoring.command import app


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, shift in (("reference", 0.0), ("steady", 0.0), ("shifted", 1.0)):
        frame = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
        frame["a"] += shift
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def test_exit_code_tells(files: Path) -> None:
    runner = CliRunner()
    steady = runner.invoke(
        app, ["compare", str(files / "reference.csv"), str(files / "steady.csv")]
    )
    assert steady.exit_code == 0, steady.output
    page = files / "page.html"
    arguments = ["compare", str(files / "reference.csv"), str(files / "shifted.csv")]
    shifted = runner.invoke(app, [*arguments, "--html", str(page), "--json"])
    assert shifted.exit_code == 1
    assert json.loads(shifted.output)["shifted"] == ["a"]
    assert "a: higher" in page.read_text("utf-8")


def test_unusable_files(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", str(files / "absent.csv"), str(files / "steady.csv")]
    monkeypatch.setattr("sys.argv", ["modelward", "monitoring", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "expected a readable table" in capsys.readouterr().err


def test_unjudged_features(files: Path) -> None:
    frame = pd.read_csv(files / "steady.csv")
    frame.rename(columns={"b": "B"}).to_csv(files / "renamed.csv", index=False)
    frame.assign(id=range(len(frame))).to_csv(files / "wider.csv", index=False)
    codes = {
        name: CliRunner()
        .invoke(app, ["compare", str(files / "reference.csv"), str(files / f"{name}.csv")])
        .exit_code
        for name in ("renamed", "wider")
    }
    assert codes == {"renamed": 2, "wider": 0}, "a further column is named, and hinders nothing"


def test_methods_are_listed() -> None:
    output = CliRunner().invoke(app, ["methods"]).output
    assert {"ks", "wasserstein", "psi", "jensen_shannon", "chi_square"} <= set(output.split())
