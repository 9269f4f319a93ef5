"""The tables of the store, in the order in which the data passes through them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

predictions = Table(
    "predictions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),  # order of serving, from 1
    Column("request_id", String(128), nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("row", JSON, nullable=False),
    Column("version", String(64), nullable=False),
    Column("prediction", JSON(none_as_null=True)),
    Column("error", Text),
    sqlite_autoincrement=True,
)
"""What the champion answered; a failed answer has an error and no prediction."""

shadows = Table(
    "shadows",
    metadata,
    Column("request_id", String(128), ForeignKey("predictions.request_id"), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("prediction", JSON(none_as_null=True)),
    Column("error", Text),
)
"""What a challenger would have answered to the same request."""

labels = Table(
    "labels",
    metadata,
    Column("request_id", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("label", JSON, nullable=False),
    Column("at", Float, nullable=False),
    Column("parked", Boolean, nullable=False, default=False),
)
"""Ground truth as it arrived, each revision kept; parked while its prediction has not come."""

Index("labels_parked", labels.c.parked, sqlite_where=labels.c.parked)

conflicts = Table(
    "conflicts",
    metadata,
    Column("request_id", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("label", Text, primary_key=True),  # canonical JSON, so that a repeat is not counted
    Column("at", Float, nullable=False),
)
"""Labels that contradict one kept before under the same request and revision."""

joined = Table(
    "joined",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),  # order of joining, from 1
    Column("request_id", String(128), nullable=False, unique=True),
    Column("seq", Integer, nullable=False, index=True),
    Column("label", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", Float, nullable=False),
    sqlite_autoincrement=True,
)
"""A prediction with the newest revision of its label."""

losses = Table(
    "losses",
    metadata,
    Column("position", Integer, ForeignKey("joined.position"), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("loss", Float, nullable=False),
)
"""The loss of each model version on each joined request."""

state = Table(
    "state",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)
"""Where the controller stands, so that a restart goes on from there."""

ledger = Table(
    "ledger",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # no gaps, from 1
    Column("at", Float, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("previous", String(71), nullable=False),
    Column("digest", String(71), nullable=False, unique=True),
)
"""Every decision, each row sealed over the one before."""
