"""What to do about an incident: one sentence a person can act on."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.monitoring.fleet.records import Event


def suggest_for_column(
    columns: Sequence[str],
    source: str,
    members: int,
    before: Sequence[Event],
    words: Sequence[str],
) -> str:
    """Say what to do about columns that went bad in many models.

    >>> suggest_for_column(["age"], "crm.people", 300, (), ["age: missing in the window"])
    "Ask who delivers 'age' (crm.people) what changed: age: missing in the window. Repair it there,
    and hold the retraining of the 300 models until it is well: they would learn the fault."
    """
    names = ", ".join(f"'{name}'" for name in columns[:3])
    where = f"{names} ({source})" if source else names
    data = next((event for event in before if event.kind == "data"), None)
    if data is not None:
        begin = f"Look first at what was done to the data at {_when(data)}: {data.text}."
    else:
        said = f": {words[0]}" if words else ""
        begin = f"Ask who delivers {where} what changed{said}."
    deployed = {event.model for event in before if event.kind == "deployment" and event.model}
    if data is None and 2 * len(deployed) >= members:
        begin += f" {len(deployed)} of the models were deployed shortly before: compare versions."
    return (
        f"{begin} Repair it there, and hold the retraining of the {members} models until it is "
        "well: they would learn the fault."
    )


def suggest_for_model(
    *,
    degraded: bool,
    drifted: Sequence[str],
    broken: Sequence[str],
    lost: float | None,
    before: Sequence[Event],
) -> str:
    """Say what to do about one model alone.

    >>> suggest_for_model(degraded=True, drifted=["age"], broken=[], lost=0.1, before=())
    "Retrain it on recent rows with labels; 'age' is where its inputs moved most."
    """
    if broken:
        return f"Repair the data first: {broken[0]}."
    moved = f"; '{drifted[0]}' is where its inputs moved most" if drifted else ""
    if degraded:
        deployment = next((event for event in before if event.kind == "deployment"), None)
        if deployment is not None:
            version = f" of version {deployment.version}" if deployment.version else ""
            return (
                f"It got worse after the deployment{version} at {_when(deployment)}: compare it with "
                f"the version before, and go back if that one is better{moved}."
            )
        if not drifted:
            return (
                "Its inputs have not moved, so what they mean may have: check the newest labels, "
                "then retrain."
            )
        return f"Retrain it on recent rows with labels{moved}."
    if lost is None:
        return f"What it costs is not known: get labels for recent rows, or an estimate{moved}."
    return f"No loss of performance is shown: watch it{moved}."


def _when(event: Event) -> str:
    return event.at.isoformat(timespec="minutes").replace("+00:00", "Z")
