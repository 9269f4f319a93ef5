"""Evidently's full report of one model: kept, shown on its page, logged to MLflow, and nowhere else."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from modelward.core.errors import DataError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.outputs.dashboard import Settings, create_app
from modelward.monitoring.outputs.evidently import FullReport, Reports
from modelward.monitoring.outputs.evidently_columns import Roles, usable
from modelward.monitoring.outputs.report_files import ReportFiles

DAY = Window.of("2026-03-01", hours=24)
NAME = '<script>alert("m")</script>/../fraud'
NO_ROLES = Roles(task="", target=None, prediction=None, probability=None, positive=1)


def rows(shift: float, *, n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=n)
    return pd.DataFrame(
        {
            "age": rng.normal(shift, 1, n),
            "plan": rng.choice(["a", "b"], n),
            "p": p,
            "said": (p > 0.5).astype(int),
            "y": (rng.uniform(size=n) < p).astype(int),
            "nothing": np.nan,
        }
    )


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[FullReport, Reports, Path, Any]]:
    """One report of a classifier, from samples that were kept, logged to a real MLflow store."""
    from modelward.monitoring.outputs.mlflow import asked

    folder = tmp_path_factory.mktemp("evidently")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with asked(uri) as client:
        experiment = client.create_experiment("all", (folder / "artifacts").as_uri())
        run = client.create_run(experiment).info.run_id
        with Fleet(f"sqlite:///{folder / 'fleet.db'}") as fleet:
            fleet.add(Model(NAME, task="classification", run_id=run))
            reports = Reports(folder / "reports", fleet=fleet, tracking_uri=uri)
            assert reports.keep(NAME, None, rows(0.0, n=900), n=400) == 400
            assert reports.keep(NAME, DAY, rows(1.0, seed=1)) == 300
            report = reports.report(
                NAME, DAY, target="y", prediction="said", probability="p", positive=1
            )
            yield report, reports, folder, (client, run)


@pytest.mark.slow
def test_the_report_says_what_evidently_says(made: tuple[FullReport, Reports, Path, Any]) -> None:
    report, _, _, _ = made
    figures = report.figures
    by_name = {str(m["metric_name"]): m["value"] for m in figures["metrics"]}
    drifted = next(v for name, v in by_name.items() if "DriftedColumnsCount" in name)
    assert report.drifted == drifted["share"] > 0
    accuracy = next(v for name, v in by_name.items() if name.startswith("Accuracy("))
    window = rows(1.0, seed=1)
    assert float(accuracy) == pytest.approx((window["said"] == window["y"]).mean())
    assert report.left_out == {"nothing": "no value in the window"}
    assert "<html" in report.html.read_text("utf-8")


@pytest.mark.slow
def test_the_report_is_logged_with_the_training_run(
    made: tuple[FullReport, Reports, Path, Any],
) -> None:
    report, _, _, (client, run) = made
    assert report.artifact is not None
    names = {Path(a.path).name for a in client.list_artifacts(run, report.artifact)}
    assert names == {"report.html", "report.json"}
    assert any("2026-03-01" in v for k, v in client.get_run(run).data.tags.items() if "evid" in k)


@pytest.mark.slow
def test_the_models_page_links_to_it_and_it_is_shut_off(
    made: tuple[FullReport, Reports, Path, Any],
) -> None:
    report, _, folder, _ = made
    settings = Settings(fleet=f"sqlite:///{folder / 'fleet.db'}", reports=folder / "reports")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        page = client.get("/model", params={"name": NAME}).text
        there = page.split('href="/report?')[1].split('"')[0].replace("&amp;", "&")
        answer = client.get(f"/report?{there}")
        assert answer.content == report.html.read_bytes()
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts;")
        assert "connect-src" not in policy
        assert "default-src 'none'" in policy
        assert client.get("/report", params={"model": "fraud", "id": "x"}).status_code == 404


@pytest.mark.slow
def test_the_kept_report_draws_itself_without_a_network(
    browser: Any, made: tuple[FullReport, Reports, Path, Any]
) -> None:
    report, _, _, _ = made
    tab = browser.new_page()
    asked: list[str] = []
    tab.on("request", lambda r: asked.append(r.url) if r.url.startswith("http") else None)
    tab.goto(report.html.as_uri())
    tab.wait_for_selector("text=Drift")
    assert asked == []
    tab.close()


@pytest.mark.slow
def test_its_evidence_holds_both_files(made: tuple[FullReport, Reports, Path, Any]) -> None:
    report, _, _, _ = made
    record = report.to_evidence()
    assert record.kind == "monitoring.report"
    assert {artifact.name for artifact in record.artifacts} == {"report.html", "report.json"}
    assert json.loads(json.dumps(report.to_dict()))["window"] == str(DAY)


@pytest.mark.slow
def test_samples_are_readable_by_their_owner_alone(
    made: tuple[FullReport, Reports, Path, Any],
) -> None:
    _, _, folder, _ = made
    samples = list((folder / "reports").rglob("*.parquet"))
    assert len(samples) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in samples} == {0o600}
    # No part of a name becomes part of a path.
    assert all(set(path.parent.name) <= set("0123456789abcdef") for path in samples)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_numbers_and_several_classes_are_reported_on_too(tmp_path: Path, task: Any) -> None:
    before, now = rows(0, n=120), rows(1, n=120, seed=1)
    for frame in (before, now):
        truth = (
            frame["age"] if task == "regression" else frame["age"].round().clip(-1, 1).astype(int)
        )
        frame["y"], frame["said"] = truth, truth.iloc[::-1].to_numpy()
    with Fleet("sqlite://") as fleet:
        fleet.add(Model("m", task=task))
        reports = Reports(tmp_path, fleet=fleet)
        report = reports.report(
            "m", DAY, current=now, reference=before, target="y", prediction="said"
        )
    by_name = {str(m["metric_name"]): m["value"] for m in report.figures["metrics"]}
    name = "MAE(" if task == "regression" else "Accuracy("
    found = next(v for n, v in by_name.items() if n.startswith(name))
    gap = np.abs(now["y"] - now["said"])
    wanted = gap.mean() if task == "regression" else (gap == 0).mean()
    value = found["mean"] if task == "regression" else found
    assert float(value) == pytest.approx(wanted)


def test_without_rows_it_says_what_to_hand_in(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sample was kept.*\n\nHint: .*reports.keep"):
        Reports(tmp_path).report("fraud", DAY)


@pytest.mark.parametrize(
    ("current", "reference", "roles", "fault"),
    [
        (rows(0)[:0], rows(0), NO_ROLES, "expected rows in the window, got none"),
        (rows(0), rows(0)[:0], NO_ROLES, "expected rows in the reference, got none"),
        (rows(0)[["nothing"]], rows(0)[["nothing"]], NO_ROLES, "a column that both sides have"),
        (rows(0)[["age"]], rows(0)[["plan"]], NO_ROLES, "a column that both sides have"),
        (pd.concat([rows(0), rows(0)], axis=1), rows(0), NO_ROLES, "more than once"),
        ("rows", rows(0), NO_ROLES, "got str"),
        (rows(0), rows(0), Roles("", "label", "said", None, 1), "a column 'label' in the window"),
        (rows(0), rows(0), Roles("", "nothing", "said", None, 1), "'nothing' with values"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    current: Any, reference: Any, roles: Roles, fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        usable(current, reference, roles)


def test_columns_that_cannot_be_used_are_named() -> None:
    before, now = rows(0), rows(0)
    before["age"] = np.inf
    now["plan"] = 1.0
    now["new"] = 1.0
    _, _, left_out = usable(now.drop(columns="p"), before, NO_ROLES)
    assert left_out == {
        "age": "no value in the reference",
        "plan": "categorical in the reference, numeric in the window",
        "p": "not in the window",
        "nothing": "no value in the window",
        "new": "not in the reference",
    }


def test_a_broken_or_half_written_report_is_passed_over(tmp_path: Path) -> None:
    files = ReportFiles(tmp_path)
    whole = files.keep("m", "monday", "2026-03-02", "<html></html>", "{}")
    for name, content in (("a", "{"), ("b", "[]"), ("c", '{"model": "other"}')):
        (files.home("m") / name).mkdir()
        (files.home("m") / name / "about.json").write_text(content, "utf-8")
    (files.home("m") / "d").mkdir()
    assert files.of("m") == [whole]
    again = files.keep("m", "monday", "2026-03-03", "<html></html>", "{}")
    assert files.of("m") == [again]
    assert files.of("other") == []


def test_a_broken_sample_is_said(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    reports.keep("m", DAY, rows(0))
    path = next(tmp_path.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="a broken one"):
        reports.report("m", DAY, reference=rows(0))
    for wrong in (rows(0)[:0], "rows"):
        with pytest.raises(DataError):
            reports.keep("m", DAY, wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="n >= 1"):
        reports.keep("m", DAY, rows(0), n=0)


def test_evidently_is_imported_only_when_a_report_is_made() -> None:
    code = """if True:
        import sys
        import modelward.monitoring as mon
        mon.Reports, mon.create_app, mon.Settings
        import modelward.monitoring.outputs.dashboard
        print([m for m in ("evidently", "mlflow", "torch", "matplotlib") if m in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_command_makes_a_report_from_files(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from modelward.monitoring.command import app

    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    paths = [tmp_path / "before.csv", tmp_path / "now.parquet"]
    rows(0.0, n=100).to_csv(paths[0], index=False)
    rows(1.0, n=100).to_parquet(paths[1])
    with Fleet(url) as fleet:
        fleet.add(Model("fraud"))
    folder = tmp_path / "reports"
    command = ["report", "fraud", *map(str, paths), "--start", "2026-03-01", "--fleet", url]
    done = CliRunner().invoke(app, [*command, "--folder", str(folder)])
    assert done.exit_code == 0, done.output
    (kept,) = ReportFiles(folder).of("fraud")
    assert str(kept.html) in done.output.replace("\n", "")
    assert kept.window == str(DAY)
