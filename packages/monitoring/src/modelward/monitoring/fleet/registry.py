"""Filling the catalogue from an MLflow model registry."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tqdm.auto import tqdm

from modelward.core.errors import DataError, ModelwardError
from modelward.monitoring.fleet.records import LONGEST_NAME, Event, Model, instant
from modelward.monitoring.fleet.store.catalogue import add_in, all_models
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.events import tell_events
from modelward.monitoring.outputs.mlflow import DIGEST, PREFIX, asked, fetch_reference, reach
from modelward.monitoring.sketch.table import Sketch

PAGE = 200
"""Registered models of one page: MLflow gives 1,000 at most."""
RUNS = 100
"""Runs asked for at once, by their ids."""
_TEXTS, _NUMBERS = ("owner", "group", "task", "metric"), ("traffic", "criticality", "silent_after")
_TASKS = ("classification", "regression", "")


@dataclass(slots=True)
class SyncReport:
    """What came of a synchronisation.

    `seen` counts the registered models; `added` and `changed` name those of the catalogue,
    `deployed` those with another version than before, `references` those whose reference came from
    MLflow; `problems` are words on what could not be taken over.
    """

    seen: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """One registered model as it is now, beside what the catalogue knew of it."""

    model: Model
    before: Model | None
    deployed: datetime
    digest: str | None = None


def sync(
    database: Database,
    *,
    tracking_uri: str,
    registry_uri: str | None,
    alias: str | None,
    pattern: str,
    references: bool,
    now: Callable[[], datetime],
) -> SyncReport:
    """Bring the catalogue to what the registry knows, a page a transaction."""
    report = SyncReport()
    with database.reading() as tx:
        known = {model.registered or model.name: model for model in all_models(tx).values()}
    with asked(tracking_uri, registry_uri=registry_uri) as client:
        experiments = _experiments(client) if references else []
        shown = tqdm(desc="models from MLflow", unit="model", disable=None, leave=False, delay=2)
        with shown:
            for page in _pages(client, tracking_uri, pattern):
                found = _found(client, page, known, report, alias=alias, now=now())
                if references:
                    found = _with_digests(client, found, experiments)
                _keep(database, client, found, now(), report)
                shown.update(len(page))
    return report


def _pages(client: Any, uri: str, pattern: str) -> Iterator[list[Any]]:
    token: str | None = None
    wanted = f"name LIKE '{pattern.replace(chr(39), '')}'" if pattern else None
    while True:
        reach(uri)  # MLflow itself would try for long
        page = client.search_registered_models(
            filter_string=wanted, max_results=PAGE, order_by=["name ASC"], page_token=token
        )
        yield list(page)
        token = page.token
        if not token:
            return


def _found(
    client: Any,
    page: Sequence[Any],
    known: Mapping[str, Model],
    report: SyncReport,
    *,
    alias: str | None,
    now: datetime,
) -> list[_Found]:
    found = []
    for registered in page:
        report.seen += 1
        if len(registered.name) > LONGEST_NAME:
            report.problems.append(f"{registered.name[:60]}…: a name of over {LONGEST_NAME}")
            continue
        before = known.get(registered.name)
        version = _version(client, registered, alias)
        model = _model(registered, version, before, report)
        found.append(_Found(model, before, _deployed(version, before, alias, now)))
    return found


def _version(client: Any, registered: Any, alias: str | None) -> Any:
    """Give the version with the alias, else the one with the highest number; None without any."""
    newest = max(registered.latest_versions or [], key=lambda v: int(v.version), default=None)
    named = dict(registered.aliases or {}).get(alias) if alias else None
    if named is None or (newest is not None and str(newest.version) == str(named)):
        return newest
    return client.get_model_version(registered.name, str(named))


def _model(registered: Any, version: Any, before: Model | None, report: SyncReport) -> Model:
    """Put the catalogue's row together: the tags of the registry, else what was there before."""
    tags = {str(k): str(v) for k, v in dict(registered.tags or {}).items()}
    said = {k: v for k, v in tags.items() if not k.startswith("mlflow.")}
    model = before or Model(registered.name)
    changes: dict[str, Any] = {"registered": registered.name, "tags": dict(model.tags) | said}
    for name in _TEXTS:
        value = said.get(f"{PREFIX}{name}", said.get(name))
        if value is not None and (name != "task" or value in _TASKS):
            changes[name] = value[:LONGEST_NAME]
    for name in _NUMBERS:
        value = said.get(f"{PREFIX}{name}", said.get(name))
        if value is not None:
            number = _number(value)
            if number is None:
                report.problems.append(
                    f"{registered.name}: {name} '{value[:40]}' is no number >= 0"
                )
            else:
                changes[name] = number
    if version is not None:
        changes |= {"version": str(version.version), "run_id": version.run_id or None}
    return replace(model, **changes)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _deployed(version: Any, before: Model | None, alias: str | None, now: datetime) -> datetime:
    """Say when a version was deployed, as well as it is known.

    Its tag `modelward.deployed` says it; else the newest version is taken as deployed when it was
    made. When an alias moved is not known to MLflow: it is when it was first seen.
    """
    if version is None:
        return now
    told = dict(version.tags or {}).get(f"{PREFIX}deployed")
    if told:
        try:
            return instant(told)
        except DataError:
            pass
    made = instant((version.creation_timestamp or 0) / 1000)
    return now if alias and before is not None and before.version is not None else made


def _experiments(client: Any) -> list[str]:
    found: list[str] = []
    token: str | None = None
    while True:
        page = client.search_experiments(max_results=1000, page_token=token)
        found.extend(experiment.experiment_id for experiment in page)
        token = page.token
        if not token:
            return found


def _with_digests(client: Any, found: Sequence[_Found], experiments: Sequence[str]) -> list[_Found]:
    """Ask for the digests of the references of many runs at once."""
    ids = [f.model.run_id for f in found if f.model.run_id]
    digests: dict[str, str] = {}
    for start in range(0, len(ids), RUNS):
        some = ", ".join(f"'{run}'" for run in ids[start : start + RUNS])
        runs = client.search_runs(
            list(experiments), filter_string=f"attributes.run_id IN ({some})", max_results=1000
        )
        digests |= {r.info.run_id: r.data.tags[DIGEST] for r in runs if DIGEST in r.data.tags}
    return [replace(f, digest=digests.get(f.model.run_id or "")) for f in found]


def _keep(
    database: Database, client: Any, found: Sequence[_Found], now: datetime, report: SyncReport
) -> None:
    """Keep a page: models, references and deployments together, or none of them."""
    sketches = {f.model.name: _fetched(client, f, report) for f in found}
    events, changed = [], []
    for each in found:
        model, before = each.model, each.before
        if before != model or sketches[model.name] is not None:
            changed.append((model, sketches[model.name]))
        if model.version is not None and (before is None or before.version != model.version):
            events.append(
                Event(
                    "deployment",
                    each.deployed,
                    f"version {model.version} deployed",
                    model=model.name,
                    version=model.version,
                    source="mlflow",
                )
            )
    with database.writing() as tx:
        add_in(database, tx, changed, at=now)
        tell_events(database, tx, events)
    report.added += [f.model.name for f in found if f.before is None]
    report.changed += [f.model.name for f in found if f.before is not None and f.before != f.model]
    report.deployed += [event.model for event in events if event.model]
    report.references += [name for name, sketch in sketches.items() if sketch is not None]


def _fetched(client: Any, found: _Found, report: SyncReport) -> Sketch | None:
    """Fetch a reference that is not the one in the catalogue; a broken one is a problem told."""
    model, digest = found.model, found.digest
    if digest is None or model.run_id is None or digest == model.reference:
        return None
    try:
        return fetch_reference(client, model.run_id, digest)
    except (ModelwardError, OSError) as error:
        report.problems.append(f"{model.name}: {str(error).splitlines()[0]}")
        return None
