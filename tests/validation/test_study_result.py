import json
from pathlib import Path

import numpy as np
import pytest

from modelward.core.errors import DataError
from modelward.core.pages import axes
from modelward.core.testing import check_result
from modelward.validation import (
    FeatureContinuous,
    FeatureInteger,
    GaussianProcess,
    Output,
    Study,
)

FEATURES = [FeatureContinuous("gain", 0.2, 2.0), FeatureContinuous("noise", 0.01, 10, scale="log")]


def accuracy(gain, noise):
    return 0.97 - 0.5 * max(0.0, 0.7 - gain) - 0.01 * noise


def make(features=FEATURES, system=accuracy, audit=30, **settings):
    output = Output("accuracy", threshold=0.9, orientation="upper")
    models = [GaussianProcess()]
    study = Study(features, [output], name="camera", seed=2, models=models, **settings)
    study.run(system, budget=40, stop_early=False)
    if audit:
        study.certify(system, n=audit)
    return study


@pytest.fixture(scope="module")
def result():
    return make().result()


def test_the_contract_of_results_holds(result):
    check_result(result)


def test_it_says_where_it_fails_in_words(result):
    gains = [b for rule in result.rules for b in rule.bounds if b.feature == "gain" and b.high]
    assert any(0.45 <= bound.high <= 0.75 for bound in gains)
    assert "fails where " in repr(result)
    assert "not known: " in repr(result)


def test_rules_are_checked_on_runs_that_shaped_nothing(result):
    frozen = make()
    for rule in frozen.result().rules:
        inside = [run for run in frozen.told if rule.contains(run.values)]
        tests = [run for run in inside if run.frozen]
        assert rule.told == (len(inside), sum(run.failed(frozen.outputs) for run in inside))
        assert (rule.checked.n if rule.checked else 0) == len(tests)
    assert all(rule.checked is None for rule in make(audit=0, initial=35).result().rules)


def test_the_evidence_says_what_the_result_says(result):
    record = result.to_evidence()
    assert record.kind == "validation.job"
    assert record.seed == 2
    assert record.subject.name == "camera"
    assert record.metric("failure_share").value == result.failure_share.value
    proven = record.metric("proven_certainty")
    assert proven.value == result.certificate.certainty
    assert proven.passed == (proven.value >= 0.9)
    assert any(finding.startswith("fails where ") for finding in record.findings)
    assert any(finding.startswith("not known: ") for finding in record.findings)
    assert "self_assessed_certainty" in {metric.name for metric in record.metrics}


def test_self_assessment_is_never_the_proof():
    """A surrogate that is sure, and no audit: nothing is proven, and that is what it says."""
    result = make(audit=0, explore=0.5).result()
    unaudited = Study(
        FEATURES,
        [Output("accuracy", threshold=0.9, orientation="upper")],
        models=[GaussianProcess()],
        audit=0.0,
    )
    unaudited.run(accuracy, budget=30)
    alone = unaudited.result()
    assert alone.self_assessed > 0.9
    assert alone.certificate.certainty == 0.0
    assert (alone.failure_share.low, alone.failure_share.high) == (0.0, 1.0)
    assert any("nothing is proven" in line for line in alone.unknown)
    assert result.certificate.certainty > 0


def test_numbers_that_exclude_the_surrogate_are_said():
    """Narrow failures the surrogate misses: the audit contradicts it, and the result says so."""

    def stripes(gain, noise):
        return 0.5 if int(gain * 1e6) % 2 else 0.97

    study = make(system=stripes, audit=100)
    result = study.result()
    assert result.certificate.error.value > 0.2
    assert not result.failure_share.excludes(0.5)


def test_the_frame_and_the_json_hold_every_run(result):
    frame = result.to_frame()
    assert len(frame) == result.n == 70
    assert frame["failed"].sum() == result.failures
    content = json.loads(result.to_json())
    assert len(content["runs"]) == 70
    assert content["certificate"]["error"]["high"] == result.certificate.error.high


def test_the_map_is_the_surrogates_on_the_slice():
    features = [*FEATURES, FeatureContinuous("idle", 0, 1)]
    study = make(features, lambda gain, noise, idle: accuracy(gain, noise), audit=0)
    boundary = study.result(hold={"idle": 0.25}).boundary
    assert {boundary.x[0], boundary.y[0]} == {"gain", "noise"}
    assert boundary.held == {"idle": 0.25}
    i, j = 12, 30
    point = {boundary.x[0]: boundary.x[1][j], boundary.y[0]: boundary.y[1][i], "idle": 0.25}
    assert boundary.p_fail[i][j] == pytest.approx(study.predict([point])["p_fail"][0], abs=1e-3)
    with pytest.raises(DataError, match=r"got \['hue'\]"):
        study.result(hold={"hue": 1.0})


def test_the_plot_draws_on_the_axes_it_is_given(result):
    ax = axes()
    assert result.plot(ax) is ax
    assert {ax.get_xlabel(), ax.get_ylabel()} == {"gain", "noise"}
    drawn = sum(len(c.get_offsets()) for c in ax.collections if c.get_label().startswith("run "))
    assert drawn == result.n
    logs = {"gain": "linear", "noise": "log"}
    assert ax.get_xscale() == logs[ax.get_xlabel()]
    assert ax.get_yscale() == logs[ax.get_ylabel()]


@pytest.mark.parametrize(
    ("features", "system"),
    [
        ([FeatureContinuous("gain", 0.2, 2.0)], lambda gain: gain),
        ([FeatureContinuous("gain", 0.2, 2.0)], lambda gain: 0.1),
        ([FeatureContinuous("gain", 0.2, 2.0)], lambda gain: 0.95),
        ([FeatureInteger("k", 0, 300), FeatureInteger("m", 0, 2)], lambda k, m: k / 100 - m / 10),
        (FEATURES, lambda gain, noise: np.float32(0.1)),
    ],
)
def test_pages_of_every_kind_of_study_render(features, system):
    result = make(features, system, audit=3).result()
    html = result.to_page().render()
    assert html.count("<svg") == 1
    assert "What is not known" in html
    assert repr(result)


def test_names_of_the_user_are_escaped():
    study = Study(
        [FeatureContinuous("<b>x", 0, 1)],
        [Output("<i>y", threshold=0.5)],
        name="<script>",
        models=[GaussianProcess()],
    )
    study.run(lambda **values: values["<b>x"], budget=12)
    html = study.result().to_page().render()
    assert "<b>x" not in html
    assert "<i>y" not in html
    assert "<script>" not in html


def test_a_result_is_logged_with_the_mlflow_run_it_belongs_to(result, tmp_path):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    from modelward.core.evidence import Evidence

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(tracking_uri=uri)
    made = client.create_experiment("camera", artifact_location=(tmp_path / "kept").as_uri())
    run = client.create_run(made).info.run_id
    result.log_to_mlflow(run, tracking_uri=uri)
    logged = client.get_run(run).data
    record = result.to_evidence()
    assert {f"validation.job/{m.name}" for m in record.metrics if not m.slice} <= set(
        logged.metrics
    )
    (kept,) = client.list_artifacts(run, "evidence")
    found = Evidence.load(client.download_artifacts(run, kept.path, str(tmp_path)))
    assert found.digest == logged.tags["modelward.evidence.validation.job"]
    assert found.metrics == record.metrics
    page = client.download_artifacts(run, "validation/validation.html", str(tmp_path))
    assert "camera" in Path(page).read_text("utf-8")
