"""Verdict replay: each verdict in the ledger worked out again from the log of requests and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from modelward.adaptive_pipeline import feed, losses
from modelward.adaptive_pipeline.comparison import comparison_from
from modelward.adaptive_pipeline.comparison.observation import Observation
from modelward.adaptive_pipeline.ledger import Entry, Ledger
from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.trial import Trial
from modelward.core.errors import ConfigError, DataError
from modelward.core.evidence.seal import canonical

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class ReplayedVerdict:
    """A verdict as it stands in the ledger and as the log gives it: `same` bit for bit, or not."""

    trial: str
    number: int
    verdict: str
    same: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values."""
        return asdict(self)


def replay_verdicts(store: Store) -> list[ReplayedVerdict]:
    """Work out every verdict of the ledger again, from what was served, shadowed and labelled.

    The losses are computed anew from labels and predictions where the loss is one of modelward's
    own, and taken as they were recorded where it was the user's function. Labels count as they were
    when they were first joined. A verdict the log does not give, gives earlier, or gives otherwise
    in any digit is not the `same`.
    """
    entries = Ledger(store).entries()
    begun = {e.body.get("name"): e for e in entries if e.kind == "trial"}
    return [
        _again(store, begun.get(entry.body.get("trial")), entry)
        for entry in entries
        if entry.kind in {"verdict", "watch"}
    ]


def _again(store: Store, begun: Entry | None, entry: Entry) -> ReplayedVerdict:
    try:
        found = _compute(store, begun, entry)
    except (KeyError, TypeError, ValueError, ConfigError):
        found, detail = {}, "an entry of the ledger lacks what it should say"
    else:
        detail = f"the log gives {found or 'no verdict'}"
    recorded = {key: entry.body[key] for key in found if key in entry.body}
    same = bool(found) and canonical(found) == canonical(recorded)
    name, verdict = str(entry.body.get("trial")), str(entry.body.get("verdict"))
    return ReplayedVerdict(name, entry.number, verdict, same, "" if same else detail)


def _compute(store: Store, begun: Entry | None, entry: Entry) -> dict[str, Any]:
    if begun is None:
        return {}
    until, comparison = entry.body["labels"], comparison_from(begun.body["settings"])
    for position, seen in observations(store, begun, until=until):
        verdict = comparison.update(seen)
        if verdict.final:
            if position != until:
                return {"labels": position, **verdict.to_dict()}
            if entry.body["exposures"]:
                comparison.exposures(**entry.body["exposures"])
            return comparison.verdict.to_dict()
    return {}


def observations(
    store: Store, begun: Entry, *, until: int | None = None
) -> Iterator[tuple[int, Observation]]:
    """Give what a trial has seen, label by label, with the position of each; `begun` is its entry."""
    fields = {key: begun.body[key] for key in Trial.__dataclass_fields__}
    trial, named = Trial.from_dict(fields), losses.NAMED.get(begun.body["loss"])
    after = trial.position
    while rows := feed.read(store, after=after, until=until, limit=_BATCH):
        after = rows[-1].position
        kept = {} if named else _recorded(store, rows[0].position, after)
        for row in rows:
            if not trial.takes(row):
                continue
            try:
                by_version = row.losses(named) if named else kept.get(row.position, {})
            except DataError:
                continue  # the controller passed over it as well, as 'unusable'
            seen = trial.observe(row, by_version) if by_version else None
            if seen is not None:
                yield row.position, seen


def _recorded(store: Store, first: int, last: int) -> dict[int, dict[str, float]]:
    table = schema.losses
    query = select(table).where(table.c.position.between(first, last))
    found: dict[int, dict[str, float]] = {}
    with store.reading() as tx:
        for position, version, loss in tx.execute(query):
            found.setdefault(position, {})[version] = loss
    return found
