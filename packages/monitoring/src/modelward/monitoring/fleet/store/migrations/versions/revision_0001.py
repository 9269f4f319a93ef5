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
_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), *_MYSQL)
_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), *_MYSQL)
_JSON = _TEXT
_BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *_MYSQL)
_OPTIONS: Any = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "fleet_assessments",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("began", _INSTANT, nullable=False),
        sa.Column("ended", _INSTANT, nullable=False),
        sa.Column("settings", _JSON, nullable=False),
        sa.Column("q", sa.Double(), nullable=False),
        sa.Column("model_count", sa.Integer(), nullable=False),
        sa.Column("started", _INSTANT, nullable=False),
        sa.Column("finished", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_assessments"),
        **_OPTIONS,
    )
    op.create_table(
        "fleet_events",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_key", sa.String(length=64), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("model_key", sa.String(length=64), nullable=True),
        sa.Column("content", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_events"),
        sa.UniqueConstraint("event_key", name="uq_fleet_events_event_key"),
        **_OPTIONS,
    )
    op.create_index("ix_fleet_events_at", "fleet_events", ["at"], unique=False)
    op.create_index("ix_fleet_events_model_key", "fleet_events", ["model_key"], unique=False)
    op.create_table(
        "fleet_incidents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("first_began", _INSTANT, nullable=False),
        sa.Column("last_ended", _INSTANT, nullable=False),
        sa.Column("expected_loss", sa.Double(), nullable=True),
        sa.Column("silenced_until", _INSTANT, nullable=True),
        sa.Column("content", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_incidents"),
        **_OPTIONS,
    )
    op.create_index("ix_fleet_incidents_is_open", "fleet_incidents", ["is_open"], unique=False)
    op.create_table(
        "fleet_leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_fleet_leases"),
        **_OPTIONS,
    )
    op.create_table(
        "fleet_models",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("owner", sa.String(length=500), nullable=False),
        sa.Column("group_name", sa.String(length=500), nullable=False),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("metric", sa.String(length=500), nullable=False),
        sa.Column("traffic", sa.Double(), nullable=False),
        sa.Column("criticality", sa.Double(), nullable=False),
        sa.Column("silent_after", sa.Double(), nullable=False),
        sa.Column("registered", sa.String(length=500), nullable=True),
        sa.Column("version", sa.String(length=500), nullable=True),
        sa.Column("run_id", sa.String(length=500), nullable=True),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("added", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_models"),
        sa.UniqueConstraint("name_key", name="uq_fleet_models_name_key"),
        **_OPTIONS,
    )
    op.create_table(
        "fleet_resource_samples",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("host_key", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=500), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("content", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_resource_samples"),
        sa.UniqueConstraint("host_key", "at", name="uq_fleet_resource_samples_host_key_at"),
        **_OPTIONS,
    )
    op.create_table(
        "fleet_workflow_runs",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("run_key", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("run_id", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("queued", _INSTANT, nullable=True),
        sa.Column("started", _INSTANT, nullable=True),
        sa.Column("ended", _INSTANT, nullable=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("error", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_workflow_runs"),
        sa.UniqueConstraint("run_key", name="uq_fleet_workflow_runs_run_key"),
        **_OPTIONS,
    )
    op.create_index("ix_fleet_workflow_runs_at", "fleet_workflow_runs", ["at"], unique=False)
    op.create_index(
        "ix_fleet_workflow_runs_name_key", "fleet_workflow_runs", ["name_key"], unique=False
    )
    op.create_table(
        "fleet_references",
        sa.Column("model_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("content", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["fleet_models.id"],
            name="fk_fleet_references_model_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", name="pk_fleet_references"),
        **_OPTIONS,
    )
    op.create_table(
        "fleet_results",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("model_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("began", _INSTANT, nullable=False),
        sa.Column("ended", _INSTANT, nullable=False),
        sa.Column("assessment_id", _SERIAL, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("summary", _JSON, nullable=False),
        sa.Column("performance", _JSON, nullable=True),
        sa.Column("expected_loss", sa.Double(), nullable=True),
        sa.Column("largest_change", sa.Double(), nullable=False),
        sa.Column("detail", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["fleet_models.id"], name="fk_fleet_results_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_results"),
        sa.UniqueConstraint(
            "model_id", "began", "ended", name="uq_fleet_results_model_id_began_ended"
        ),
        **_OPTIONS,
    )
    op.create_table(
        "fleet_statuses",
        sa.Column("model_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("last_window", _INSTANT, nullable=True),
        sa.Column("silent_from", _INSTANT, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("began", _INSTANT, nullable=True),
        sa.Column("ended", _INSTANT, nullable=True),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("feature_count", sa.Integer(), nullable=False),
        sa.Column("drifted_count", sa.Integer(), nullable=False),
        sa.Column("unjudged_count", sa.Integer(), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("largest_change", sa.Double(), nullable=False),
        sa.Column("smallest_q", sa.Double(), nullable=True),
        sa.Column("summary", _JSON, nullable=False),
        sa.Column("performance", _JSON, nullable=True),
        sa.Column("lost", sa.Double(), nullable=True),
        sa.Column("expected_loss", sa.Double(), nullable=True),
        sa.Column("incident", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["fleet_models.id"], name="fk_fleet_statuses_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", name="pk_fleet_statuses"),
        **_OPTIONS,
    )
    op.create_index(
        "ix_fleet_statuses_expected_loss", "fleet_statuses", ["expected_loss"], unique=False
    )
    op.create_table(
        "fleet_windows",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("model_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("began", _INSTANT, nullable=False),
        sa.Column("ended", _INSTANT, nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("performance", _JSON, nullable=True),
        sa.Column("failures", _JSON, nullable=False),
        sa.Column("recorded", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["fleet_models.id"], name="fk_fleet_windows_model_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_windows"),
        sa.UniqueConstraint(
            "model_id", "began", "ended", name="uq_fleet_windows_model_id_began_ended"
        ),
        **_OPTIONS,
    )
    op.create_index("ix_fleet_windows_ended", "fleet_windows", ["ended"], unique=False)
    op.create_table(
        "fleet_sketches",
        sa.Column("window_id", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("content", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["fleet_windows.id"],
            name="fk_fleet_sketches_window_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("window_id", name="pk_fleet_sketches"),
        **_OPTIONS,
    )
