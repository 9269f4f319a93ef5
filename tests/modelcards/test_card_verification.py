"""Verifying: a number that no longer stands is never passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.errors import ServiceError
from modelward.core.evidence import Artifact, Evidence, Metric, Subject
from modelward.core.metrics import Estimate
from modelward.core.testing import check_result
from modelward.modelcards import ModelCard, agrees, parse, read, verify
from modelward.modelcards.creation.printing import printed


def evidence(folder: Path, **changes: Any) -> Evidence:
    plot = folder / "plot.png"
    plot.write_bytes(b"\x89PNG")
    fields: dict[str, Any] = {
        "kind": "adversarial.assessment",
        "subject": Subject(name="detector"),
        "tool": "modelward-modelcards",
        "metrics": [
            Metric.of("AP", Estimate(0.703306, 0.6694, 0.7243, 0.95, 48)),
            Metric.of("AP", 0.011019, slice="PGD 8/255"),
            Metric.of("images", 48),
        ],
        "findings": ["PGD leaves 2 % of the average precision"],
        "artifacts": [Artifact.of(plot, root=folder)],
    }
    record = Evidence.create(**(fields | changes))
    record.save(folder / "evidence.json")
    return record


def card(folder: Path, **changes: Any) -> Path:
    record = evidence(folder, **changes)
    made = ModelCard.model_validate({"model_details": {"name": "m", "description": "d"}})
    return made.attach(record, record="evidence.json").save(folder / "card.yaml")


def test_attached_evidence_verifies(tmp_path: Path) -> None:
    result = verify(read(card(tmp_path)))
    assert result
    assert (result.count("verified"), result.failures) == (7, ())


def test_one_number_edited_by_hand_is_named(tmp_path: Path) -> None:
    path = card(tmp_path)
    text = path.read_text("utf-8")
    edited = text.replace("value: 0.7033", "value: 0.8033")
    path.write_text(edited, "utf-8")
    (failure,) = verify(read(path)).failures
    assert failure.status == "mismatch"
    assert failure.line == 1 + edited[: edited.index("0.8033")].count("\n")
    assert failure.place == "robustness.metrics[0].value"
    assert "the card says 0.8033, the evidence 0.703306" in str(failure)


def every_number(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(content, dict):
        return [p for k, v in content.items() for p in every_number(v, (*place, k))]
    if isinstance(content, list):
        return [p for i, v in enumerate(content) for p in every_number(v, (*place, i))]
    return [place] if isinstance(content, int | float) else []


def test_any_edited_claim_is_found(tmp_path: Path) -> None:
    path = card(tmp_path)
    document = read(path)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    places = every_number(document.content)
    assert len(places) == 6
    for place in places:
        number, old = document.line(place) - 1, document.text(place)
        new = old[:-1] + ("1" if old[-1] != "1" else "7")
        changed = [*lines[:number], lines[number].replace(old, new), *lines[number + 1 :]]
        path.write_text("".join(changed), "utf-8")
        (failure,) = verify(read(path)).failures
        assert (failure.status, failure.line, failure.text) == ("mismatch", number + 1, new)


def test_evidence_edited_missing_or_made_anew(tmp_path: Path) -> None:
    path = card(tmp_path)
    record = tmp_path / "evidence.json"
    content = json.loads(record.read_text("utf-8"))

    content["metrics"][0]["value"] = 0.9
    record.write_text(json.dumps(content))
    assert {f.status for f in verify(read(path)).failures} == {"mismatch"}
    assert "changed after it was sealed" in verify(read(path)).failures[0].detail

    evidence(tmp_path)  # the same numbers, measured again: another record
    assert {f.status for f in verify(read(path)).failures} == {"stale"}

    record.unlink()
    assert {f.status for f in verify(read(path)).failures} == {"unreachable"}


def test_a_file_of_the_evidence_that_changed_makes_it_stale(tmp_path: Path) -> None:
    path = card(tmp_path)
    (tmp_path / "plot.png").write_bytes(b"\x89PNG!")
    (failure,) = verify(read(path)).failures
    assert (failure.status, failure.metric) == ("stale", "evidence evidence.json")
    assert "plot.png mismatch" in failure.detail


def test_claims_without_evidence_are_unbacked(tmp_path: Path) -> None:
    record = evidence(tmp_path)
    source = f"{{record: evidence.json, digest: '{record.digest}', metric: recall}}"
    text = (
        "quantitative_analysis:\n  performance_metrics:\n"
        f"  - {{type: recall, value: 0.5, source: {source}}}\n"
        "  - {type: f1, value: 0.5}\n"
    )
    result = verify(parse(text, tmp_path / "card.yaml"))
    unbacked = [f for f in result.failures if f.status == "unbacked"]
    assert len(unbacked) == 2
    assert "no metric 'recall'" in unbacked[0].detail


def test_what_a_cited_record_found_counts_though_the_card_does_not_list_it(
    tmp_path: Path,
) -> None:
    """Else a card could drop the list of its evidence, and with it the number that does not flatter."""
    record = evidence(tmp_path)
    source = f"{{record: evidence.json, digest: '{record.digest}', metric: images}}"
    number = f"performance_metrics: [{{type: images, value: 48, source: {source}}}]"
    result = verify(parse(f"quantitative_analysis: {{{number}}}\n", tmp_path / "card.yaml"))
    assert [f.status for f in result.failures] == ["mismatch", "mismatch"]
    assert "the card leaves out AP" in result.failures[0].detail


def test_records_outside_the_folder_are_not_opened(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    record = evidence(tmp_path)
    text = f"evidence:\n- {{record: ../evidence.json, digest: '{record.digest}', kind: a.b}}\n"
    (failure,) = verify(parse(text, inner / "card.yaml")).failures
    assert failure.status == "unreachable"
    assert "outside the card's folder" in failure.detail


@pytest.mark.parametrize("text", ["evidence: 3", "evidence: [3]", "quantitative_analysis: []",
                                  "quantitative_analysis: {performance_metrics: [x, {source: 1}]}"])  # fmt: skip
def test_malformed_cards_do_not_verify_by_accident(text: str) -> None:
    result = verify(parse(text))
    assert all(c.status != "verified" for c in result.claims)


EDITS = {
    "level": ("level: 0.95", "level: 0.99", "the card says 0.99, the evidence 0.95"),
    "no level": ("      level: 0.9\n", "", "it reads as 95%, the evidence has 0.9"),
    "unit": ("unit: mAP", "unit: percent", "the card says percent, the evidence mAP"),
    "part": ("slice: PGD 8/255\n    source", "slice: clean\n    source", "says clean, the evidence PGD"),
    "no part": ("    slice: PGD 8/255\n    source", "    source", "says none, the evidence PGD"),
    "finding": ("leaves 2 %", "leaves 99 %", "the record does not say: PGD leaves 99 %"),
    "no finding": ("  findings:\n  - PGD leaves 2 % of the average precision\n", "  findings: []\n", "the card leaves out: PGD leaves 2 %"),
    "kind": ("kind: adversarial.assessment", "kind: validation.job", "the card says kind validation.job"),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_word_about_a_number_is_found(tmp_path: Path, name: str) -> None:
    old, new, detail = EDITS[name]
    level = 0.9 if name == "no level" else 0.95
    metrics = [
        Metric.of("AP", Estimate(0.703306, 0.6694, 0.7243, level, 48), unit="mAP"),
        Metric.of("AP", 0.011019, slice="PGD 8/255"),
    ]
    path = card(tmp_path, metrics=metrics)
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    assert verify(read(path))
    path.write_text(text.replace(old, new), "utf-8")
    (failure,) = verify(read(path)).failures
    assert failure.status == "mismatch"
    assert detail in failure.detail


def test_files_of_a_record_the_card_does_not_list_are_looked_at(tmp_path: Path) -> None:
    path = card(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("evidence:\n")], "utf-8")
    assert verify(read(path))
    (tmp_path / "plot.png").write_bytes(b"\x89PNG!")
    (failure,) = verify(read(path)).failures
    assert (failure.status, failure.metric) == ("stale", "evidence evidence.json")


@pytest.mark.parametrize("name", ['"a\\0b"', "a" * 5000, "[1]", '""', "."])
def test_records_that_cannot_be_files_are_unreachable(tmp_path: Path, name: str) -> None:
    path = card(tmp_path)
    text = path.read_text("utf-8").replace("record: evidence.json", f"record: {name}")
    statuses = {f.status for f in verify(parse(text, path)).claims}
    assert statuses <= {"unreachable", "unbacked"}


def test_a_number_that_is_missing_is_not_verified(tmp_path: Path) -> None:
    path = card(tmp_path)
    text = path.read_text("utf-8").replace("    value: 0.7033\n", "")
    (failure,) = verify(parse(text, path)).failures
    assert (failure.status, failure.detail) == ("unbacked", "no number is given for AP")


def test_a_claim_stays_on_its_line(tmp_path: Path) -> None:
    text = (
        "model_details: {name: 'm\n\n  ::error::x'}\n"
        'quantitative_analysis: {performance_metrics: [{type: "a\\n::error::b\\e[2J", value: 1}]}'
    )
    result = verify(parse(text, tmp_path / "c.yaml"))
    assert len(str(result.claims[0]).splitlines()) == 1
    assert len(repr(result).splitlines()) == 2
    assert "\x1b" not in repr(result)


def test_the_result_keeps_the_contract_of_results(tmp_path: Path) -> None:
    path = card(tmp_path)
    path.write_text(path.read_text("utf-8").replace("value: 0.7033", "value: 0.8"), "utf-8")
    result = verify(read(path))
    check_result(result)
    assert "m: 6 verified, 1 mismatch of 7 claims" in repr(result)
    frame = result.to_frame()
    assert frame["status"].value_counts().to_dict() == {"verified": 6, "mismatch": 1}
    record = result.to_evidence()
    assert record.metric("mismatch").value == 1
    assert "the card says 0.8, the evidence 0.703306" in record.findings[0]
    assert "What does not stand" in result._repr_html_()


@given(
    st.floats(-1e9, 1e9, allow_nan=False).filter(lambda v: v == 0 or abs(v) > 1e-9),
    st.integers(2, 12),
)
def test_a_number_rounded_to_two_digits_or_more_agrees(value: float, digits: int) -> None:
    assert agrees(f"{value:.{digits - 1}e}", value)


@given(st.floats(1e-9, 1e9), st.floats(0.051, 10), st.integers(0, 12))
def test_no_number_far_off_agrees(value: float, off: float, digits: int) -> None:
    shown = f"{value * (1 + off):.{digits}e}"
    if abs(float(shown) - value) > 0.05 * value:
        assert not agrees(shown, value)


@given(st.floats(allow_subnormal=False))
def test_what_we_print_agrees_with_what_was_measured(value: float) -> None:
    assert agrees(str(printed(value)), value)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("0.79", 0.7925, True),
        ("0.80", 0.7925, False),
        ("0.10", 0.7925310321688754, False),
        ("0.7925", 0.7925310321688754, True),
        ("0.793", 0.7925310321688754, True),
        ("79", 79.4, True),
        ("7.9e-1", 0.7925, True),
        ("1e-3", 0.00104, True),
        ("1e-3", 0.0014, False),
        ("0.8", 0.7925, True),
        ("1", 0.7925, False),
        ("0", 0.01102, False),
        ("0", 0.0, True),
        ("48", 48.0, True),
        ("1_000", 1000.0, True),
        ("1e99999999", 0.7925, False),
        ("1e-3", 0.0016, False),
        ("-0.5", 0.5, False),
        ("", 0.0, False),
        ("n/a", 0.0, False),
        ("inf", float("inf"), True),
        ("inf", float("-inf"), False),
        (".nan", float("nan"), True),
        ("0.5", float("nan"), False),
        ("nan", 0.0, False),
    ],
)
def test_agreement_is_to_the_digits_printed(text: str, value: float, expected: bool) -> None:
    assert agrees(text, value) is expected


@pytest.fixture
def mlflow_run(tmp_path: Path, shared: Path) -> tuple[str, str]:
    """The run of the recorded MLflow answer, in a real store."""
    from mlflow.tracking import MlflowClient

    answer = json.loads((shared / "cards/modelcard-action/mlflow_run.json").read_text("utf-8"))
    data = answer["response"]["run"]["data"]
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "a").as_uri())
    run = client.create_run(experiment).info.run_id
    for metric in data["metrics"]:
        client.log_metric(run, metric["key"], metric["value"])
    for parameter in data["params"]:
        client.log_param(run, parameter["key"], parameter["value"])
    client.set_terminated(run)
    return run, uri


def test_a_stale_metric_of_a_run_does_not_pass(tmp_path: Path, mlflow_run: tuple[str, str]) -> None:
    # The action this is compatible with exits 0 here: rmse 0.10 in the card, 0.7925 in the run.
    run, uri = mlflow_run
    text = (
        f"model_details:\n  run: {{type: mflow, id: {run}}}\n"
        "quantitative_analysis:\n  performance_metrics:\n"
        '  - {type: rmse, value: "0.10"}\n  - {type: mae, value: 0.618}\n  - {type: f1, value: 1}\n'
    )
    result = verify(parse(text, tmp_path / "card.yaml"), tracking_uri=uri)
    assert [c.status for c in result.claims] == ["mismatch", "verified", "unbacked"]
    assert f"{tmp_path}/card.yaml:5" in str(result.claims[0])
    assert "the card says 0.10, the evidence 0.792531" in str(result.claims[0])


def test_card_of_a_run(tmp_path: Path, mlflow_run: tuple[str, str]) -> None:
    run, uri = mlflow_run
    path = ModelCard.from_mlflow(run, tracking_uri=uri).save(tmp_path / "card.yaml")
    document = read(path)
    assert document.content["model_parameters"]["parameters"] == {
        "alpha": "0.44",
        "l1_ratio": "0.1",
    }
    result = verify(document, tracking_uri=uri)
    assert result
    assert [claim.metric for claim in result.claims] == [f"run {run}", "mae", "r2", "rmse"]


def test_numbers_of_logged_evidence_come_with_their_records(
    tmp_path: Path, mlflow_run: tuple[str, str]
) -> None:
    run, uri = mlflow_run
    record = evidence(tmp_path)
    record.log_to_mlflow(run, tracking_uri=uri)
    made = ModelCard.from_mlflow(run, tracking_uri=uri)
    types = [m.type for m in made.quantitative_analysis.performance_metrics]
    assert types == ["mae", "r2", "rmse"]
    attached = made.attach(record, record="evidence.json").save(tmp_path / "card.yaml")
    assert verify(read(attached), tracking_uri=uri)


def test_an_unreachable_run_is_not_verified(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(ServiceError, match=r"expected an MLflow store in .*no such file"):
        ModelCard.from_mlflow("0" * 32, tracking_uri=uri)
    assert not (tmp_path / "mlflow.db").exists()
    text = (
        f"model_details: {{run: {{type: mlflow, id: '{'0' * 32}'}}}}\n"
        "quantitative_analysis: {performance_metrics: [{type: a, value: 1}, {type: b, value: 2}]}\n"
    )
    result = verify(parse(text, tmp_path / "c.yaml"), tracking_uri=uri)
    assert [c.status for c in result.claims] == ["unreachable", "unreachable"]


def test_attaching_again_replaces(tmp_path: Path) -> None:
    first = ModelCard.model_validate({}).attach(evidence(tmp_path), record="evidence.json")
    second = first.attach(
        evidence(tmp_path, metrics=[Metric.of("AP", 0.5)]), record="evidence.json"
    )
    assert len(second.evidence) == 1
    assert second.robustness is not None
    assert [m.value for m in second.robustness.metrics] == [0.5]
