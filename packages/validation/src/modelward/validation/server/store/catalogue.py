"""Systems, scenarios and jobs: what is tested, in which space, and each attempt at it."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from modelward.core.errors import DataError
from modelward.validation.server.errors import ConflictError, NotFoundError
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.names import checked, checked_info, key
from modelward.validation.server.store.schema import jobs, scenarios, systems

Row = dict[str, Any]
_MOST = 10_000
LONGEST_TEXT = 20_000


def get_or_create(
    database: Database,
    table: Table,
    tenant: int,
    name: str,
    *,
    description: str = "",
    metainfo: dict[str, Any] | None = None,
    **more: Any,
) -> Row:
    """Give the system or scenario of a name, made where there is none.

    One that is there stays as it is. Raises `DataError` for a name or text no database can hold.
    """
    what = "system" if table is systems else "scenario"
    row = {
        "tenant_id": tenant,
        "name_key": key(checked(name, what=f"the name of a {what}")),
        "name": name,
        "description": checked(description, what="a description", longest=LONGEST_TEXT, empty=True),
        "metainfo": checked_info(metainfo),
        "created": time.time(),
        **more,
    }
    query = select(table).where(table.c.tenant_id == tenant, table.c.name_key == row["name_key"])
    return _first(database, query) or _insert(database, table, row, query)


def find(connection: Connection, table: Table, tenant: int, number: int) -> Row:
    """Give a system, scenario or job of a tenant. Raises `NotFoundError`."""
    query = select(table).where(table.c.id == number, table.c.tenant_id == tenant)
    # A number no database can hold is none of ours.
    row = connection.execute(query).mappings().one_or_none() if abs(number) < 2**63 else None
    if row is None:
        what = table.name.removeprefix("validation_").removesuffix("s")
        raise NotFoundError(f"expected a {what} of yours, got none with the id {number}")
    return dict(row)


def tenant_of(database: Database, job: int) -> int:
    """Give whose a job is. Raises `NotFoundError`."""
    with database.reading() as tx:
        found = tx.scalar(select(jobs.c.tenant_id).where(jobs.c.id == job))
    if found is None:
        raise NotFoundError(f"expected a job of this store, got none with the id {job}")
    return int(found)


def every(database: Database, table: Table, tenant: int, **where: int | None) -> list[Row]:
    """Give the systems, scenarios or jobs of a tenant, the oldest first."""
    query = select(table).where(table.c.tenant_id == tenant)
    for name, value in where.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    with database.reading() as tx:
        rows = tx.execute(query.order_by(table.c.id).limit(_MOST)).mappings()
        return [dict(row) for row in rows]


def scenarios_of(database: Database, tenant: int, system: int) -> list[Row]:
    """Give the scenarios in which a system has jobs."""
    mine = select(jobs.c.scenario_id).where(jobs.c.system_id == system)
    query = select(scenarios).where(scenarios.c.tenant_id == tenant, scenarios.c.id.in_(mine))
    with database.reading() as tx:
        return [dict(row) for row in tx.execute(query.order_by(scenarios.c.id)).mappings()]


def configure(database: Database, tenant: int, number: int, **values: Any) -> Row:
    """Set what a scenario varies or what must hold (`domain`, `outputs`).

    To set the same again changes nothing. Raises `NotFoundError`, and `ConflictError` when a job is
    there already: its runs could not be compared with those to come.
    """
    with database.writing() as tx:
        # The row is locked, so that no job is made between the look and the change.
        tx.execute(select(scenarios.c.id).where(scenarios.c.id == number).with_for_update())
        row = find(tx, scenarios, tenant, number)
        if all(row[name] == value for name, value in values.items()):
            return row
        if row["locked"]:
            raise ConflictError(
                f"expected the configuration of scenario '{row['name']}' as it is: a job runs on it",
                hint="make another scenario; results of one are comparable with each other.",
            )
        tx.execute(update(scenarios).where(scenarios.c.id == number).values(**values))
        return row | values


def get_or_create_job(
    database: Database,
    tenant: int,
    system: int,
    scenario: int,
    name: str,
    *,
    settings: dict[str, Any],
    stop_rule: dict[str, Any],
    description: str = "",
    metainfo: dict[str, Any] | None = None,
) -> Row:
    """Give the job of a name on a system and a scenario, made where there is none.

    The first job locks the scenario. Raises `NotFoundError` for a system or scenario that is not
    there, `ConflictError` for a scenario without features and outputs.
    """
    row = {
        "tenant_id": tenant,
        "system_id": system,
        "scenario_id": scenario,
        "name_key": key(checked(name, what="the name of a job")),
        "name": name,
        "description": checked(description, what="a description", longest=LONGEST_TEXT, empty=True),
        "metainfo": checked_info(metainfo),
        "created": time.time(),
        "settings": settings,
        "stop_rule": stop_rule,
        "worker": "",
        "worker_token": 0,
        "worker_until": 0.0,
        "learnt": 0,
    }
    same = ("tenant_id", "system_id", "scenario_id", "name_key")
    query = select(jobs).where(*(jobs.c[column] == row[column] for column in same))
    with database.reading() as tx:
        find(tx, systems, tenant, system)
        space = find(tx, scenarios, tenant, scenario)
        found = tx.execute(query).mappings().one_or_none()
    if found is not None:
        return dict(found)
    missing = [what for what in ("domain", "outputs") if not space[what]]
    if missing:
        raise ConflictError(
            f"expected a configured scenario, got '{space['name']}' without "
            f"{' and '.join('features' if m == 'domain' else m for m in missing)}",
            hint="call configure_features and configure_output first.",
        )
    return _insert(database, jobs, row, query, locks=scenario)


def set_stop(
    database: Database, tenant: int, number: int, *, rule: dict[str, Any] | None, stopped: Any
) -> None:
    """Stop a job, or let it go on by another rule (None: by the same). Raises `NotFoundError`."""
    values: dict[str, Any] = {"stopped": stopped}
    if rule is not None:
        values["stop_rule"] = rule
    with database.writing() as tx:
        find(tx, jobs, tenant, number)
        tx.execute(update(jobs).where(jobs.c.id == number).values(**values))


def _first(database: Database, query: Any) -> Row | None:
    with database.reading() as tx:
        row = tx.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def _insert(
    database: Database, table: Table, row: Row, query: Any, *, locks: int | None = None
) -> Row:
    try:
        with database.writing() as tx:
            if locks is not None:
                tx.execute(update(scenarios).where(scenarios.c.id == locks).values(locked=True))
            tx.execute(insert(table).values(**row))
    except IntegrityError:
        pass  # another made it just now: give that one
    found = _first(database, query)
    if found is None:
        raise DataError(f"expected '{row['name']}' to be there after it was made, got none")
    return found
