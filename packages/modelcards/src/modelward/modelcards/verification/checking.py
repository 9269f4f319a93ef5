"""Verifying: whether each claim of the card still stands on its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.claimant import Claimant
from modelward.modelcards.verification.claims import CardVerification, Claim
from modelward.modelcards.verification.listing import ListingCheck
from modelward.modelcards.verification.numbers import NumberCheck
from modelward.modelcards.verification.subjects import SubjectCheck
from modelward.modelcards.verification.witnesses import Witnesses


def verify(
    document: Document, *, tracking_uri: str | None = None, root: str | Path | None = None
) -> CardVerification:
    """Check every claim of a card against the evidence it names.

    Numbers, the bounds and levels of their intervals, units, the part of the data they are for,
    limits and verdicts, and the findings are held against the record, run or file that is named; the
    digests of the model's and the data's files and the commit of its code against what is there now.
    A number of a listed record, or of a run's listed metrics, that the card does not give is a
    *mismatch*. Files are looked for below `root` (default: the folder of the card's file) and never
    outside it. A number without a source counts as a metric of the card's own run, where it names
    one. `tracking_uri` is MLflow's (default: as MLflow finds it); no address of a card is ever asked.
    Evidence that cannot be had makes a claim *unreachable*; nothing is raised for it. What stands in
    the place of claims in a shape in which none can be read is *unbacked*, and not passed over.
    """
    folder = document.source.parent if root is None else Path(root)
    claims = tuple(_Checker(document, Witnesses(folder, tracking_uri)).claims())
    details = layout.mapping(document.content, "model_details")
    name = document.said(("model_details",), details, "name") or "model card"
    return CardVerification(claims, name)


@dataclass(frozen=True, slots=True)
class _Checker:
    document: Document
    witnesses: Witnesses

    def claims(self) -> Iterator[Claim]:
        content, claimant = self.document.content, Claimant(self.document)
        run = self.run()
        numbers = [
            (place, metric, self.source(metric, run)) for place, metric in layout.metrics(content)
        ]
        listing = ListingCheck(claimant, self.witnesses, frozenset(self.cited(numbers)))
        listed = set()
        for place, reference in layout.references(content):
            yield from listing.reference(place, reference)
            listed.add(str(reference.get("record")))
        for place, reason in layout.unreadable(content):
            yield claimant.claim(place, dotted(place), "unbacked", f"cannot be checked: {reason}")
        check = NumberCheck(claimant, self.witnesses, self.runs(run))
        for place, metric, source in numbers:
            yield from check.check(place, metric, source)
            if source.get("record") and str(source["record"]) not in listed:
                # The card does not list the record; its files must be looked at all the same.
                listed.add(str(source["record"]))
                named = {key: value for key, value in source.items() if key in {"record", "digest"}}
                yield from listing.reference((*place, "source"), named)
        yield from SubjectCheck(claimant, self.witnesses, run).claims()

    def run(self) -> str | None:
        """Give the run that trained the model, as the card has it."""
        run = layout.mapping(self.document.content, "model_details", "run")
        return self.document.said(("model_details", "run"), run, "id")

    def runs(self, run: str | None) -> frozenset[str]:
        """Give the runs the card rests on, where it lists any: another in a source is a slip."""
        listed = {
            str(r["run"]) for _, r in layout.references(self.document.content) if r.get("run")
        }
        return frozenset({*listed, run} if run else listed) if listed else frozenset()

    def source(self, metric: dict[str, Any], run: str | None) -> dict[str, Any]:
        if run and not metric.get("source"):
            return {"run": run, "metric": metric.get("type")}
        return layout.mapping(metric, "source")

    def cited(self, numbers: Any) -> Iterator[tuple[str, str, str | None]]:
        """Say what the numbers cite: record or run, metric, and part of the data."""
        place: Place
        for place, metric, source in numbers:
            part = self.document.said(place, metric, "slice")
            if "slice" in source:
                part = self.document.said((*place, "source"), source, "slice")
            if source.get("record"):
                yield str(source["record"]), str(source.get("metric")), part
            elif source.get("run"):
                yield str(source["run"]), str(source.get("metric")), None
