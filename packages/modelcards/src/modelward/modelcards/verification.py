"""Verifying: whether each number in the card still stands on its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

from modelward.core.errors import EvidenceError, MissingPackageError, ServiceError
from modelward.core.evidence import Evidence
from modelward.modelcards.codecs.document import Document, Place, dotted

ClaimStatus = Literal["verified", "mismatch", "stale", "unreachable", "unbacked"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One number the card claims, and how it stands.

    *verified*: the evidence says the same, to the digits printed. *mismatch*: it says another
    number, or was edited. *stale*: the record, or what it measured, has changed since. *unreachable*:
    the evidence cannot be had. *unbacked*: the card names no evidence for it.
    """

    place: str
    metric: str
    text: str
    status: ClaimStatus
    detail: str
    file: str
    line: int
    evidence: float | None = None

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.status}: {self.metric} = {self.text} ({self.detail})"
        )


@dataclass(frozen=True, slots=True)
class CardVerification:
    """Every claim of a card. True when none is a mismatch, stale, unreachable or unbacked."""

    claims: tuple[Claim, ...]

    def __bool__(self) -> bool:
        return all(claim.status == "verified" for claim in self.claims)

    def count(self, status: ClaimStatus) -> int:
        """Say how many claims have a status."""
        return sum(claim.status == status for claim in self.claims)

    @property
    def failures(self) -> tuple[Claim, ...]:
        """The claims that do not stand."""
        return tuple(claim for claim in self.claims if claim.status != "verified")

    def at(self, place: str) -> Claim | None:
        """Give the claim at a place, if it is one."""
        return next((claim for claim in self.claims if claim.place == place), None)


def agrees(text: str, value: float) -> bool:
    """Tell whether a printed number is the value, rounded to the digits it is printed with.

    >>> agrees("0.79", 0.7925), agrees("0.80", 0.7925), agrees("0.10", 0.7925)
    (True, False, False)
    """
    try:
        shown = Decimal(text.replace("_", ""))
        exponent = shown.as_tuple().exponent
        if not isinstance(exponent, int):
            return False
        return abs(shown - Decimal(repr(float(value)))) <= Decimal(5).scaleb(exponent - 1)
    except InvalidOperation:
        return False


def verify(document: Document, *, tracking_uri: str | None = None) -> CardVerification:
    """Check every number of a card against the evidence it names.

    Records are looked for beside the card's file and never outside its folder. A number without a
    source counts as a metric of the card's own run, where it names one. `tracking_uri` is MLflow's.
    """
    checker = _Checker(document, tracking_uri)
    return CardVerification(tuple(checker.claims()))


@dataclass(slots=True)
class _Checker:
    document: Document
    tracking_uri: str | None
    records: dict[str, Evidence | str] = field(default_factory=dict)
    runs: dict[str, dict[str, float] | str] = field(default_factory=dict)

    def claims(self) -> Iterator[Claim]:
        content = self.document.content
        for i, reference in enumerate(_list(content.get("evidence"))):
            yield self.reference(("evidence", i), _dict(reference))
        run = _dict(_dict(content.get("model_details")).get("run")).get("id")
        metrics = _list(_dict(content.get("quantitative_analysis")).get("performance_metrics"))
        for i, entry in enumerate(metrics):
            place: Place = ("quantitative_analysis", "performance_metrics", i)
            metric = _dict(entry)
            source = _dict(metric.get("source"))
            if not source and run:
                source = {"run": run, "metric": metric.get("type")}
            yield self.number((*place, "value"), metric, source, "value")
            for bound, side in (("lower_bound", "low"), ("upper_bound", "high")):
                if bound in _dict(metric.get("confidence_interval")):
                    yield self.number((*place, "confidence_interval", bound), metric, source, side)

    def claim(
        self, place: Place, name: str, status: ClaimStatus, detail: str, found: float | None = None
    ) -> Claim:
        doc = self.document
        text = doc.text(place)
        return Claim(
            dotted(place), name, text, status, detail, str(doc.source), doc.line(place), found
        )

    def reference(self, place: Place, reference: dict[str, Any]) -> Claim:
        name, digest = str(reference.get("record")), reference.get("digest")
        record = self.record(name)
        title = f"evidence {name}"
        if isinstance(record, str):
            return self.claim(place, title, _status(record), record)
        if record.digest != digest:
            return self.claim(place, title, "stale", f"the record was made anew: {record.digest}")
        checked = record.verify((self.document.source.parent / name).parent)
        if not checked:
            broken = "; ".join(f"{c.item} {c.status}" for c in checked.failures)
            return self.claim(place, title, "stale", f"changed since: {broken}")
        return self.claim(place, title, "verified", f"{record.kind}, seal and files hold")

    def number(
        self, place: Place, metric: dict[str, Any], source: dict[str, Any], side: str
    ) -> Claim:
        name = str(metric.get("type") or "number") + ("" if side == "value" else f" ({side})")
        wanted = str(source.get("metric"))
        if source.get("record"):
            found = self.in_record(source, wanted, side)
        elif source.get("run") and side == "value":
            found = self.in_run(str(source["run"]), wanted)
        else:
            return self.claim(place, name, "unbacked", "no evidence is named")
        if isinstance(found, tuple):
            return self.claim(place, name, *found)
        if agrees(self.document.text(place), found):
            return self.claim(place, name, "verified", f"evidence says {found:.6g}", found)
        detail = f"the card says {self.document.text(place)}, the evidence {found:.6g}"
        return self.claim(place, name, "mismatch", detail, found)

    def in_record(
        self, source: dict[str, Any], wanted: str, side: str
    ) -> float | tuple[ClaimStatus, str]:
        record = self.record(str(source["record"]))
        if isinstance(record, str):
            return _status(record), record
        if record.digest != source.get("digest"):
            return "stale", f"the record was made anew: {record.digest}"
        for metric in record.metrics:
            if metric.name == wanted and metric.slice == source.get("slice"):
                found: float | None = getattr(metric, side)
                return ("unbacked", f"the record has no {side} for it") if found is None else found
        return "unbacked", f"the record has no metric '{wanted}'"

    def in_run(self, run: str, wanted: str) -> float | tuple[ClaimStatus, str]:
        from modelward.modelcards.create import mlflow_run

        if run not in self.runs:
            try:
                self.runs[run] = dict(mlflow_run(run, self.tracking_uri).data.metrics)
            except (ServiceError, MissingPackageError) as error:
                self.runs[run] = error.fact
        metrics = self.runs[run]
        if isinstance(metrics, str):
            return "unreachable", metrics
        if wanted not in metrics:
            return "unbacked", f"run {run} has no metric '{wanted}'"
        return metrics[wanted]

    def record(self, name: str) -> Evidence | str:
        """Give a record, or what is wrong with it."""
        if name not in self.records:
            root = self.document.source.parent.resolve()
            path = (root / name).resolve()
            if not path.is_relative_to(root):
                self.records[name] = f"{name} lies outside the card's folder"
            elif not path.is_file():
                self.records[name] = f"there is no file {name}"
            else:
                self.records[name] = _load(path, name)
        return self.records[name]


def _load(path: Path, name: str) -> Evidence | str:
    try:
        return Evidence.load(path)
    except EvidenceError as error:
        return f"{name} is broken: {error.fact}"


def _status(problem: str) -> ClaimStatus:
    return "mismatch" if "is broken" in problem else "unreachable"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
