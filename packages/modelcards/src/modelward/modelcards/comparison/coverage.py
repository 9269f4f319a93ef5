"""Which points of Annex IV of Regulation (EU) 2024/1689 a card covers, and with which field.

An aid to writing the documentation, and not legal advice.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from modelward.core.optional import require
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.functions.cards import filled_fields
from modelward.modelcards.rules.ruleset import load_ruleset

if TYPE_CHECKING:
    from modelward.core.evidence import Evidence

RULESET = "eu-ai-act-annex-iv"
SOURCE = "Annex IV of Regulation (EU) 2024/1689 (OJ L, 2024/1689, 12.7.2024)"
NOT_ADVICE = (
    "This says which fields of the card hold something for a point, and not whether what they say is "
    "true, enough, or what the law asks of this system. It is an aid to writing, and not legal advice."
)
Standing = Literal["covered", "partly", "missing"]
STANDINGS: tuple[Standing, ...] = ("covered", "partly", "missing")


@dataclass(frozen=True, slots=True)
class PointCoverage:
    """One point: how it stands, the fields that cover it, and those that are missing."""

    point: str
    title: str
    standing: Standing
    covered_by: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Coverage:
    """Every point of Annex IV, and how a card stands to it. True when each is covered."""

    points: tuple[PointCoverage, ...]
    name: str = "model card"

    def __bool__(self) -> bool:
        return all(point.standing == "covered" for point in self.points)

    def __repr__(self) -> str:
        lines = [self.verdict]
        for point in self.points:
            title = textwrap.shorten(point.title, 60, placeholder=" …")
            wanting = f"; fill in {', '.join(point.missing)}" if point.missing else ""
            lines.append(f"{point.point:5} {point.standing:8} {title}{wanting}")
        return "\n".join([*lines, NOT_ADVICE])

    @property
    def verdict(self) -> str:
        """How many points stand how, in one line."""
        counts = Counter(point.standing for point in self.points)
        words = ", ".join(f"{counts[s]} {s}" for s in STANDINGS)
        return f"{self.name}: of {len(self.points)} points of {SOURCE}: {words}"

    def to_dict(self) -> dict[str, Any]:
        """Give every point as plain content."""
        return {
            "name": self.name,
            "source": SOURCE,
            "notice": NOT_ADVICE,
            "points": [
                asdict(p) | {"covered_by": list(p.covered_by), "missing": list(p.missing)}
                for p in self.points
            ],
        }

    def to_json(self) -> str:
        """Give `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_frame(self) -> Any:
        """Give one row per point. Raises `MissingPackageError` without pandas."""
        pandas = require("pandas", feature="a table of points", install="pandas")
        return pandas.DataFrame(self.to_dict()["points"])

    def to_markdown(self) -> str:
        """Write the report as Markdown."""
        from modelward.modelcards.render.escaping import cell

        lines = [f"# {SOURCE}", "", cell(self.verdict), "", NOT_ADVICE, ""]
        lines += [
            "| point | asks for | card | covered by | missing |",
            "| --- | --- | --- | --- | --- |",
        ]
        for p in self.points:
            fields = (
                ", ".join(f"`{name}`" for name in names) or "–"
                for names in (p.covered_by, p.missing)
            )
            lines.append(f"| {p.point} | {cell(p.title)} | {p.standing} | {' | '.join(fields)} |")
        return "\n".join(lines) + "\n"

    def to_evidence(self) -> Evidence:
        """Seal how many points stand how."""
        from modelward.core.evidence import Evidence, Metric, Subject

        counts = Counter(point.standing for point in self.points)
        return Evidence.create(
            kind="modelcards.coverage",
            subject=Subject(name=self.name),
            tool="modelward-modelcards",
            metrics=[Metric.of(standing, counts[standing]) for standing in STANDINGS],
            findings=[f"{p.point} is {p.standing}" for p in self.points if p.standing != "covered"],
        )

    def _repr_html_(self) -> str:
        from modelward.core.pages import Notice, Prose, notebook
        from modelward.modelcards.render.coverage import coverage_table

        return notebook(
            Notice(self.verdict, "good" if self else "warning"),
            coverage_table(self),
            Prose(NOT_ADVICE),
        )


def coverage(document: Document) -> Coverage:
    """Tell, for each point of Annex IV, whether a card covers it, and with which fields.

    *covered*: each field the point asks for says something; *partly*: some do; *missing*: none does.
    A TODO says nothing.
    """
    points = []
    for rule in load_ruleset(RULESET).rules:
        said = filled_fields(document.content, rule.then[0].options["fields"])
        there = tuple(path for path in said.values() if path)
        missing = tuple(name for name, path in said.items() if not path)
        standing: Standing = "missing" if not there else "partly" if missing else "covered"
        points.append(
            PointCoverage(str(rule.extras["point"]), rule.description, standing, there, missing)
        )
    details = document.content.get("model_details")
    name = str(details.get("name") or "model card") if isinstance(details, dict) else "model card"
    return Coverage(tuple(points), name)
