"""What the API gives: rows of the store as objects of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def _named(row: Mapping[str, Any]) -> Json:
    return {name: row[name] for name in ("id", "name", "description", "metainfo", "created")}


def system(row: Mapping[str, Any]) -> Json:
    """Give a system."""
    return _named(row)


def scenario(row: Mapping[str, Any]) -> Json:
    """Give a scenario: what it varies, what must hold, and whether that is locked."""
    domain = row.get("domain") or {}
    return {
        **_named(row),
        "features": domain.get("features", []),
        "constraints": domain.get("constraints", []),
        "distribution": domain.get("distribution"),
        "outputs": row.get("outputs") or [],
        "locked": row["locked"],
    }


def job(row: Mapping[str, Any], counts: Mapping[str, int]) -> Json:
    """Give a job, with how many runs are ready, leased and told."""
    fields = ("system_id", "scenario_id", "settings", "stopped")
    return {
        **_named(row),
        **{name: row[name] for name in fields},
        "stop": row["stop_rule"],
        "runs": dict(counts),
    }


def leased(row: Any) -> Json:
    """Give a run as the one gets it who is to run it: without what the models expect."""
    return {
        "number": row.number,
        "point": row.point,
        "lease": row.lease,
        "lease_until": row.lease_until,
    }


def run(row: Any) -> Json:
    """Give a run as it stands."""
    fields = ("number", "kind", "state", "point", "results", "crash", "failed", "late")
    more = ("told", "lease_until", "attempts")
    return {name: getattr(row, name) for name in (*fields, *more)}


def certainty(job_row: Json, last: Mapping[str, Any] | None) -> Json:
    """Give what is certain now; empty until the worker has learnt."""
    return {
        "told": last["told"] if last else 0,
        "outputs": last["certainty"] if last else {},
        "standings": last["standings"] if last else {},
        "stopped": job_row["stopped"],
    }


def snapshot(row: Mapping[str, Any]) -> Json:
    """Give how it stood after so many runs."""
    return {
        "told": row["told"],
        "at": row["at"],
        "outputs": row["certainty"],
        "standings": row["standings"],
    }
