"""The ledger: every decision in one chain, in which an edited row is found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from modelward.adaptive_pipeline.store.schema import ledger
from modelward.adaptive_pipeline.store.store import Store
from modelward.core.evidence.seal import canonical, digest

GENESIS = "sha256:" + "0" * 64
"""What the first entry names as the one before it."""


def _body(text: str) -> dict[str, Any]:
    """Read the content of an entry; one that was edited may be no object any more."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text}


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: its number, time (Unix seconds), kind, content and digest."""

    number: int
    at: float
    kind: str
    body: dict[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Whether the chain holds. `broken` is the number of the first entry that does not fit."""

    entries: int
    head: str
    broken: int | None = None
    detail: str = ""

    def __bool__(self) -> bool:
        return self.broken is None


class Ledger:
    """An append-only list of decisions, each sealed by a digest over itself and the one before.

    An entry that was edited, removed or put in between breaks the chain from there on. Entries cut
    off at the end leave a chain that holds: keep the `head` elsewhere (evidence records carry it)
    and pass it to `verify`, and that is found too.

    >>> book = Ledger(Store("sqlite://"), clock=lambda: 1.0)
    >>> _ = book.append("verdict", {"verdict": "promote"})
    >>> bool(book.verify()), bool(book.verify(head="sha256:of another"))
    (True, False)
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    def append(
        self, kind: str, body: Mapping[str, Any], *, connection: Connection | None = None
    ) -> Entry:
        """Add a decision, in the transaction of what it decides where one is given."""
        with self.store.transaction(connection) as tx:
            last = tx.execute(select(ledger).order_by(ledger.c.number.desc()).limit(1)).first()
            number, at = last.number + 1 if last else 1, float(self.clock())
            content = {
                "number": number,
                "at": at,
                "kind": kind,
                "body": canonical(body).decode(),
                "previous": last.digest if last else GENESIS,
            }
            sealed = digest(content)
            tx.execute(ledger.insert().values(**content, digest=sealed))
        return Entry(number, at, kind, dict(body), sealed)

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Give the entries, all or of one kind, in order."""
        return [
            Entry(row.number, row.at, row.kind, _body(row.body), row.digest)
            for row in self._rows()
            if kind in {None, row.kind}
        ]

    def sound(self) -> list[Entry]:
        """Give the entries before the first that does not fit; what comes after proves nothing."""
        broken = self.verify().broken
        return [e for e in self.entries() if broken is None or e.number < broken]

    def verify(self, head: str | None = None) -> LedgerCheck:
        """Recompute the chain; with `head`, also that it contains this digest."""
        previous, number, seen = GENESIS, 0, {GENESIS}
        for row in self._rows():
            number += 1
            content = {k: v for k, v in row._mapping.items() if k != "digest"}
            if row.number != number or row.previous != previous:
                detail = "it does not follow the entry before"
                return LedgerCheck(number, previous, row.number, detail)
            if digest(content) != row.digest:
                detail = "its content does not give its digest"
                return LedgerCheck(number, previous, row.number, detail)
            previous = row.digest
            seen.add(previous)
        if head is not None and head not in seen:
            return LedgerCheck(number, previous, number + 1, f"the entry {head} is not there")
        return LedgerCheck(number, previous)

    def _rows(self) -> Sequence[Row[Any]]:
        with self.store.reading() as tx:
            return tx.execute(select(ledger).order_by(ledger.c.number)).all()
