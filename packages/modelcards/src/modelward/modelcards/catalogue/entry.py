"""One card in the catalogue: its row, its page, and the files both depend on."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelward.core.errors import ModelwardError
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.codecs.reading import read_any
from modelward.modelcards.render.html import card_page
from modelward.modelcards.rules.ruleset import Ruleset
from modelward.modelcards.rules.validation import validate
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.checking import verify
from modelward.modelcards.verification.claims import CardVerification

MOST_NUMBERS = 12
"""So many numbers of a card are in the index, for comparing; its page has all."""
Stamp = list[Any]
"""A file's path, time of change and size: [path, nanoseconds, bytes], or -1 where it is not."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the index says of one card.

    `standing` is *verified*, *failed* (something is wrong or stale), *unreachable* (some evidence cannot
    be had, and nothing worse), *unbacked* (for some numbers none is named, and nothing worse) or
    *unreadable*.
    """

    page: str
    file: str
    name: str
    version: str = ""
    status: str = ""
    risk: str = ""
    owner: str = ""
    standing: str = "unbacked"
    claims: int = 0
    failed: int = 0
    findings: int = 0
    overview: str = ""
    numbers: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the row as plain content."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, the page, and the stamps of the files they were made of."""

    row: Row
    html: str
    stamps: list[Stamp]


def make_entry(path: Path, root: Path, rules: list[Ruleset], tracking_uri: str | None) -> Entry:
    """Read, validate, verify and draw one card. One that cannot be read has a page that says so."""
    file = path.relative_to(root).as_posix()
    page = page_name(file)
    stamps = [stamp(path)]
    try:
        document = read_any(path)
        stamps += [stamp(path.parent / name) for name in sorted(_evidence(document))]
        findings = validate(document, rules)
        result = verify(document, tracking_uri=tracking_uri)
        row = _row(document, result, len(findings.failures), file, page)
        html = card_page(document, result, back=("All cards", "../index.html")).render()
    except ModelwardError as error:
        from modelward.core.pages import Notice, Page

        row = Row(page, file, path.stem, standing="unreadable", failed=1)
        html = Page(
            title=file,
            lead="This card cannot be read.",
            blocks=[Notice(error.fact, "bad")],
            back=("All cards", "../index.html"),
        ).render()
    return Entry(row, html, stamps)


def page_name(file: str) -> str:
    """Name the page of a card: readable, and of no two cards the same."""
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in file.rpartition(".")[0])[-60:]
    return f"cards/{stem.strip('-') or 'card'}-{hashlib.sha256(file.encode()).hexdigest()[:8]}.html"


def stamp(path: Path) -> Stamp:
    """Give a file's path, time of change and size."""
    try:
        found = path.stat()
    except OSError:
        return [str(path), -1, -1]
    return [str(path), found.st_mtime_ns, found.st_size]


def _evidence(document: Document) -> set[str]:
    """Name the files whose change can change how the card stands."""
    content = document.content
    names = {str(r["record"]) for _, r in layout.references(content) if r.get("record")}
    for _, metric in layout.metrics(content):
        source = layout.mapping(metric, "source")
        names |= {str(source[key]) for key in ("record", "file") if source.get(key)}
    for place in (("model_details", "files"), ("model_parameters", "data")):
        names |= {str(e["path"]) for _, e in layout.entries(content, place) if e.get("path")}
    return {name for name in names if "\0" not in name and len(name) < 1024}


def _row(document: Document, result: CardVerification, findings: int, file: str, page: str) -> Row:
    content = document.content
    details = layout.mapping(content, "model_details")
    owners = [str(o.get("name")) for _, o in layout.entries(content, ("model_details", "owners"))]
    numbers = []
    for place, metric in layout.metrics(content):
        name = str(metric.get("type") or "number")
        part = document.said(place, metric, "slice")
        unit = document.said(place, metric, "unit") or ""
        value = document.text((*place, "value"))
        numbers.append((f"{name} ({part})" if part else name, f"{value} {unit}".strip()))
    return Row(
        page=page,
        file=file,
        name=str(details.get("name") or file),
        version=document.said(
            ("model_details", "version"), layout.mapping(details, "version"), "name"
        )
        or "",
        status=_word(details.get("status")),
        risk=_word(layout.mapping(details, "risk").get("rating")),
        owner=", ".join(owners)[:120],
        standing=_standing(result),
        claims=len(result.claims),
        failed=len(result.failures),
        findings=findings,
        overview=str(details.get("overview") or details.get("description") or "")[:160],
        numbers=tuple(numbers[:MOST_NUMBERS]),
    )


def _standing(result: CardVerification) -> str:
    if result:
        return "verified"
    found = {claim.status for claim in result.failures}
    if found & {"mismatch", "stale"}:
        return "failed"
    return "unreachable" if "unreachable" in found else "unbacked"


def _word(value: Any) -> str:
    return str(value).strip().lower()[:40] if isinstance(value, str | int | float) else ""
