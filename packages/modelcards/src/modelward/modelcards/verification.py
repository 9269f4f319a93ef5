"""Verifying: whether each claim of the card still stands on its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelward.core.evidence import Evidence, Metric
from modelward.modelcards import layout
from modelward.modelcards.agreement import agrees, holds
from modelward.modelcards.claims import CardVerification, Claim, ClaimStatus
from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.witnesses import Problem, Witnesses

LEVEL = 0.95
"""The coverage a reader takes an interval for that names none."""


def verify(document: Document, *, tracking_uri: str | None = None) -> CardVerification:
    """Check every claim of a card against the evidence it names.

    Numbers, the bounds and levels of their intervals, units, the part of the data they are for, and
    the findings are held against the record or run that is named. Records are looked for beside the
    card's file and never outside its folder; the files a record names are digested anew. A number
    without a source counts as a metric of the card's own run, where it names one. `tracking_uri` is
    MLflow's (default: as MLflow finds it). Evidence that cannot be had makes a claim *unreachable*;
    nothing is raised for it. What stands in the place of claims in a shape in which none can be read
    is *unbacked*, and not passed over.
    """
    checker = _Checker(document, Witnesses(document.source.parent, tracking_uri))
    details = _dict(document.content.get("model_details"))
    name = document.said(("model_details",), details, "name") or "model card"
    return CardVerification(tuple(checker.claims()), name)


@dataclass(frozen=True, slots=True)
class _Checker:
    document: Document
    witnesses: Witnesses

    def claims(self) -> Iterator[Claim]:
        content = self.document.content
        listed = set()
        for place, reference in layout.references(content):
            yield self.reference(place, reference)
            listed.add(str(reference.get("record")))
        for place, reason in layout.unreadable(content):
            yield self.claim(place, dotted(place), "unbacked", f"cannot be checked: {reason}")
        details = _dict(content.get("model_details"))
        run = self.document.said(("model_details", "run"), _dict(details.get("run")), "id")
        for place, metric in layout.metrics(content):
            source = _dict(metric.get("source"))
            if run and not metric.get("source"):
                source = {"run": run, "metric": metric.get("type")}
            yield from self.metric(place, metric, source)
            if source.get("record") and str(source["record"]) not in listed:
                # The card does not list the record; its files must be looked at all the same.
                listed.add(str(source["record"]))
                yield self.reference((*place, "source"), source)

    def metric(
        self, place: Place, metric: dict[str, Any], source: dict[str, Any]
    ) -> Iterator[Claim]:
        name = str(metric.get("type") or "number")
        found = self.evidence(place, metric, source)
        yield self.number((*place, "value"), name, found, "value")
        interval = _dict(metric.get("confidence_interval"))
        inner = (*place, "confidence_interval")
        for key, side in layout.BOUNDS:
            if key in interval:
                yield self.number((*inner, key), f"{name} ({side})", found, side)
        if not isinstance(found, Metric):
            return
        if interval and "level" not in interval and (found.level or LEVEL) != LEVEL:
            detail = f"it reads as {LEVEL:.0%}, the evidence has {found.level:.6g}"
            yield self.claim(inner, f"{name} (level)", "mismatch", detail)
        for key in ("unit", "slice"):
            yield from self.words(place, name, metric, found, key, of_run="record" not in source)

    def evidence(
        self, place: Place, metric: dict[str, Any], source: dict[str, Any]
    ) -> Metric | Problem:
        """Find the metric that a source names."""
        wanted = str(source.get("metric"))
        if source.get("record"):
            part = self.document.said(place, metric, "slice")
            if "slice" in source:
                part = self.document.said((*place, "source"), source, "slice")
            return self.in_record(source, wanted, part)
        if source.get("run"):
            return self.in_run(str(source["run"]), wanted)
        return Problem("unbacked", "no evidence is named")

    def in_record(self, source: dict[str, Any], wanted: str, part: str | None) -> Metric | Problem:
        record = self.witnesses.record(str(source["record"]), source.get("digest"))
        if isinstance(record, Problem):
            return record
        for found in record.metrics:
            if found.name == wanted and found.slice == part:
                return found
        of_part = "" if part is None else f" for '{part}'"
        return Problem("unbacked", f"the record has no metric '{wanted}'{of_part}")

    def in_run(self, run_id: str, wanted: str) -> Metric | Problem:
        run = self.witnesses.run(run_id)
        if isinstance(run, Problem):
            return run
        if wanted not in run:
            return Problem("unbacked", f"run {run_id} has no metric '{wanted}'")
        # Not validated: a metric of a run may be infinite, one of a record may not.
        return Metric.model_construct(name=wanted, value=run[wanted])

    def number(self, place: Place, name: str, found: Metric | Problem, side: str) -> Claim:
        if isinstance(found, Problem):
            return self.claim(place, name, found.status, found.detail)
        value: float | None = getattr(found, side)
        if value is None:
            return self.claim(place, name, "unbacked", f"the evidence has no {side} for it")
        text = self.document.text(place)
        if not text:
            return self.claim(place, name, "unbacked", f"no number is given for {found.name}")
        if agrees(text, value):
            detail = f"the evidence says {found.name} = {value:.6g}"
            return self.claim(place, name, "verified", detail, value)
        detail = f"the card says {text}, the evidence {value:.6g}"
        return self.claim(place, name, "mismatch", detail, value)

    def words(
        self,
        place: Place,
        name: str,
        metric: dict[str, Any],
        found: Metric,
        key: str,
        *,
        of_run: bool,
    ) -> Iterator[Claim]:
        """Find a unit or a part of the data that is not the one that was measured.

        A unit may be left out. A part may not: without it, the number reads as one of the whole.
        MLflow keeps neither: there the metric's name must hold it, as `latency_ms` holds ms.
        """
        said, measured = self.document.said(place, metric, key), getattr(found, key)
        if said == measured or (said is None and (of_run or key == "unit")):
            return
        inner, title = (*place, key), f"{name} ({key})"
        if not of_run:
            detail = f"the card says {said or 'none'}, the evidence {measured or 'none'}"
            yield self.claim(inner, title, "mismatch", detail)
        elif not holds(found.name, said):
            yield self.claim(inner, title, "unbacked", f"the run does not say it of {found.name}")

    def reference(self, place: Place, reference: dict[str, Any]) -> Claim:
        name = str(reference.get("record"))
        title = f"evidence {name}"
        if not reference.get("record"):
            return self.claim(place, "evidence", "unbacked", "no record is named")
        record = self.witnesses.record(name, reference.get("digest"))
        if isinstance(record, Problem):
            return self.claim(place, title, record.status, record.detail)
        checked = record.verify(self.witnesses.path(name).parent)
        if not checked:
            broken = "; ".join(f"{c.item} {c.status}" for c in checked.failures)
            if all(c.status == "unreachable" for c in checked.failures):
                return self.claim(place, title, "unreachable", f"cannot be had: {broken}")
            return self.claim(place, title, "stale", f"changed since: {broken}")
        for problem in _misquoted(reference, record):
            return self.claim(place, title, "mismatch", problem)
        return self.claim(place, title, "verified", f"{record.kind}, seal and files hold")

    def claim(
        self, place: Place, name: str, status: ClaimStatus, detail: str, found: float | None = None
    ) -> Claim:
        doc = self.document
        line, column = doc.position(place)
        file, text = str(doc.source), doc.text(place)
        finite = found if found is not None and abs(found) < float("inf") else None
        return Claim(dotted(place), name, text, status, detail, file, line, column, finite)


def _misquoted(reference: dict[str, Any], record: Evidence) -> Iterator[str]:
    """Find what a card has a record say that it does not say, or leaves out of what it says."""
    if reference.get("kind", record.kind) != record.kind:
        yield f"the card says kind {reference['kind']}, the record {record.kind}"
    if "findings" not in reference:
        return
    quoted = [str(finding) for finding in _list(reference["findings"])]
    for finding in quoted:
        if finding not in record.findings:
            yield f"the record does not say: {finding}"
    for finding in record.findings:
        if finding not in quoted:
            yield f"the card leaves out: {finding}"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
