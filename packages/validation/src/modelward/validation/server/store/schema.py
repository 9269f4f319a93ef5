"""The tables of the validation server, from who may ask down to what came back.

All times are seconds since 1970 (UTC). Names can be longer than some databases can index: they are
found by their SHA-256. Every change here needs a migration in `migrations/versions`; a test holds
the two together.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from modelward.core.database.columns import Json, Serial
from modelward.core.database.schema import NAMING, OPTIONS

metadata = MetaData(naming_convention=NAMING)
LONGEST_NAME = 500


def _serial() -> Column[int]:
    return Column("id", Serial, primary_key=True, autoincrement=True)


def _parent(name: str, table: str, *, primary: bool = False) -> Column[int]:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Column(name, Serial, key, nullable=False, primary_key=primary, autoincrement=False)


def _named() -> list[Column[Any]]:
    return [
        Column("name_key", String(64), nullable=False),
        Column("name", String(LONGEST_NAME), nullable=False),
        Column("description", Json, nullable=False),
        Column("metainfo", Json, nullable=False),
        Column("created", Double, nullable=False),
    ]


tenants = Table(
    "validation_tenants",
    metadata,
    _serial(),
    Column("name_key", String(64), nullable=False, unique=True),
    Column("name", String(LONGEST_NAME), nullable=False),
    Column("created", Double, nullable=False),
    **OPTIONS,
)

keys = Table(
    "validation_keys",
    metadata,
    Column("id", String(16), primary_key=True),  # the part of a key that may be shown
    _parent("tenant_id", "validation_tenants"),
    Column("digest", String(64), nullable=False),  # SHA-256 of the whole key
    Column("label", String(LONGEST_NAME), nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    **OPTIONS,
)

sessions = Table(
    "validation_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("key_id", String(16), ForeignKey("validation_keys.id", ondelete="CASCADE")),
    Column("expires", Double, nullable=False, index=True),
    **OPTIONS,
)
"""Logins of the pages: a session ends with its key."""

systems = Table(
    "validation_systems",
    metadata,
    _serial(),
    _parent("tenant_id", "validation_tenants"),
    *_named(),
    UniqueConstraint("tenant_id", "name_key"),
    **OPTIONS,
)

scenarios = Table(
    "validation_scenarios",
    metadata,
    _serial(),
    _parent("tenant_id", "validation_tenants"),
    *_named(),
    Column("domain", Json),  # features, constraints, distribution
    Column("outputs", Json),
    Column("locked", Boolean, nullable=False),  # once the first job is there
    UniqueConstraint("tenant_id", "name_key"),
    **OPTIONS,
)

jobs = Table(
    "validation_jobs",
    metadata,
    _serial(),
    _parent("tenant_id", "validation_tenants"),
    _parent("system_id", "validation_systems"),
    _parent("scenario_id", "validation_scenarios"),
    *_named(),
    Column("settings", Json, nullable=False),
    Column("stop_rule", Json, nullable=False),
    Column("stopped", Json),  # why no more runs are proposed; null while they are
    Column("worker", String(200), nullable=False),
    Column("worker_token", BigInteger, nullable=False),  # grows by one with each worker
    Column("worker_until", Double, nullable=False),
    Column("engine_state", Json),
    Column("learnt", Integer, nullable=False),  # told runs in what the pages show
    UniqueConstraint("tenant_id", "system_id", "scenario_id", "name_key"),
    **OPTIONS,
)

runs = Table(
    "validation_runs",
    metadata,
    _serial(),
    _parent("job_id", "validation_jobs"),
    Column("number", Integer),  # its place in the study; field data waits for one
    Column("kind", String(16), nullable=False),
    Column("state", String(8), nullable=False),  # ready, leased, told
    Column("point", Json, nullable=False),
    Column("proposal", Json),  # what the models foretold, fixed before the result is known
    Column("lease", String(32)),
    Column("lease_key", String(64)),  # of the request that leased it: a repeat gets the same runs
    Column("lease_until", Double),
    Column("holder", String(16)),  # the key it was leased to
    Column("attempts", Integer, nullable=False),  # how often it was given out
    Column("results", Json),
    Column("crash", Json),
    Column("failed", Boolean),
    Column("late", Boolean, nullable=False),  # told after its lease had run out
    Column("told", Double, index=True),
    Column("entry_key", String(64)),  # of the request that brought it, with its place there
    UniqueConstraint("job_id", "number"),
    UniqueConstraint("job_id", "entry_key"),
    Index("ix_validation_runs_queue", "job_id", "state", "number"),
    Index("ix_validation_runs_lease_key", "job_id", "lease_key"),
    **OPTIONS,
)

snapshots = Table(
    "validation_snapshots",
    metadata,
    _parent("job_id", "validation_jobs", primary=True),
    Column("told", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("certainty", Json, nullable=False),  # output -> certainty
    Column("standings", Json, nullable=False),  # output -> models, the leader marked
    **OPTIONS,
)
"""How the certainty grew, and who led."""

explanations = Table(
    "validation_explanations",
    metadata,
    _parent("job_id", "validation_jobs", primary=True),
    Column("told", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("content", Json, nullable=False),
    **OPTIONS,
)
"""Where a job fails, as the worker saw it last."""

workers = Table(
    "validation_workers",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("seen", Double, nullable=False),
    **OPTIONS,
)
