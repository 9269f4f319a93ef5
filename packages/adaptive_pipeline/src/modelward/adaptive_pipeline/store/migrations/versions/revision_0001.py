"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(sa.Text(), "sqlite")
_UNJOINED = sa.text("state IN (0, 1, 3, 4)")
_RECORDING = (
    """
    CREATE FUNCTION recording() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(TG_RELID::bigint);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER recording BEFORE INSERT ON predictions
    FOR EACH STATEMENT EXECUTE FUNCTION recording()
    """,
)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "predictions",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("row", _JSON, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("prediction", _JSON, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("latency", sa.Double(), nullable=True),
        sa.Column("experiment", sa.String(80), nullable=True),
        sa.Column("unit", sa.String(128), nullable=True),
        sa.Column("arm", sa.String(16), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_predictions"),
        sa.UniqueConstraint("request_id", name="uq_predictions_request_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_predictions_at", "predictions", ["at"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        for each in _RECORDING:
            op.execute(each)
    op.create_table(
        "shadows",
        sa.Column("seq", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("prediction", _JSON, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("latency", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["seq"], ["predictions.seq"], name="fk_shadows_seq"),
        sa.PrimaryKeyConstraint("seq", "version", name="pk_shadows"),
    )
    op.create_table(
        "labels",
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("label", _JSON, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "revision", name="pk_labels"),
    )
    op.create_index(
        "ix_labels_unjoined",
        "labels",
        ["state", "at"],
        unique=False,
        sqlite_where=_UNJOINED,
        postgresql_where=_UNJOINED,
    )
    op.create_table(
        "conflicts",
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(512), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "revision", "label", name="pk_conflicts"),
    )
    op.create_table(
        "joined",
        sa.Column("position", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("label", _JSON, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["predictions.seq"], name="fk_joined_seq"),
        sa.PrimaryKeyConstraint("position", name="pk_joined"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_joined_seq_revision", "joined", ["seq", "revision"], unique=True)
    op.create_table(
        "losses",
        sa.Column("position", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("loss", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["position"], ["joined.position"], name="fk_losses_position"),
        sa.PrimaryKeyConstraint("position", "version", name="pk_losses"),
    )
    op.create_table(
        "windows",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("segment", sa.String(160), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("m2", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("version", "segment", "start", name="pk_windows"),
    )
    op.create_table(
        "tallies",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_tallies"),
    )
    op.create_table(
        "state",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_state"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "signals",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_signals"),
        sa.UniqueConstraint("key", name="uq_signals_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ledger",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(71), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_ledger"),
        sa.UniqueConstraint("digest", name="uq_ledger_digest"),
    )
