"""The tables of the store, in the order in which the data passes through them.

Every change here needs a migration in `migrations/versions`; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    event,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles

from modelward.core.database.columns import Serial
from modelward.core.database.schema import NAMING


class Json(JSON):
    """JSON; on SQLite a text column, because one called JSON would turn a text of digits into a number."""

    cache_ok = True


@compiles(Json, "sqlite")
def _text(*_: Any, **__: Any) -> str:
    return "TEXT"


metadata = MetaData(naming_convention=NAMING)

predictions = Table(
    "predictions",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),  # order of recording, from 1
    Column("request_id", String(128), nullable=False, unique=True),
    Column("at", Double, nullable=False, index=True),  # event time, Unix seconds
    Column("row", Json, nullable=False),
    Column("version", String(64), nullable=False),  # who answered
    Column("prediction", Json(none_as_null=True)),
    Column("error", Text),
    Column("latency", Double),  # seconds the model took
    Column("experiment", String(80)),  # the split it was assigned in, if there was one
    Column("unit", String(128)),  # what was assigned: the caller's unit id, else the request id
    Column("arm", String(16)),  # "champion" or "challenger", as assigned
    Column("probability", Double),  # of that assignment
    Column("fallback", Text),  # why the champion answered for the challenger, if it did
    sqlite_autoincrement=True,
)
"""What was answered; a failed answer has an error and no prediction."""

# PostgreSQL gives out numbers before they are committed. So that the joiner can wait for those who
# record just now (`recording.newest`), each holds a lock, shared with the others, until it commits.
RECORDING = (
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
for _each in RECORDING:
    _ddl = DDL(_each)  # type: ignore[no-untyped-call] # SQLAlchemy's
    event.listen(predictions, "after_create", _ddl.execute_if(dialect="postgresql"))

shadows = Table(
    "shadows",
    metadata,
    Column("seq", Serial, ForeignKey("predictions.seq"), primary_key=True, autoincrement=False),
    Column("version", String(64), primary_key=True),
    Column("prediction", Json(none_as_null=True)),
    Column("error", Text),
    Column("latency", Double),  # seconds for this row alone, where it was timed alone
)
"""What another version would have answered to the same request."""

NEW, PARKED, JOINED, ORPHAN, TAKEN = range(5)

labels = Table(
    "labels",
    metadata,
    Column("request_id", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("label", Json, nullable=False),
    Column("at", Double, nullable=False),  # when it arrived
    Column("state", SmallInteger, nullable=False, default=NEW),
)
"""Ground truth as it arrived, each revision kept.

`state`: NEW (not looked at), PARKED (its prediction has not come), JOINED, ORPHAN (none is expected
to come any more, or the request failed). TAKEN is a label being looked at: no other transaction ever
sees it.
"""

# Spelt out, not bound: SQLite takes a partial index only for a query that repeats its very words.
UNJOINED = labels.c.state.in_([literal_column(str(each)) for each in (NEW, PARKED, ORPHAN, TAKEN)])

Index(
    "ix_labels_unjoined",
    labels.c.state,
    labels.c.at,
    sqlite_where=UNJOINED,
    postgresql_where=UNJOINED,
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("request_id", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("label", String(512), primary_key=True),  # canonical JSON, so that a repeat counts once
    Column("at", Double, nullable=False),
)
"""Labels that contradict one kept before under the same request and revision."""

joined = Table(
    "joined",
    metadata,
    Column("position", Serial, primary_key=True, autoincrement=True),  # order of joining, from 1
    Column("seq", Serial, ForeignKey("predictions.seq"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("label", Json, nullable=False),
    Column("at", Double, nullable=False),
    Column("late", Boolean, nullable=False),  # it came after the horizon
    sqlite_autoincrement=True,
)
"""The log of joins, append-only: each revision of a label is one more row; the highest stands."""

Index("uq_joined_seq_revision", joined.c.seq, joined.c.revision, unique=True)

losses = Table(
    "losses",
    metadata,
    Column(
        "position", Serial, ForeignKey("joined.position"), primary_key=True, autoincrement=False
    ),
    Column("version", String(64), primary_key=True),
    Column("loss", Double, nullable=False),
)
"""The loss of each model version at each join."""

windows = Table(
    "windows",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("segment", String(160), primary_key=True),  # "" for all requests, else "column=value"
    Column("start", Double, primary_key=True),  # event time, Unix seconds
    Column("n", BigInteger, nullable=False),
    Column("mean", Double, nullable=False),
    Column("m2", Double, nullable=False),
)
"""Moments of the loss by event-time window; they stay when the events behind them are deleted."""

tallies = Table(
    "tallies",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Running totals, changed in the transaction of what they count, so that reading them is O(1)."""

state = Table(
    "state",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Json, nullable=False),
)
"""Where each part stands, so that a restart goes on from there."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("token", BigInteger, nullable=False),  # grows by one with each holder
    Column("expires", Double, nullable=False),
)
"""Who may act as the one controller or the one joiner."""

signals = Table(
    "signals",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),  # what makes a repeat a repeat
    Column("at", Double, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger),
    sqlite_autoincrement=True,
)
"""Wishes for a retraining that came from outside the controller: webhooks, commands."""

ledger = Table(
    "ledger",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # no gaps, from 1
    Column("at", Double, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("previous", String(71), nullable=False),
    Column("digest", String(71), nullable=False, unique=True),
)
"""Every decision, each row sealed over the one before."""
