"""Whether the records and runs a card rests on hold, and whether it tells all they found."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from modelward.core.evidence import Evidence, Metric
from modelward.modelcards.codecs.document import Place
from modelward.modelcards.tracking.runs import Run
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.claimant import Claimant
from modelward.modelcards.verification.claims import Claim
from modelward.modelcards.verification.witnesses import Problem, Witnesses

TAG = "modelward.evidence."
"""The tag of an MLflow run by which `Evidence.log_to_mlflow` says that the run has a record."""
Cited = Set[tuple[str, str, str | None]]
"""What the card's numbers cite: record or run, metric, and part of the data."""


@dataclass(frozen=True, slots=True)
class ListingCheck:
    """Checks what a card lists under `evidence`."""

    claimant: Claimant
    witnesses: Witnesses
    cited: Cited

    def reference(self, place: Place, reference: dict[str, Any]) -> Iterator[Claim]:
        """Check one record or run: that it holds, is quoted rightly, and is told whole."""
        if reference.get("run") and not reference.get("record"):
            yield from self.run(place, reference)
            return
        name = str(reference.get("record"))
        title = f"evidence {name}"
        if not reference.get("record"):
            yield self.claimant.claim(place, "evidence", "unbacked", "no record is named")
            return
        record = self.witnesses.record(name, reference.get("digest"))
        if isinstance(record, Problem):
            yield self.claimant.claim(place, title, record.status, record.detail)
            return
        yield self.held(place, title, name, reference, record)
        # What a cited record found counts where the card lists it, and where it should have.
        listed = place[0] == layout.EVIDENCE[0]
        yield from self.left_out(place if listed else layout.EVIDENCE, name, reference, record)

    def held(
        self, place: Place, title: str, name: str, reference: dict[str, Any], record: Evidence
    ) -> Claim:
        """Check that a record and its files hold, are of this model, and are quoted rightly."""
        claim = self.claimant.claim
        folder = self.witnesses.folder.resolve()
        checked = record.verify((folder / name).resolve().parent)
        if not checked:
            broken = "; ".join(f"{c.item} {c.status}" for c in checked.failures)
            if all(c.status == "unreachable" for c in checked.failures):
                return claim(place, title, "unreachable", f"cannot be had: {broken}")
            return claim(place, title, "stale", f"changed since: {broken}")
        if reason := self.of_another_model(record):
            return claim(place, title, "stale", reason)
        for problem in _misquoted(reference, record):
            return claim(place, title, "mismatch", problem)
        return claim(place, title, "verified", f"{record.kind}, seal and files hold")

    def of_another_model(self, record: Evidence) -> str:
        """Say so if the record is of other bytes, or another version, than the card is about."""
        content = self.claimant.document.content
        details = layout.mapping(content, "model_details")
        files = [
            str(entry.get("sha256")).removeprefix("sha256:")
            for _, entry in layout.entries(content, ("model_details", "files"))
            if entry.get("sha256")
        ]
        subject = record.subject
        if files and subject.sha256 and subject.sha256 not in files:
            return f"it measured a model of sha256 {subject.sha256}, the card is about another"
        place = ("model_details", "version")
        version = self.claimant.document.said(place, layout.mapping(details, "version"), "name")
        same_name = subject.name == self.claimant.document.said(("model_details",), details, "name")
        if same_name and version and subject.version and version != subject.version:
            return f"it measured version {subject.version}, the card is about version {version}"
        return ""

    def left_out(
        self, place: Place, name: str, reference: dict[str, Any], record: Evidence
    ) -> Iterator[Claim]:
        """Find numbers of a record that the card does not give: it must not pick what it likes."""
        reasons = {
            (
                str(entry.get("metric")),
                None if entry.get("slice") is None else str(entry["slice"]),
            ): str(entry.get("reason") or "").strip()
            for entry in reference.get("omits") or []
            if isinstance(entry, dict)
        }
        for metric in record.metrics:
            if (name, metric.name, metric.slice) in self.cited:
                continue
            reason = reasons.get((metric.name, metric.slice))
            if reason is None:
                yield self._missing(place, metric, "the card leaves out")
            elif metric.passed is False:
                yield self._missing(place, metric, "a failed number cannot be left out:")
            elif not reason:
                yield self._missing(place, metric, "the card gives no reason for leaving out")

    def _missing(self, place: Place, metric: Metric, what: str) -> Claim:
        return self.claimant.claim(place, metric.name, "mismatch", f"{what} {metric.in_words()}")

    def run(self, place: Place, reference: dict[str, Any]) -> Iterator[Claim]:
        """Check a run the card lists: that it is there, and each metric it lists is claimed."""
        run_id = str(reference["run"])
        title = f"run {run_id}"
        run = self.witnesses.run(run_id)
        if isinstance(run, Problem):
            yield self.claimant.claim(place, title, run.status, run.detail)
            return
        yield self.claimant.claim(place, title, "verified", "MLflow has it")
        listed = reference.get("metrics")
        for name in listed if isinstance(listed, list) else []:
            if (run_id, str(name), None) not in self.cited:
                value = run.metrics.get(str(name))
                said = "" if value is None else f" = {value:.6g}"
                detail = f"the card leaves out {name}{said}, which it lists"
                yield self.claimant.claim(place, str(name), "mismatch", detail)
        yield from self.evidence_of(place, run)

    def evidence_of(self, place: Place, run: Run) -> Iterator[Claim]:
        """Find evidence the run is tagged with, of a kind the card does not list at all."""
        kinds = {str(r.get("kind")) for _, r in layout.references(self.claimant.document.content)}
        for tag, digest in sorted(run.tags.items()):
            kind = tag.removeprefix(TAG)
            if tag.startswith(TAG) and kind not in kinds:
                detail = f"the card leaves out the evidence {kind} ({digest}) of run {run.id}"
                yield self.claimant.claim(place, f"evidence {kind}", "mismatch", detail)


def _misquoted(reference: dict[str, Any], record: Evidence) -> Iterator[str]:
    """Find what a card has a record say that it does not say, or leaves out of what it says."""
    if reference.get("kind", record.kind) != record.kind:
        yield f"the card says kind {reference['kind']}, the record {record.kind}"
    if "findings" not in reference and "kind" not in reference:
        return  # named by a number only, and not listed
    findings = reference.get("findings")
    quoted = [str(finding) for finding in (findings if isinstance(findings, list) else [])]
    for finding in quoted:
        if finding not in record.findings:
            yield f"the record does not say: {finding}"
    for finding in record.findings:
        if finding not in quoted:
            yield f"the card leaves out: {finding}"
