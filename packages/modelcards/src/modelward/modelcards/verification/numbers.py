"""Whether a number stands: its value, interval, unit, part of the data, limit and verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelward.core.evidence import Metric
from modelward.modelcards.codecs.document import Place
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.agreement import agrees, holds
from modelward.modelcards.verification.claimant import Claimant
from modelward.modelcards.verification.claims import Claim
from modelward.modelcards.verification.pointers import number_at
from modelward.modelcards.verification.witnesses import Problem, Witnesses

LEVEL = 0.95
"""The coverage a reader takes an interval for that names none."""


@dataclass(frozen=True, slots=True)
class Found:
    """The metric that evidence holds, and what keeps it: only a record knows units and parts."""

    metric: Metric
    keeper: str


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """Checks the numbers of a card."""

    claimant: Claimant
    witnesses: Witnesses
    runs: frozenset[str]
    """The runs the card says it rests on; empty where it names none."""

    def check(
        self, place: Place, metric: dict[str, Any], source: dict[str, Any]
    ) -> Iterator[Claim]:
        """Check one number, and what is said of it."""
        name = str(metric.get("type") or "number")
        found = self.evidence(place, metric, source)
        yield self.number((*place, "value"), name, found, "value")
        interval = layout.mapping(metric, "confidence_interval")
        inner = (*place, "confidence_interval")
        for key, side in layout.BOUNDS:
            if key in interval:
                yield self.number((*inner, key), f"{name} ({side})", found, side)
        if isinstance(found, Problem):
            return
        measured = found.metric
        if interval and "level" not in interval and (measured.level or LEVEL) != LEVEL:
            detail = f"it reads as {LEVEL:.0%}, the evidence has {measured.level:.6g}"
            yield self.claimant.claim(inner, f"{name} (level)", "mismatch", detail)
        for key in ("unit", "slice"):
            yield from self.words(place, name, metric, found, key)
        if found.keeper == "record":
            yield from self.verdict(place, name, metric, measured)

    def evidence(
        self, place: Place, metric: dict[str, Any], source: dict[str, Any]
    ) -> Found | Problem:
        """Find the metric that a source names."""
        wanted = str(source.get("metric"))
        if source.get("record"):
            document = self.claimant.document
            part = document.said(place, metric, "slice")
            if "slice" in source:
                part = document.said((*place, "source"), source, "slice")
            return self.in_record(source, wanted, part)
        if source.get("run"):
            return self.in_run(source, wanted)
        if source.get("file"):
            return self.in_file(source)
        return Problem("unbacked", "no evidence is named")

    def in_record(self, source: dict[str, Any], wanted: str, part: str | None) -> Found | Problem:
        """Find a metric of an evidence record."""
        record = self.witnesses.record(str(source["record"]), source.get("digest"))
        if isinstance(record, Problem):
            return record
        if problem := _other_commit(source, record.environment.git_commit):
            return problem
        for found in record.metrics:
            if found.name == wanted and found.slice == part:
                return Found(found, "record")
        of_part = "" if part is None else f" for '{part}'"
        return Problem("unbacked", f"the record has no metric '{wanted}'{of_part}")

    def in_run(self, source: dict[str, Any], wanted: str) -> Found | Problem:
        """Find a metric of an MLflow run."""
        run_id = str(source["run"])
        if self.runs and run_id not in self.runs:
            return Problem("mismatch", f"run {run_id} is none of those the card rests on")
        run = self.witnesses.run(run_id)
        if isinstance(run, Problem):
            return run
        if problem := _other_commit(source, run.tags.get("mlflow.source.git.commit")):
            return problem
        if wanted not in run.metrics:
            return Problem("unbacked", f"run {run_id} has no metric '{wanted}'")
        # Not validated: a metric of a run may be infinite, one of a record may not.
        return Found(Metric.model_construct(name=wanted, value=run.metrics[wanted]), "run")

    def in_file(self, source: dict[str, Any]) -> Found | Problem:
        """Find a number in a file."""
        name, cited = str(source["file"]), source.get("sha256")
        path = self.witnesses.path(name)
        digest = self.witnesses.digest(name)
        if isinstance(path, Problem) or isinstance(digest, Problem):
            return path if isinstance(path, Problem) else Problem("unreachable", str(digest))
        if not cited:
            return Problem("unbacked", f"no sha256 is cited; that of {name} is {digest}")
        if str(cited).removeprefix("sha256:") != digest:
            return Problem("stale", f"{name} has changed: its sha256 is {digest}")
        if "pointer" not in source:
            return Problem("unbacked", f"no pointer says where in {name} the number is")
        value = number_at(path, str(source["pointer"]))
        if isinstance(value, Problem):
            return value
        title = str(source.get("metric") or source["pointer"])
        return Found(Metric.model_construct(name=title, value=value), "file")

    def number(self, place: Place, name: str, found: Found | Problem, side: str) -> Claim:
        """Hold one printed number against the measured one."""
        claim = self.claimant.claim
        if isinstance(found, Problem):
            return claim(place, name, found.status, found.detail)
        value: float | None = getattr(found.metric, side)
        if value is None:
            return claim(place, name, "unbacked", f"the evidence has no {side} for it")
        text = self.claimant.document.text(place)
        if not text:
            return claim(place, name, "unbacked", f"no number is given for {found.metric.name}")
        if agrees(text, value):
            detail = f"the evidence says {found.metric.name} = {value:.6g}"
            return claim(place, name, "verified", detail, value)
        return claim(
            place, name, "mismatch", f"the card says {text}, the evidence {value:.6g}", value
        )

    def words(
        self, place: Place, name: str, metric: dict[str, Any], found: Found, key: str
    ) -> Iterator[Claim]:
        """Find a unit or a part of the data that is not the one that was measured.

        A unit may be left out. A part may not: without it, the number reads as one of the whole.
        Runs and files keep neither: there the metric's name must hold it, as `latency_ms` holds ms.
        """
        said = self.claimant.document.said(place, metric, key)
        measured = getattr(found.metric, key)
        of_record = found.keeper == "record"
        if said == measured or (said is None and (not of_record or key == "unit")):
            return
        inner, title = (*place, key), f"{name} ({key})"
        if of_record:
            detail = f"the card says {said or 'none'}, the evidence {measured or 'none'}"
            yield self.claimant.claim(inner, title, "mismatch", detail)
        elif not holds(found.metric.name, said):
            detail = f"the {found.keeper} does not say it of {found.metric.name}"
            yield self.claimant.claim(inner, title, "unbacked", detail)

    def verdict(
        self, place: Place, name: str, metric: dict[str, Any], measured: Metric
    ) -> Iterator[Claim]:
        """Find a direction, limit or verdict that is not the record's; a failed one must be said."""
        for key in ("higher_is_better", "passed"):
            said, held = metric.get(key), getattr(measured, key)
            if said == held or (said is None and not (key == "passed" and held is False)):
                continue
            detail = f"the card says {_yes(said)}, the evidence {_yes(held)}"
            yield self.claimant.claim((*place, key), f"{name} ({key})", "mismatch", detail)
        text = self.claimant.document.text((*place, "limit"))
        if text and (measured.limit is None or not agrees(text, measured.limit)):
            held_limit = "none" if measured.limit is None else f"{measured.limit:.6g}"
            detail = f"the card says {text}, the evidence {held_limit}"
            yield self.claimant.claim((*place, "limit"), f"{name} (limit)", "mismatch", detail)


def _other_commit(source: dict[str, Any], measured: str | None) -> Problem | None:
    said = source.get("commit")
    if said is None or str(said) == str(measured or "").removesuffix("-dirty"):
        return None
    return Problem("mismatch", f"the card says commit {said}, the evidence {measured or 'none'}")


def _yes(value: Any) -> str:
    return {True: "yes", False: "no", None: "nothing"}.get(value, repr(value))
