"""The examples of validation, run as a person runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, folder: Path, *arguments: str) -> dict[str, object]:
    command = [sys.executable, str(EXAMPLES / name), "--folder", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    assert figures["ok"] is True
    assert (folder / "validation.html").read_text("utf-8").startswith("<!doctype html>")
    return figures


@pytest.mark.slow
def test_the_black_box_is_found_out(tmp_path):
    figures = run("validate_black_box.py", tmp_path, "--budget", "80", "--audit", "20")
    assert figures["runs"] == 100
    assert figures["f1"] > 0.95
    assert 0.5 < figures["proven_certainty"] < 1


@pytest.mark.slow
def test_where_the_classifier_stops_being_right(tmp_path):
    arguments = ("--budget", "80", "--audit", "20", "--digits", "150")
    figures = run("validate_classifier.py", tmp_path, *arguments)
    assert figures["clean_accuracy"] > 0.95
    assert 0.4 < figures["failing_share"] < 0.95
    assert "fails" in figures["first_rule"]
    assert (tmp_path / "cases.png").stat().st_size > 10_000
