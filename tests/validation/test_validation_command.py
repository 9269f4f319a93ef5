import json
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from modelward.core.evidence import Evidence
from modelward.validation.command import app

run = CliRunner().invoke


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    done = run(app, ["demo", "--folder", str(folder), "--runs", "30", "--audit", "20"])
    assert done.exit_code == 0, done.output
    return folder


def test_the_demo_leaves_a_study_a_page_and_a_record_that_verifies(folder):
    record = Evidence.load(folder / "validation.evidence.json")
    assert record.metric("runs").value == 50
    assert record.verify(folder)
    assert json.loads((folder / "study.json").read_text())["name"] == "four-branch"


def test_a_saved_study_is_reported_and_exported(folder, tmp_path):
    done = run(app, ["report", str(folder / "study.json"), "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "Validation of four-branch: 50 runs" in done.output
    assert (tmp_path / "validation.html").read_text().startswith("<!doctype html>")
    done = run(app, ["export", str(folder / "study.json"), str(tmp_path / "runs.csv")])
    assert done.exit_code == 0, done.output
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 50


@pytest.mark.parametrize("command", ["report", "export"])
def test_a_file_that_is_no_study_ends_with_a_clear_error(command, tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    arguments = ["validation", command, str(path)]
    arguments += [str(tmp_path / "t.csv")] if command == "export" else []
    code = "from modelward.core.command import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected a saved study (format ")
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_importing_the_package_brings_in_nothing_heavy():
    code = (
        "import sys, modelward.validation, modelward.validation.command;"
        "heavy = {'torch', 'mlflow', 'sklearn', 'scipy', 'pandas', 'matplotlib', 'evidently'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_exported_name_is_there():
    import modelward.validation as val

    assert len(set(val.__all__)) == len(val.__all__) > 20
    assert all(getattr(val, name).__doc__ for name in val.__all__)
