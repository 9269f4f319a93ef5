"""Verifying what the card is about: the model's and data's files, the code, numbers in any file."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from modelward.core.evidence import Evidence, Input, Metric, Subject
from modelward.modelcards import CardVerification, ModelCard, parse, read, verify


def check(folder: Path, text: str) -> CardVerification:
    return verify(parse(text, folder / "card.yaml"))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


RESULTS = b'{"test": {"rmse": 0.7925310321, "a/b": [1, {"f1": 0.5}], "text": "x", "flag": true}}'
FILE = "quantitative_analysis: {performance_metrics: [{type: rmse, value: %s, source: {file: r.json, %s}}]}"


@pytest.mark.parametrize(
    ("value", "source", "status", "detail"),
    [
        ("0.79", "sha256: SHA, pointer: /test/rmse", "verified", "says /test/rmse = 0.792531"),
        ("0.10", "sha256: SHA, pointer: /test/rmse", "mismatch", "the card says 0.10, the evidence 0.792531"),
        ("0.5", "sha256: 'sha256:SHA', pointer: /test/a~1b/1/f1", "verified", "0.5"),
        ("0.79", "pointer: /test/rmse", "unbacked", "no sha256 is cited"),
        ("0.79", "sha256: abc, pointer: /test/rmse", "stale", "r.json has changed"),
        ("0.79", "sha256: SHA", "unbacked", "no pointer says where"),
        ("0.79", "sha256: SHA, pointer: /test/mae", "unbacked", "has nothing at /test/mae"),
        ("0.79", "sha256: SHA, pointer: test", "unbacked", "is no JSON pointer"),
        ("1", "sha256: SHA, pointer: /test/flag", "unbacked", "has no number at"),
        ("1", "sha256: SHA, pointer: /test/text", "unbacked", "has no number at"),
        ("1", "sha256: SHA, pointer: /test/a~1b/9", "unbacked", "has nothing at"),
    ],
)  # fmt: skip
def test_numbers_of_files(
    tmp_path: Path, value: str, source: str, status: str, detail: str
) -> None:
    (tmp_path / "r.json").write_bytes(RESULTS)
    (claim,) = check(tmp_path, FILE % (value, source.replace("SHA", sha(RESULTS)))).claims
    assert claim.status == status
    assert detail in claim.detail


def test_files_that_cannot_be_had(tmp_path: Path) -> None:
    source = f"sha256: {sha(RESULTS)}, pointer: /test/rmse"
    (claim,) = check(tmp_path, FILE % ("1", source)).claims
    assert (claim.status, claim.detail) == ("unreachable", "there is no file r.json")
    broken = b"\xff\xfe not json"
    (tmp_path / "r.json").write_bytes(broken)
    (claim,) = check(tmp_path, FILE % ("1", f"sha256: {sha(broken)}, pointer: /a")).claims
    assert claim.status == "unreachable"
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "r.json").write_bytes(RESULTS)
    text = (FILE % ("0.79", source)).replace("r.json", "../r.json")
    (claim,) = check(inner, text).claims
    assert "outside the card's folder" in claim.detail
    assert verify(parse(text, inner / "card.yaml"), root=tmp_path).claims[0].status == "unreachable"
    text = FILE % ("0.79", source)
    assert verify(parse(text, inner / "card.yaml"), root=tmp_path).claims[0].status == "verified"
    (inner / "r.json").symlink_to(tmp_path / "r.json")
    assert check(inner, text).claims[0].status == "unreachable"


def test_numbers_of_yaml_files(tmp_path: Path) -> None:
    data = b"metrics: {rmse: 0.7925}\n"
    (tmp_path / "r.yaml").write_bytes(data)
    text = (FILE % ("0.79", f"sha256: {sha(data)}, pointer: /metrics/rmse")).replace(
        "r.json", "r.yaml"
    )
    assert check(tmp_path, text)


FILES = "model_details: {files: [{path: model.bin, sha256: %s}]}\nmodel_parameters: {data: [{name: train, path: d.csv, sha256: %s}]}\n"


def test_a_model_or_data_file_that_changed_makes_the_card_stale(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "d.csv").write_bytes(b"1,2")
    text = FILES % (sha(b"weights"), sha(b"1,2"))
    assert check(tmp_path, text).count("verified") == 2
    (tmp_path / "model.bin").write_bytes(b"other")
    (claim,) = check(tmp_path, text).failures
    assert (claim.status, claim.place, claim.line) == ("stale", "model_details.files[0].sha256", 1)
    assert sha(b"other") in claim.detail
    (tmp_path / "d.csv").unlink()
    assert [f.status for f in check(tmp_path, text).failures] == ["stale", "unreachable"]
    (claim,) = check(tmp_path, "model_parameters: {data: [{path: d.csv}]}").failures
    assert (claim.status, claim.detail) == ("unbacked", "no sha256 is given for d.csv")


def record(folder: Path, **changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "kind": "validation.job",
        "subject": Subject(name="m", version="3", sha256=sha(b"weights")),
        "tool": "modelward-modelcards",
        "inputs": [Input(name="train", sha256=sha(b"1,2"))],
        "metrics": [
            Metric.of("error", 0.25, higher_is_better=False, limit=0.2),
            Metric.of("images", 48),
        ],
    }
    made = Evidence.create(**(fields | changes))
    made.save(folder / "e.json")
    return made


def test_a_record_of_another_model_is_stale(tmp_path: Path) -> None:
    made = record(tmp_path)
    details = {
        "name": "m",
        "version": {"name": "3"},
        "files": [{"uri": "s3://x", "sha256": sha(b"weights")}],
    }
    card = ModelCard.model_validate({"model_details": details}).attach(made, record="e.json")
    path = card.save(tmp_path / "card.yaml")
    assert verify(read(path)), verify(read(path))
    text = path.read_text("utf-8")
    for old, new, detail in (
        ("name: '3'", "name: '4'", "it measured version 3, the card is about version 4"),
        (sha(b"weights"), sha(b"more"), "the card is about another"),
    ):
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        stale = [f for f in verify(read(path)).failures if f.status == "stale"]
        assert [detail in f.detail for f in stale] == [True]


def test_digests_without_files_are_backed_by_records_only(tmp_path: Path) -> None:
    made = record(tmp_path)
    data = [{"name": "train", "sha256": sha(b"1,2")}]
    card = ModelCard.model_validate({"model_parameters": {"data": data}})
    (claim,) = verify(read(card.save(tmp_path / "card.yaml"))).claims
    assert (claim.status, claim.detail) == ("unbacked", "no path is given, and no record names it")
    assert verify(read(card.attach(made, record="e.json").save(tmp_path / "card.yaml")))


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("passed: false", "passed: true", "the card says yes, the evidence no"),
        ("    passed: false\n", "", "the card says nothing, the evidence no"),
        ("higher_is_better: false", "higher_is_better: true", "the card says yes, the evidence no"),
        ("limit: 0.2", "limit: 0.3", "the card says 0.3, the evidence 0.2"),
    ],
)
def test_a_verdict_that_was_edited_is_found(
    tmp_path: Path, old: str, new: str, detail: str
) -> None:
    path = (
        ModelCard.model_validate({})
        .attach(record(tmp_path), record="e.json")
        .save(tmp_path / "c.yaml")
    )
    text = path.read_text("utf-8")
    assert verify(read(path))
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    (failure,) = verify(read(path)).failures
    assert (failure.status, failure.detail) == ("mismatch", detail)


def test_a_number_that_was_taken_out_is_found(tmp_path: Path) -> None:
    card = ModelCard.model_validate({}).attach(record(tmp_path), record="e.json")
    assert card.validation is not None
    fewer = card.model_copy(
        update={
            "validation": card.validation.model_copy(
                update={"metrics": card.validation.metrics[1:]}
            )
        }
    )
    path = fewer.save(tmp_path / "c.yaml")
    (failure,) = verify(read(path)).failures
    assert failure.status == "mismatch"
    assert failure.detail == "the card leaves out error = 0.25 FAILED (limit 0.2)"
    omits = path.read_text("utf-8") + "  omits: [{metric: error, reason: dull}]\n"
    (failure,) = verify(parse(omits, path)).failures
    assert failure.detail.startswith("a failed number cannot be left out: error")
    passed = record(tmp_path, metrics=[Metric.of("images", 48), Metric.of("error", 0.1)])
    again = ModelCard.model_validate({}).attach(passed, record="e.json")
    assert again.validation is not None
    kept = again.validation.model_copy(update={"metrics": again.validation.metrics[:1]})
    path = again.model_copy(update={"validation": kept}).save(tmp_path / "c.yaml")
    assert not verify(read(path))
    assert verify(
        parse(path.read_text("utf-8") + "  omits: [{metric: error, reason: dull}]\n", path)
    )
    for nothing in ("", ", reason: ' '", ", reason: null"):
        unsaid = path.read_text("utf-8") + f"  omits: [{{metric: error{nothing}}}]\n"
        (failure,) = verify(parse(unsaid, path)).failures
        assert failure.detail == "the card gives no reason for leaving out error = 0.1"


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    def git(*arguments: str) -> str:
        names = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        command = ["git", "-C", str(tmp_path), *names, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "train.py").write_text("x = 1\n")
    (tmp_path / "other.py").write_text("y = 1\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path, git("rev-parse", "HEAD")


def test_code_that_changed_since_the_commit_makes_the_card_stale(
    repository: tuple[Path, str],
) -> None:
    folder, commit = repository
    text = f"model_details: {{code: {{commit: {commit}, paths: [train.py]}}}}"
    assert check(folder, text)
    (folder / "other.py").write_text("y = 2\n")
    assert check(folder, text)
    (folder / "train.py").write_text("x = 2\n")
    (claim,) = check(folder, text).failures
    assert (claim.status, claim.detail) == ("stale", "changed since that commit: train.py")
    unknown = text.replace(commit, "0" * 40)
    assert check(folder, unknown).claims[0].status == "unreachable"
    hostile = "model_details: {code: {commit: '--output=/tmp/x', paths: [train.py]}}"
    assert check(folder, hostile).claims[0].detail == "that is no git commit"


def test_a_commit_that_is_not_that_of_the_evidence(tmp_path: Path) -> None:
    made = record(tmp_path)
    source = json.dumps(
        {"record": "e.json", "digest": made.digest, "metric": "images", "commit": "abc1234"}
    )
    text = f"quantitative_analysis: {{performance_metrics: [{{type: images, value: 48, source: {source}}}]}}"
    claim = check(tmp_path, text).claims[0]
    assert claim.status == "mismatch"
    assert "the card says commit abc1234" in claim.detail


def test_groups_of_people_have_numbers_too(tmp_path: Path) -> None:
    made = record(tmp_path, metrics=[Metric.of("images", 48)])
    source = json.dumps({"record": "e.json", "digest": made.digest, "metric": "images"})
    text = f"fairness:\n- {{group_at_risk: a, metrics: [{{type: images, value: %s, source: {source}}}]}}\n"
    assert check(tmp_path, text % 48)
    (failure,) = check(tmp_path, text % 84).failures
    assert failure.place == "fairness[0].metrics[0].value"
    (failure,) = check(tmp_path, "fairness: {metrics: []}").failures
    assert (failure.status, failure.place) == ("unbacked", "fairness")
