"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

_MYSQL = ("mysql", "mariadb")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.Text().with_variant(mysql.LONGTEXT(), *_MYSQL)
_OPTIONS: Any = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "validation_tenants",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_validation_tenants"),
        sa.UniqueConstraint("name_key", name="uq_validation_tenants_name_key"),
        **_OPTIONS,
    )
    op.create_table(
        "validation_workers",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("seen", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_validation_workers"),
        **_OPTIONS,
    )
    op.create_table(
        "validation_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("tenant_id", _SERIAL, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=500), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("revoked", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_validation_keys"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["validation_tenants.id"],
            name="fk_validation_keys_tenant_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_table(
        "validation_scenarios",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", _SERIAL, nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("description", _JSON, nullable=False),
        sa.Column("metainfo", _JSON, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("domain", _JSON, nullable=True),
        sa.Column("outputs", _JSON, nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_validation_scenarios"),
        sa.UniqueConstraint(
            "tenant_id", "name_key", name="uq_validation_scenarios_tenant_id_name_key"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["validation_tenants.id"],
            name="fk_validation_scenarios_tenant_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_table(
        "validation_systems",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", _SERIAL, nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("description", _JSON, nullable=False),
        sa.Column("metainfo", _JSON, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_validation_systems"),
        sa.UniqueConstraint(
            "tenant_id", "name_key", name="uq_validation_systems_tenant_id_name_key"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["validation_tenants.id"],
            name="fk_validation_systems_tenant_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_table(
        "validation_jobs",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", _SERIAL, nullable=False),
        sa.Column("system_id", _SERIAL, nullable=False),
        sa.Column("scenario_id", _SERIAL, nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("description", _JSON, nullable=False),
        sa.Column("metainfo", _JSON, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("settings", _JSON, nullable=False),
        sa.Column("stop_rule", _JSON, nullable=False),
        sa.Column("stopped", _JSON, nullable=True),
        sa.Column("worker", sa.String(length=200), nullable=False),
        sa.Column("worker_token", sa.BigInteger(), nullable=False),
        sa.Column("worker_until", sa.Double(), nullable=False),
        sa.Column("engine_state", _JSON, nullable=True),
        sa.Column("learnt", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_validation_jobs"),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["validation_scenarios.id"],
            name="fk_validation_jobs_scenario_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["system_id"],
            ["validation_systems.id"],
            name="fk_validation_jobs_system_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "tenant_id",
            "system_id",
            "scenario_id",
            "name_key",
            name="uq_validation_jobs_tenant_id_system_id_scenario_id_name_key",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["validation_tenants.id"],
            name="fk_validation_jobs_tenant_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_table(
        "validation_sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=True),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_validation_sessions"),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["validation_keys.id"],
            name="fk_validation_sessions_key_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_index("ix_validation_sessions_expires", "validation_sessions", ["expires"])
    op.create_table(
        "validation_explanations",
        sa.Column("job_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("content", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_validation_explanations"),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["validation_jobs.id"],
            name="fk_validation_explanations_job_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_table(
        "validation_runs",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("job_id", _SERIAL, nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("point", _JSON, nullable=False),
        sa.Column("proposal", _JSON, nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("lease_key", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("holder", sa.String(length=16), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("results", _JSON, nullable=True),
        sa.Column("crash", _JSON, nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Double(), nullable=True),
        sa.Column("entry_key", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_validation_runs"),
        sa.UniqueConstraint("job_id", "entry_key", name="uq_validation_runs_job_id_entry_key"),
        sa.UniqueConstraint("job_id", "number", name="uq_validation_runs_job_id_number"),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["validation_jobs.id"],
            name="fk_validation_runs_job_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
    op.create_index("ix_validation_runs_lease_key", "validation_runs", ["job_id", "lease_key"])
    op.create_index("ix_validation_runs_queue", "validation_runs", ["job_id", "state", "number"])
    op.create_index("ix_validation_runs_told", "validation_runs", ["told"])
    op.create_table(
        "validation_snapshots",
        sa.Column("job_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("told", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("certainty", _JSON, nullable=False),
        sa.Column("standings", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "told", name="pk_validation_snapshots"),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["validation_jobs.id"],
            name="fk_validation_snapshots_job_id",
            ondelete="CASCADE",
        ),
        **_OPTIONS,
    )
