"""The evidence record: what a tool measured, on what, with what, sealed by a digest."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from modelward.core.errors import EvidenceError
from modelward.core.evidence.environment import Environment
from modelward.core.evidence.seal import digest, sha256_file
from modelward.core.files import write_whole
from modelward.core.metrics.estimate import Estimate
from modelward.core.optional import installed_version

if TYPE_CHECKING:
    from modelward.core.evidence.verification import Verification

SCHEMA_VERSION = "1.0"
MAX_BYTES = 16 << 20
"""Largest record that `load` reads."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Subject(_Part):
    """What the evidence is about: a model, a detector, a system under test."""

    name: str = Field(min_length=1)
    version: str | None = None
    uri: str | None = None
    sha256: Sha256 | None = None


class Tool(_Part):
    """Which program made the record."""

    name: str
    version: str


class Input(_Part):
    """A data set or file that went in; `uri` is a path relative to the record, or any URI."""

    name: str
    uri: str | None = None
    sha256: Sha256 | None = None
    rows: int | None = Field(default=None, ge=0)


class Metric(_Part):
    """One measured number, its interval, and the limit it was held against.

    `slice` names the part of the data it is for (None: all of it). `passed` is None where no limit
    was set.
    """

    name: str = Field(min_length=1)
    value: Finite
    low: Finite | None = None
    high: Finite | None = None
    level: Finite | None = None
    n: int | None = None
    unit: str | None = None
    higher_is_better: bool | None = None
    slice: str | None = None
    limit: Finite | None = None
    passed: bool | None = None

    @classmethod
    def of(
        cls,
        name: str,
        value: float | Estimate,
        *,
        unit: str | None = None,
        higher_is_better: bool | None = None,
        slice: str | None = None,  # noqa: A002 - the field's name in the record
        limit: float | None = None,
    ) -> Self:
        """Make a metric from a number or an `Estimate`, and judge it against its limit.

        A limit needs a direction: `higher_is_better=True` passes from the limit upwards.

        >>> Metric.of("accuracy", Estimate(0.9, 0.8, 0.95, 0.95, 50), higher_is_better=True, limit=0.85).passed
        True
        """
        passed = None
        number = float(value.value if isinstance(value, Estimate) else value)
        if not math.isfinite(number):
            raise EvidenceError(
                f"expected a finite number for metric '{name}', got {number}",
                hint="leave the metric out and say so in a finding.",
            )
        if limit is not None:
            if higher_is_better is None:
                raise EvidenceError(
                    f"expected a direction for the limit of metric '{name}', got none",
                    hint="set higher_is_better to True or False.",
                )
            passed = number >= limit if higher_is_better else number <= limit
        bounds: dict[str, Any] = {}
        if isinstance(value, Estimate):
            bounds = {k: v for k, v in value.to_dict().items() if k != "value"}
            for side in ("low", "high"):  # JSON has no infinity: an open side is null
                if bounds[side] is not None and abs(bounds[side]) == float("inf"):
                    bounds[side] = None
        return cls(
            name=name,
            value=number,
            unit=unit,
            higher_is_better=higher_is_better,
            slice=slice,
            limit=limit,
            passed=passed,
            **bounds,
        )

    def in_words(self) -> str:
        """Write the number with its unit, slice, interval and verdict on one line.

        >>> Metric.of("error", Estimate(0.05, 0.03, 0.08, 0.95, 200), unit="ratio").in_words()
        'error = 0.05 ratio [0.03, 0.08]'
        """
        text = self.name + (f" ({self.slice})" if self.slice else "") + f" = {self.value:.4g}"
        text += f" {self.unit}" if self.unit else ""
        if self.low is not None or self.high is not None:
            low, high = ("open" if b is None else f"{b:.4g}" for b in (self.low, self.high))
            text += f" [{low}, {high}]"
        if self.passed is not None:
            text += " passed" if self.passed else f" FAILED (limit {self.limit:g})"
        return text


class Artifact(_Part):
    """A file the tool made; `path` is relative to the folder the record is saved in."""

    name: str
    path: str
    sha256: Sha256
    media_type: str = "application/octet-stream"
    alt_text: str | None = None

    @classmethod
    def of(
        cls,
        path: str | Path,
        *,
        root: str | Path,
        name: str | None = None,
        media_type: str = "application/octet-stream",
        alt_text: str | None = None,
    ) -> Self:
        """Describe a file that exists, by its path below (or beside) `root` and its digest."""
        relative = os.path.relpath(Path(path).resolve(), Path(root).resolve())
        return cls(
            name=name or Path(path).name,
            path=Path(relative).as_posix(),
            sha256=sha256_file(path),
            media_type=media_type,
            alt_text=alt_text,
        )


class Evidence(_Part):
    """A frozen, digest-sealed record that every tool hands out and model cards verify.

    Make one with `Evidence.create`, which fills in time, tool, environment and digest. `digest` is
    the SHA-256 over the canonical JSON of every other field, so that a changed byte is found.

    >>> record = Evidence.create(
    ...     kind="monitoring.window",
    ...     subject=Subject(name="fraud", version="3"),
    ...     tool="modelward-monitoring",
    ...     metrics=[Metric.of("drifted_features", 2)],
    ...     findings=["age and income have shifted"],
    ... )
    >>> record.sealed, record.model_copy(update={"kind": "other"}).sealed
    (True, False)
    """

    schema_version: str = SCHEMA_VERSION
    id: str
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")
    subject: Subject
    created: datetime
    tool: Tool
    config: dict[str, JsonValue] = {}
    seed: int | None = None
    environment: Environment
    inputs: tuple[Input, ...] = ()
    metrics: tuple[Metric, ...] = ()
    findings: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")

    @classmethod
    def create(
        cls,
        *,
        kind: str,
        subject: Subject,
        tool: str,
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
        inputs: Sequence[Input] = (),
        metrics: Sequence[Metric] = (),
        findings: Sequence[str] = (),
        artifacts: Sequence[Artifact] = (),
        environment: Environment | None = None,
        created: datetime | None = None,
    ) -> Self:
        """Make and seal a record. `tool` is the distribution's name, e.g. `modelward-monitoring`.

        Raises `EvidenceError` when a field is not what the schema allows (NaN, an unknown kind
        of value in `config`, a kind without a dot).
        """
        content: dict[str, Any] = {
            "id": uuid.uuid4().hex,
            "kind": kind,
            "subject": subject,
            "created": created or datetime.now(UTC),
            "tool": Tool(name=tool, version=installed_version(tool) or "unknown"),
            "config": dict(config or {}),
            "seed": seed,
            "environment": environment or Environment.current(),
            "inputs": tuple(inputs),
            "metrics": tuple(metrics),
            "findings": tuple(findings),
            "artifacts": tuple(artifacts),
        }
        try:
            unsealed = cls(**content, digest="sha256:" + "0" * 64)
            sealed = unsealed.model_copy(update={"digest": unsealed.content_digest()})
        except ValueError as error:
            raise EvidenceError(f"expected a valid evidence record, got: {error}") from error
        return sealed

    def content_digest(self) -> str:
        """Recompute the digest from the content as it stands."""
        return digest(self.model_dump(mode="json", exclude={"digest"}))

    @property
    def sealed(self) -> bool:
        """Whether the digest still matches the content."""
        return self.digest == self.content_digest()

    def metric(self, name: str, *, slice: str | None = None) -> Metric:  # noqa: A002
        """Give one metric by name (and slice). Raises `EvidenceError` naming those that exist."""
        for metric in self.metrics:
            if metric.name == name and metric.slice == slice:
                return metric
        known = ", ".join(sorted({m.name for m in self.metrics})) or "none"
        raise EvidenceError(
            f"expected a metric '{name}' (slice {slice}) in evidence {self.kind}, got: {known}"
        )

    def verify(self, root: str | Path = ".", *, within: str | Path | None = None) -> Verification:
        """Recompute the digests of the record and of every file it names, relative to `root`.

        `root` is the folder the record lies in; nothing is fetched from a network, and only ordinary
        files are read. For a record of a stranger give `within`: no file outside it is opened. The result is
        true when all holds, and lists each check: *verified*, *mismatch*, *unreachable* (no such
        file) or *unbacked* (the record gives no digest to check).
        """
        from modelward.core.evidence.verification import verify

        return verify(self, root=root, within=within)

    def log_to_mlflow(self, run_id: str, *, tracking_uri: str | None = None) -> str:
        """Log the record to an MLflow run, and give the artifact's path there.

        The whole record becomes the artifact `evidence/<kind>-<id>.json`, its metrics become
        metrics `<kind>/<name>` (`/<slice>` added for a slice), and the tag
        `modelward.evidence.<kind>` holds the digest. `tracking_uri` defaults to MLflow's own.

        Raises `MissingPackageError` without MLflow, and MLflow's own error for an unknown run.
        """
        from modelward.core.evidence.mlflow import log_to_mlflow

        return log_to_mlflow(self, run_id, tracking_uri=tracking_uri)

    def to_json(self) -> str:
        """Write the record as indented JSON."""
        return self.model_dump_json(indent=2) + "\n"

    def summary(self) -> str:
        """Say on one screen what the record holds."""
        subject = f"{self.subject.name} {self.subject.version or ''}".rstrip()
        made = f"{self.created:%Y-%m-%d %H:%M} UTC by {self.tool.name} {self.tool.version}"
        lines = [
            f"{self.kind} of {subject}",
            f"  made {made}, commit {self.environment.git_commit or 'unknown'}",
            f"  {self.digest}",
        ]
        lines += [f"  {metric.in_words()}" for metric in self.metrics]
        lines += [f"  - {finding}" for finding in self.findings]
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """Write the record to a file, whole or not at all, and give its path."""
        return write_whole(path, self.to_json())

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "record") -> Self:
        """Read a record and check its seal.

        Raises `EvidenceError` when the text is not JSON, not a record, or was changed after it was
        sealed.
        """
        try:
            content = json.loads(text)
            record = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the record"
            raise EvidenceError(
                f"expected a valid evidence record in {source}, got at {where}: {first['msg']}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise EvidenceError(f"expected JSON in {source}, got: {error}") from error
        try:
            sealed = record.sealed
        except ValueError as error:  # Python reads NaN and Infinity, which JSON does not have
            raise EvidenceError(f"expected finite numbers in {source}, got: {error}") from error
        if not sealed:
            raise EvidenceError(
                f"expected the digest {record.content_digest()} in {source}, got {record.digest}: "
                "the record was changed after it was sealed",
                hint="make the record anew with the tool that measured it; never edit one.",
            )
        return record

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a record from a file of at most 16 MiB and check its seal, as `from_json` does."""
        source = Path(path)
        try:
            size = source.stat().st_size
            if size > MAX_BYTES:
                raise EvidenceError(
                    f"expected an evidence record of at most {MAX_BYTES} bytes, got {size} in {source}"
                )
            text = source.read_bytes()
        except OSError as error:
            raise EvidenceError(f"expected a readable file {source}, got: {error}") from error
        return cls.from_json(text, source=str(source))


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of records, as published in the documentation."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | (
        Evidence.model_json_schema(mode="serialization")
    )
