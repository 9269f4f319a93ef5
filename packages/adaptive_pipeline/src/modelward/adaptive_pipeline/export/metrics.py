"""The loop's numbers as Prometheus text, read from the store in time that does not grow with it."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

from sqlalchemy import Connection, func, select

from modelward.adaptive_pipeline.comparison import comparison_from
from modelward.adaptive_pipeline.controller import standing
from modelward.adaptive_pipeline.joiner import Joiner
from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.store.joining import Line
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers.drift import LAST
from modelward.core.errors import ServiceError
from modelward.core.metrics import Exposition

PREFIX = "modelward_pipeline"
logger = logging.getLogger(__name__)


class _Numbers(NamedTuple):
    """One family: its values by the values of its labels, a tuple of texts."""

    name: str
    about: str
    values: Mapping[Any, float]
    labels: Sequence[str] = ()


def pipeline_metrics(store: Store) -> bytes:
    """Give the text: joins, backlogs, loss by version and segment, drift, phase, trial, decisions.

    The loss of a version is that of its newest window of event time for which no label is to come
    in time any more. Versions are the champion, the one on trial and the one before; segments those
    that are known. What has not happened yet is left out. While the store is away, only
    `modelward_pipeline_store_up` is given, as 0, so that the gateway's own numbers are still to be
    had beside it.

    >>> print(pipeline_metrics(Store("sqlite://")).decode())
    # HELP modelward_pipeline_store_up 1 when the store answers.
    # TYPE modelward_pipeline_store_up gauge
    modelward_pipeline_store_up 1.0
    ...
    """
    try:
        counts = asdict(Joiner(store).counts())
        with store.reading() as tx:
            found = [_up(1), *_joins(counts), *_read(tx)]
    except ServiceError as error:
        logger.warning("the store gives no numbers: %s", error.fact)
        found = [_up(0)]
    text = Exposition()
    for each in found:
        if each.values:
            declare = text.counter if each.name.endswith("_total") else text.gauge
            family = declare(f"{PREFIX}_{each.name}", each.about, labels=each.labels)
            family.add(list(each.values), list(each.values.values()))
    return text.render()


def _read(tx: Connection) -> Iterator[_Numbers]:
    line = Line.load(tx)
    state: dict[str, Any] = tx.scalar(_state(standing.KEY)) or {}
    trial: dict[str, Any] = state.get("trial") or {}
    yield from _progress(tx, line, state)
    yield from _drift(tx.scalar(_state(LAST)) or {})
    versions = [state.get("champion"), trial.get("challenger"), state.get("previous")]
    yield from _losses(tx, line, [each for each in versions if each])
    if state:
        yield from _standing(state)
        yield from _trial(trial, state.get("parts", {}))
    yield from _ledger(tx)


def _up(value: float) -> _Numbers:
    return _one("store_up", "1 when the store answers.", value)


def _one(name: str, about: str, value: float) -> _Numbers:
    return _Numbers(name, about, {(): value})


def _joins(counts: Mapping[str, int]) -> Iterator[_Numbers]:
    by_state = {(state,): float(n) for state, n in counts.items()}
    yield _Numbers("joins", "Requests and labels by how they stand.", by_state, ["state"])


def _progress(tx: Connection, line: Line, state: Mapping[str, Any]) -> Iterator[_Numbers]:
    """Say how far joiner and controller are, and until when each holds its lease."""
    if line.watermark is not None:
        about = "Event time up to which predictions are taken to be complete, in Unix seconds."
        yield _one("watermark_seconds", about, line.watermark)
    ends = {
        "joiner": (schema.predictions.c.seq, line.cursor),
        "controller": (schema.joined.c.position, state.get("cursor", 0)),
        "inbox": (schema.signals.c.number, state.get("inbox", 0)),
    }
    waiting = {
        (part,): max(0.0, float((tx.scalar(select(func.max(end))) or 0) - read))
        for part, (end, read) in ends.items()
        if state or part == "joiner"
    }
    about = "Requests the joiner, labels and signals the controller has yet to take."
    yield _Numbers("backlog", about, waiting, ["part"])
    if state:
        yield _one("labels_read_total", "Joined labels the controller has taken.", state["cursor"])
    leases = select(schema.leases.c.name, schema.leases.c.expires)
    held = {(name,): float(expires) for name, expires in tx.execute(leases)}
    about = "Until when a part may act, in Unix seconds; 0 once it has let go."
    yield _Numbers("lease_expires_seconds", about, held, ["part"])


def _drift(last: Mapping[str, Any]) -> Iterator[_Numbers]:
    columns = last.get("columns", {})
    changes = {(name,): float(seen["change"]) for name, seen in columns.items()}
    about = "Largest change of a share of an input or the output, at the drift trigger's last look."
    yield _Numbers("drift", about, changes, ["column"])
    shown = {(name,): float(seen["shown"]) for name, seen in columns.items()}
    yield _Numbers("drift_shown", "1 where that is more than chance.", shown, ["column"])


def _losses(tx: Connection, line: Line, versions: Sequence[str]) -> Iterator[_Numbers]:
    windows = schema.windows.c
    length = (tx.scalar(_state("monitor")) or {}).get("window")
    if length is None or line.closed is None:
        return
    names = _segments(tx.scalar(_state("segments")) or {})
    rows: list[Any] = []
    for version in dict.fromkeys(versions):
        whole = windows.version == version, windows.segment == ""
        newest = select(func.max(windows.start)).where(
            *whole, windows.start <= line.closed - length
        )
        start = tx.scalar(newest)  # of all windows one, found by their key
        if start is not None:
            those = windows.version == version, windows.start == start, windows.segment.in_(names)
            rows += tx.execute(select(schema.windows).where(*those).order_by(windows.segment))
    by = ["version", "segment"]
    means = {(row.version, row.segment): row.mean for row in rows}
    yield _Numbers("loss", "Mean loss in the newest mature window of event time.", means, by)
    counts = {(row.version, row.segment): float(row.n) for row in rows}
    yield _Numbers("loss_labels", "Labels in the newest mature window.", counts, by)
    ends = {(row.version,): row.start + length for row in rows}
    yield _Numbers("loss_until_seconds", "When that window ended, in Unix seconds.", ends, by[:1])


def _segments(known: Mapping[str, Sequence[str]]) -> list[str]:
    named = [f"{column}={value}" for column, values in known.items() for value in values]
    return ["", *named, *(f"{column}=other" for column in known)]


def _standing(state: Mapping[str, Any]) -> Iterator[_Numbers]:
    phases = {(phase,): float(phase == state["phase"]) for phase in get_args(standing.Phase)}
    yield _Numbers("phase", "1 for the phase the controller is in.", phases, ["phase"])
    champion = (state["champion"],)
    yield _Numbers("champion", "1 for the version that serves.", {champion: 1.0}, ["version"])
    yield _one("retrainings_total", "Retrainings that ended.", state["retrainings"])
    yield _one("promotions_total", "Versions that took over.", state["promotions"])
    yield _one("rollbacks_total", "Versions that were taken back.", state["rollbacks"])
    reference = _reference(state.get("parts", {}).get("triggers", {}))
    if reference is not None:
        about = "Mean loss of the champion's first labels, as its performance trigger learned it."
        yield _Numbers("reference_loss", about, {champion: reference}, ["version"])


def _reference(triggers: Mapping[str, Mapping[str, Any]]) -> float | None:
    for state in triggers.values():
        if "reference" in state and state.get("seen"):  # it goes on to watch once it has learned
            return float(state["reference"]["mean"])
    return None


def _trial(trial: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[_Numbers]:
    if not trial or "comparison" not in parts:
        return
    gain = comparison_from(parts["settings"]).restore(parts["comparison"]).gain
    key = (str(trial["challenger"]), "watch" if trial.get("watch") else "comparison")
    values = {
        "gain": (gain.value, "Loss the challenger saves per request."),
        "gain_low": (gain.low, "Lower end of the gain's confidence sequence."),
        "gain_high": (gain.high, "Upper end of the gain's confidence sequence."),
        "gain_labels": (gain.n, "Labels compared so far."),
    }
    for name, (value, about) in values.items():
        if value is not None and math.isfinite(value):
            yield _Numbers(name, about, {key: float(value)}, ["challenger", "trial"])


def _ledger(tx: Connection) -> Iterator[_Numbers]:
    ledger = schema.ledger.c
    last = select(ledger.number, ledger.at).order_by(ledger.number.desc()).limit(1)
    number, at = tx.execute(last).one_or_none() or (0, None)
    yield _one("ledger_entries", "Entries of the ledger.", number)
    if at is not None:
        yield _one("ledger_last_seconds", "When the last was entered, in Unix seconds.", at)


def _state(key: str) -> Any:
    return select(schema.state.c.value).where(schema.state.c.key == key)
