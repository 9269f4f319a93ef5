import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import modelward.adversarial as adv
from modelward.adversarial.command import app
from modelward.core.errors import DataError


def test_models_and_attacks_are_listed(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELWARD_CACHE", str(tmp_path))
    answer = CliRunner().invoke(app, ["models"])
    assert answer.exit_code == 0
    assert "ssdlite" in answer.output
    assert "saved_model: zoo" in answer.output
    assert "(0 trained)" in answer.output
    answer = CliRunner().invoke(app, ["attacks"])
    assert answer.exit_code == 0
    for name in adv.ATTACKS:
        assert f"\n{name} " in "\n" + answer.output
    assert "PGD(eps=0.03" in answer.output


def test_the_demo_writes_report_and_record(monkeypatch, tmp_path, detector):
    monkeypatch.setattr(adv, "small_detector", lambda: detector, raising=False)
    folder = tmp_path / "out"
    answer = CliRunner().invoke(app, ["demo", "--folder", str(folder), "--eps", "4", "--n", "6"])
    assert answer.exit_code == 0, answer.output
    assert "PGD Untargeted 4/255" in answer.output
    record = json.loads((folder / "assessment.evidence.json").read_text())
    assert record["inputs"][0]["rows"] == 6
    page = folder / "assessment.html"
    assert page.stat().st_size > 10_000
    page.unlink()
    answer = CliRunner().invoke(app, ["report", str(folder)])
    assert answer.exit_code == 0, answer.output
    assert "PGD Untargeted 4/255" in answer.output
    assert page.stat().st_size > 10_000
    with pytest.raises(DataError, match="expected an assessment in"):
        CliRunner().invoke(app, ["report", "/nowhere"], catch_exceptions=False)


def test_a_bad_eps_is_an_error_line_and_exit_code_1():
    answer = CliRunner().invoke(app, ["demo", "--eps", "0"])
    assert answer.exit_code == 1
    assert "Error: expected 0 < eps <= 1, got 0" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.parametrize("module", ["modelward.adversarial", "modelward.adversarial.command"])
def test_importing_loads_nothing_heavy(module):
    code = (
        f"import sys, {module}; "
        "print([m for m in ('torch', 'torchvision', 'pandas', 'matplotlib', 'mlflow', "
        "'sklearn', 'faster_coco_eval', 'numpy', 'PIL') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "[]"


def test_every_public_name_resolves():
    for name in adv.__all__:
        assert getattr(adv, name) is not None
    for package in ("data", "detectors", "zoo"):
        module = __import__(f"modelward.adversarial.{package}", fromlist=["x"])
        assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Carlini'"):
        adv.Carlini  # noqa: B018
