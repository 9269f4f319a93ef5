"""What stands where claims should, in the wrong shape, is told and never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelward.core.evidence import Artifact, Evidence, Metric, Subject
from modelward.core.metrics import Estimate
from modelward.modelcards import card_page, parse, verify
from modelward.modelcards.verification.claims import CardVerification

ESTIMATE = Estimate(0.703306, 0.6694, 0.7243, 0.95, 48)


@pytest.fixture
def record(tmp_path: Path) -> Evidence:
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"\x89PNG")
    made = Evidence.create(
        kind="adversarial.assessment",
        subject=Subject(name="detector"),
        tool="modelward-modelcards",
        metrics=[
            Metric.of("AP", ESTIMATE, unit="mAP"),
            Metric.of("AP", 0.0625, slice="0.50"),
        ],
        artifacts=[Artifact.of(plot, root=tmp_path)],
    )
    made.save(tmp_path / "e.json")
    return made


def check(folder: Path, record: Evidence, text: str) -> CardVerification:
    """Verify a card that lists the record, with `text` after; `SOURCE` stands for its AP."""
    source = f"{{record: e.json, digest: '{record.digest}', metric: AP}}"
    omits = "omits: [{metric: AP, reason: r}, {metric: AP, slice: '0.50', reason: r}]"
    listed = f"evidence: [{{record: e.json, digest: '{record.digest}', {omits}}}]\n"
    return verify(parse(listed + text.replace("SOURCE", source), folder / "card.yaml"))


METRIC = (
    "quantitative_analysis: {performance_metrics: [{type: AP, value: 0.7033, %s source: SOURCE}]}"
)
SHAPES = {
    "a mapping of metrics": ("quantitative_analysis: {performance_metrics: {type: AP, value: 1}}", "expected a list, got a mapping"),
    "metrics one level up": ("quantitative_analysis: [{type: AP, value: 1}]", "expected a mapping, got a list"),
    "a text as metrics": ("quantitative_analysis: AP is 1", "expected a mapping, got a single value"),
    "a text as metric": ("quantitative_analysis: {performance_metrics: [AP is 1]}", "expected a mapping, got a single value"),
    "metrics of the parameters": ("model_parameters: {performance_metrics: {value: 1}}", "expected a list, got a mapping"),
    "a list as interval": (METRIC % "confidence_interval: [0.1, 0.9],", "expected a mapping, got a list"),
    "a bound of another name": (METRIC % "confidence_interval: {lower: '0.1', level: 0.95},", "expected one of lower_bound, upper_bound, level, got 'lower'"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_that_holds_no_claim_is_told(tmp_path: Path, record: Evidence, name: str) -> None:
    text, reason = SHAPES[name]
    (failure,) = check(tmp_path, record, text).failures
    assert (failure.status, failure.line) == ("unbacked", 2)
    assert failure.detail == f"cannot be checked: {reason}"


def test_evidence_that_is_no_list_is_told(tmp_path: Path) -> None:
    (failure,) = verify(parse("evidence: {record: e.json}", tmp_path / "c.yaml")).failures
    assert failure.place == "evidence"
    (failure,) = verify(parse("evidence: [{kind: a.b}]", tmp_path / "c.yaml")).failures
    assert (failure.status, failure.detail) == ("unbacked", "no record is named")


def test_what_is_empty_or_says_no_number_is_no_fault(tmp_path: Path, record: Evidence) -> None:
    text = METRIC % "confidence_interval: {level: 0.95, method: bootstrap, paired: true},"
    assert check(tmp_path, record, text)
    assert check(tmp_path, record, "quantitative_analysis:\nmodel_parameters: {data: []}\n")
    links = "model_parameters: {performance_metrics: [{raw: 'https://example.org/figures'}]}"
    assert len(check(tmp_path, record, links).claims) == 1


def test_metrics_among_the_parameters_are_checked_too(tmp_path: Path, record: Evidence) -> None:
    text = "model_parameters: {performance_metrics: [{type: AP, value: %s, source: SOURCE}]}"
    assert check(tmp_path, record, text % "0.7033")
    (failure,) = check(tmp_path, record, text % "0.8033").failures
    assert failure.place == "model_parameters.performance_metrics[0].value"
    assert failure.status == "mismatch"


def test_a_part_that_looks_like_a_number_is_compared_as_written(
    tmp_path: Path, record: Evidence
) -> None:
    text = (
        "quantitative_analysis: {performance_metrics: [{value: 0.0625, slice: %s, source: SOURCE}]}"
    )
    assert check(tmp_path, record, text % "0.50")
    (failure,) = check(tmp_path, record, text % "0.5").failures
    assert failure.detail == "the record has no metric 'AP' for '0.5'"


def test_a_source_that_is_a_text_backs_nothing(tmp_path: Path) -> None:
    text = "model_details: {run: {type: mlflow, id: r}}\nquantitative_analysis: {performance_metrics: [{value: 1, source: ours}]}"
    (claim,) = verify(parse(text, tmp_path / "c.yaml"), tracking_uri="http://127.0.0.1:9").claims
    assert (claim.status, claim.detail) == ("unbacked", "no evidence is named")


def test_both_digests_are_said(tmp_path: Path, record: Evidence) -> None:
    old = "sha256:" + "0" * 64
    (failure,) = verify(
        parse(f"evidence: [{{record: e.json, digest: '{old}'}}]", tmp_path / "c.yaml")
    ).failures
    assert failure.status == "stale"
    assert old in failure.detail
    assert record.digest in failure.detail
    (failure,) = verify(parse("evidence: [{record: e.json}]", tmp_path / "c.yaml")).failures
    assert failure.status == "unbacked"
    assert failure.detail == f"no digest is cited; the record's is {record.digest}"


def test_a_file_of_the_evidence_that_is_gone_is_not_called_changed(
    tmp_path: Path, record: Evidence
) -> None:
    (tmp_path / "plot.png").unlink()
    (failure,) = check(tmp_path, record, "").failures
    assert failure.status == "unreachable"
    assert "artifact plot.png unreachable" in failure.detail


def test_a_number_whose_unit_was_edited_is_not_shown_as_verified(
    tmp_path: Path, record: Evidence
) -> None:
    for unit, standing in (("mAP", "verified"), ("percent", "mismatch")):
        source = f"{{record: e.json, digest: '{record.digest}', metric: AP}}"
        text = (METRIC % f"unit: {unit},").replace("SOURCE", source)
        document = parse(text, tmp_path / "card.yaml")
        result = verify(document)
        assert result.claims[0].status == "verified"  # the value itself
        measured = card_page(document, result).render().partition("What was measured")[2]
        assert standing in measured
        assert ("verified" in measured) == (standing == "verified")


def test_the_page_shows_what_was_written(tmp_path: Path) -> None:
    text = (
        "model_details: {name: 7.0, version: {name: 1.10, date: 2026-01-02}}\n"
        "model_parameters: {parameters: {rate: 0.30, none: ~}}\n"
        "quantitative_analysis: {performance_metrics: [{type: 4.0, value: 0.90, slice: 0.50, "
        "confidence_interval: {lower_bound: 0.80}}]}\n"
    )
    document = parse(text, tmp_path / "card.yaml")
    html = card_page(document, verify(document)).render()
    for written in ("<h1>7.0</h1>", "version 1.10 of 2026-01-02", "0.30", ">0.90<", ">0.50<",
                    "0.80 to open", ">4.0<"):  # fmt: skip
        assert written in html, written
