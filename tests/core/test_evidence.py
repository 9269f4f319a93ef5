"""The evidence record: sealed, checkable, refused when changed."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.errors import EvidenceError
from modelward.core.evidence import (
    Artifact,
    Environment,
    Evidence,
    Input,
    Metric,
    Subject,
    canonical,
    digest,
    json_schema,
    sha256_file,
)
from modelward.core.metrics import Estimate


def record(**changes: object) -> Evidence:
    fields: dict[str, object] = {
        "kind": "validation.job",
        "subject": Subject(name="scenes", version="2"),
        "tool": "modelward-core",
        "config": {"budget": 80, "features": ["gain"]},
        "seed": 3,
        "metrics": [
            Metric.of("failure_share", Estimate(0.31, 0.25, 0.37, 0.95, 200), unit="ratio")
        ],
        "findings": ["gain < 0.7: fails"],
    }
    return Evidence.create(**(fields | changes))  # type: ignore[arg-type]


def test_round_trip_is_equal(tmp_path: Path) -> None:
    made = record()
    path = made.save(tmp_path / "deep" / "r.json")
    assert Evidence.load(path) == made
    assert [p.name for p in path.parent.iterdir()] == ["r.json"], "no partial file is left"


def test_record_says_where_it_was_made() -> None:
    made = record()
    assert made.tool.version != "unknown"
    assert made.environment.packages["modelward-core"] == made.tool.version
    assert "numpy" in made.environment.packages
    assert abs((datetime.now(UTC) - made.created).total_seconds()) < 60


def test_records_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        record().kind = "other.kind"  # type: ignore[misc]


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    # Each character in turn is replaced; the record must never load as valid and different.
    made = record()
    text = made.to_json()
    for position in range(0, len(text), 7):
        new = "8" if text[position] != "8" else "9"
        changed = text[:position] + new + text[position + 1 :]
        try:
            loaded = Evidence.from_json(changed)
        except EvidenceError:
            continue
        assert loaded == made, (
            f"a change at {position} went unseen: {changed[position - 20 : position + 20]}"
        )


def test_edited_number_names_the_digests() -> None:
    content = json.loads(record().to_json())
    content["metrics"][0]["value"] = 0.01
    with pytest.raises(EvidenceError, match="changed after it was sealed") as caught:
        Evidence.from_json(json.dumps(content))
    assert content["digest"] in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "expected a valid evidence record"),
        ("{}", "expected a valid evidence record"),
        (b"\xff\xfe", "expected JSON"),
        ('{"kind": 3}', "expected a valid evidence record"),
    ],
)
def test_what_is_no_record_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        Evidence.from_json(text)


def test_unreadable_and_oversized_files(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="readable file"):
        Evidence.load(tmp_path / "none.json")
    with pytest.raises(EvidenceError, match="readable file"):
        Evidence.load(tmp_path)
    big = tmp_path / "big.json"
    with big.open("wb") as stream:
        stream.truncate(17 << 20)
    with pytest.raises(EvidenceError, match="at most"):
        Evidence.load(big)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "nodot"}, "kind"),
        ({"config": {"x": math.nan}}, "valid evidence record"),
        ({"config": {"x": object()}}, "valid evidence record"),
        ({"metrics": [Metric.model_construct(name="m", value=math.inf)]}, "valid evidence record"),
        (
            {"metrics": [Metric.model_construct(name="m", value=1.0, low=math.inf)]},
            "valid evidence",
        ),
    ],
)
def test_what_cannot_be_sealed(changes: dict[str, object], message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        record(**changes)


def test_infinite_numbers_in_a_file_are_refused() -> None:
    text = record().to_json()
    for changed in (
        text.replace('"low": 0.25', '"low": NaN'),
        text.replace('"budget": 80', '"budget": Infinity'),
    ):
        assert changed != text
        with pytest.raises(EvidenceError, match="expected"):
            Evidence.from_json(changed)
    with pytest.raises(EvidenceError, match="finite number for metric 'm'"):
        Metric.of("m", Estimate(math.nan))


def test_only_ordinary_files_within_the_folder_are_read(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    digests = {"sha256": "0" * 64}
    made = record(
        inputs=[
            Input(name="outside", uri="../secret.txt", sha256=sha256_file(secret)),
            Input(name="url", uri="http://[", **digests),
            Input(name="device", uri="/dev/zero", **digests),
            Input(name="null", uri="a\0b", **digests),
            Input(name="long", uri="a" * 5000, **digests),
        ]
    )
    open_to_all = {c.item: c.status for c in made.verify(inner).checks}
    assert open_to_all["input outside"] == "verified"
    confined = made.verify(inner, within=inner)
    assert {c.status for c in confined.failures} == {"unreachable"}
    assert len(confined.failures) == 5
    assert sha256_file(secret) not in str(confined)


def test_limits_judge_by_direction() -> None:
    assert Metric.of("accuracy", 0.8, higher_is_better=True, limit=0.9).passed is False
    assert Metric.of("error", 0.1, higher_is_better=False, limit=0.1).passed is True
    assert Metric.of("error", 0.1).passed is None
    with pytest.raises(EvidenceError, match="direction"):
        Metric.of("error", 0.1, limit=0.2)


def test_open_bounds_become_null() -> None:
    metric = Metric.of("share", Estimate(0.1, -math.inf, 0.3, 0.95, 10))
    assert (metric.low, metric.high) == (None, 0.3)
    assert "[open, 0.3]" in metric.in_words()


def test_metric_lookup_names_what_there_is() -> None:
    assert record().metric("failure_share").value == 0.31
    with pytest.raises(EvidenceError, match="failure_share"):
        record().metric("accuracy")


def test_summary_is_one_screen() -> None:
    text = record(metrics=[Metric.of("error", 0.2, higher_is_better=False, limit=0.1)]).summary()
    assert "validation.job of scenes 2" in text
    assert "FAILED (limit 0.1)" in text
    assert len(text.splitlines()) <= 24


def test_verify_finds_changed_and_missing_files(tmp_path: Path) -> None:
    data, plot = tmp_path / "data.csv", tmp_path / "plots" / "p.png"
    plot.parent.mkdir()
    data.write_text("a,b\n1,2\n")
    plot.write_bytes(b"\x89PNG")
    made = record(
        inputs=[
            Input(name="data", uri="data.csv", sha256=sha256_file(data), rows=1),
            Input(name="same", uri=data.as_uri(), sha256=sha256_file(data)),
            Input(name="stream"),
        ],
        artifacts=[Artifact.of(plot, root=tmp_path, media_type="image/png", alt_text="a plot")],
    )
    assert made.artifacts[0].path == "plots/p.png"
    result = made.verify(tmp_path)
    assert result
    assert [c.status for c in result.checks] == ["verified"] * 4 + ["unbacked"]

    data.write_text("a,b\n1,3\n")  # one byte
    plot.unlink()
    result = made.verify(tmp_path)
    assert not result
    assert {(c.item, c.status) for c in result.failures} == {
        ("artifact p.png", "unreachable"),
        ("input data", "mismatch"),
        ("input same", "mismatch"),
    }


def test_verify_finds_a_broken_seal_and_foreign_uris(tmp_path: Path) -> None:
    made = record(inputs=[Input(name="x", uri="https://example.org/x", sha256="0" * 64)])
    assert [c.item for c in made.verify(tmp_path).failures] == ["input x"]
    edited = made.model_copy(update={"seed": 4})
    assert ("record", "mismatch") in {(c.item, c.status) for c in edited.verify(tmp_path).failures}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_canonical_form_does_not_depend_on_order(content: dict[str, object]) -> None:
    assert canonical(dict(reversed(content.items()))) == canonical(content)
    assert json.loads(canonical(content)) == content
    assert digest(content).startswith("sha256:")


def test_digest_is_of_sha256() -> None:
    # Computed by coreutils: printf '{"a":1}' | sha256sum
    assert (
        digest({"a": 1})
        == "sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    )


def test_published_schema_accepts_records_and_refuses_others(root: Path) -> None:
    published = json.loads((root / "docs/reference/evidence.schema.json").read_text("utf-8"))
    assert published == json_schema(), "publish anew: modelward evidence schema > docs/reference/…"
    jsonschema.Draft202012Validator.check_schema(published)
    content = json.loads(record().to_json())
    jsonschema.validate(content, published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"digest": "md5:1"}, published)


def test_log_to_mlflow(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())
    run = client.create_run(experiment).info.run_id
    made = record(metrics=[Metric.of("AP [.50:.95]", 0.4), Metric.of("error", 0.1, slice="night")])
    path = made.log_to_mlflow(run, tracking_uri=uri)
    data = client.get_run(run).data
    assert data.metrics == {
        "validation.job/AP _.50:.95_": 0.4,
        "validation.job/error/night": 0.1,
    }
    assert data.tags["modelward.evidence.validation.job"] == made.digest
    assert Evidence.load(client.download_artifacts(run, path, str(tmp_path))) == made


def test_environment_without_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert Environment.current(packages=["no-such-package"]).git_commit is None
    monkeypatch.setenv("PATH", "")
    assert Environment.current().git_commit is None
