"""The scripts of "Compose the libraries in a script of your own", run as they stand."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "compose.md"
SCRIPTS = dict(
    re.findall(
        r"^## (.+?):.*?```python\n(.*?)```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)
LIBRARIES = ("adaptive_pipeline", "adversarial", "modelcards", "monitoring", "validation")
LEFT_OUT = {
    ("adaptive_pipeline", "adversarial"),  # a pipeline serves no detectors
    ("adaptive_pipeline", "modelcards"),  # the next two meet in the main job
    ("adaptive_pipeline", "validation"),
    ("adversarial", "validation"),
}
NAMES = {"Pipeline": "adaptive_pipeline", "model cards": "modelcards"}


def joined(title: str) -> tuple[str, ...]:
    return tuple(sorted(NAMES.get(part, part.lower()) for part in title.split(" and ")))


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store of MLflow, made once: making its tables takes seconds."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


def run(
    title: str, folder: Path, tracking: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    shutil.copy(tracking, folder / "mlflow.db")
    names: dict[str, Any] = {}
    exec(compile(SCRIPTS[title], f"compose.md: {title}", "exec"), names)
    return names


def test_every_pair_that_makes_sense_has_a_short_script() -> None:
    pairs = set(itertools.combinations(LIBRARIES, 2)) - LEFT_OUT
    assert {joined(title) for title in SCRIPTS} == pairs
    for title, script in SCRIPTS.items():
        lines = [line for line in script.splitlines() if line.strip()]
        assert len(lines) < 30, title
        for library in joined(title):
            used = f"modelward.{library}" in script or (library, "Drift(") == (
                "monitoring",
                "Drift(",
            )
            assert used, (title, library)


@pytest.mark.parametrize("title", [t for t in SCRIPTS if "model cards" in t and "Adv" not in t])
def test_what_was_found_is_in_the_card_and_verified(
    title: str, tmp_path: Path, tracking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run(title, tmp_path, tracking, monkeypatch)
    assert names["verified"]
    record = names["record"]
    assert record.kind in (tmp_path / "modelcard.yaml").read_text("utf-8")


def test_the_model_fails_within_the_shift_that_was_seen(
    tmp_path: Path, tracking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run("Monitoring and validation", tmp_path, tracking, monkeypatch)
    assert names["moved"] == ("flavanoids",)
    assert names["study"].result().failures > 0


def test_moved_inputs_are_told_before_any_retraining(
    tmp_path: Path, tracking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run("Pipeline and monitoring", tmp_path, tracking, monkeypatch)
    assert "load" in names["signals"][0].body["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("title", [t for t in SCRIPTS if t.startswith("Adversarial")])
def test_attacks_are_carded_and_watched(
    title: str, tmp_path: Path, tracking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWARD_CACHE", str(tracking.parent))  # trained once for both
    names = run(title, tmp_path, tracking, monkeypatch)
    if title == "Adversarial and model cards":
        assert names["verified"]
    else:
        assert "surest" in names["drift"].shifted
