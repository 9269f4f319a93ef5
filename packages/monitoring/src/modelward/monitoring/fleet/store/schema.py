"""The tables of a fleet, in the order in which the data passes through them.

Names can be 500 characters long, more than some databases can index: models, incidents and runs are
found by the SHA-256 of their name. Every change here needs a migration in `migrations/versions`; a
test holds the two together.
"""

from __future__ import annotations

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

from modelward.core.database.columns import Bytes, Instant, Json, Long, Serial
from modelward.core.database.schema import NAMING, OPTIONS

metadata = MetaData(naming_convention=NAMING)


def _model(*, primary: bool = False) -> Column[int]:
    return Column(
        "model_id",
        Serial,
        ForeignKey("fleet_models.id", ondelete="CASCADE"),
        primary_key=primary,
        autoincrement=False,
        nullable=False,
    )


models = Table(
    "fleet_models",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("name_key", String(64), nullable=False, unique=True),
    Column("name", String(500), nullable=False),
    Column("owner", String(500), nullable=False),
    Column("group_name", String(500), nullable=False),
    Column("task", String(32), nullable=False),
    Column("metric", String(500), nullable=False),
    Column("traffic", Double, nullable=False),
    Column("criticality", Double, nullable=False),
    Column("silent_after", Double, nullable=False),
    Column("registered", String(500)),
    Column("version", String(500)),
    Column("run_id", String(500)),
    Column("reference", String(80)),
    Column("tags", Json, nullable=False),
    Column("added", Instant, nullable=False),
    **OPTIONS,
)
"""The catalogue."""

references = Table(
    "fleet_references",
    metadata,
    _model(primary=True),
    Column("digest", String(80), nullable=False),
    Column("content", Bytes, nullable=False),
    **OPTIONS,
)
"""The sketch that a model's windows are compared with."""

windows = Table(
    "fleet_windows",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _model(),
    Column("began", Instant, nullable=False),
    Column("ended", Instant, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("performance", Json),
    Column("failures", Json, nullable=False),
    Column("recorded", Instant, nullable=False),
    UniqueConstraint("model_id", "began", "ended"),
    Index("ix_fleet_windows_ended", "ended"),
    **OPTIONS,
)
"""What came in a stretch of time; the sketch lies apart, so that these rows stay small."""

sketches = Table(
    "fleet_sketches",
    metadata,
    Column(
        "window_id",
        Serial,
        ForeignKey("fleet_windows.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("content", Bytes, nullable=False),
    **OPTIONS,
)

assessments = Table(
    "fleet_assessments",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("began", Instant, nullable=False),
    Column("ended", Instant, nullable=False),
    Column("settings", Json, nullable=False),
    Column("q", Double, nullable=False),
    Column("model_count", Integer, nullable=False),
    Column("started", Instant, nullable=False),
    Column("finished", Instant),
    **OPTIONS,
)
"""Each time the fleet was judged as one; `finished` is empty until all of it is stored."""

results = Table(
    "fleet_results",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _model(),
    Column("began", Instant, nullable=False),
    Column("ended", Instant, nullable=False),
    Column("assessment_id", Serial, nullable=False),
    Column("state", String(16), nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("summary", Json, nullable=False),
    Column("performance", Json),
    Column("expected_loss", Double),
    Column("largest_change", Double, nullable=False),
    Column("detail", Bytes, nullable=False),
    UniqueConstraint("model_id", "began", "ended"),
    **OPTIONS,
)
"""The decision on each model's window; the features are in `detail`."""

statuses = Table(
    "fleet_statuses",
    metadata,
    _model(primary=True),
    Column("last_window", Instant),  # the end of the newest window that came, assessed or not
    Column("silent_from", Instant),
    Column("state", String(16), nullable=False),
    Column("began", Instant),
    Column("ended", Instant),
    Column("row_count", BigInteger, nullable=False),
    Column("feature_count", Integer, nullable=False),
    Column("drifted_count", Integer, nullable=False),
    Column("unjudged_count", Integer, nullable=False),
    Column("failure_count", Integer, nullable=False),
    Column("largest_change", Double, nullable=False),
    Column("smallest_q", Double),
    Column("summary", Json, nullable=False),
    Column("performance", Json),
    Column("lost", Double),
    Column("expected_loss", Double),
    Column("incident", String(64)),
    Index("ix_fleet_statuses_expected_loss", "expected_loss"),
    **OPTIONS,
)
"""What is known of each model now: the newest assessed window, in columns to sort and search by."""

events = Table(
    "fleet_events",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("event_key", String(64), nullable=False, unique=True),  # what makes a repeat a repeat
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("model_key", String(64), index=True),
    Column("content", Json, nullable=False),
    **OPTIONS,
)

incidents = Table(
    "fleet_incidents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("is_open", Boolean, nullable=False, index=True),
    Column("first_began", Instant, nullable=False),
    Column("last_ended", Instant, nullable=False),
    Column("expected_loss", Double),
    Column("silenced_until", Instant),
    Column("content", Json, nullable=False),
    **OPTIONS,
)

leases = Table(
    "fleet_leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("token", BigInteger, nullable=False),  # grows by one with each holder
    Column("expires", Double, nullable=False),
    **OPTIONS,
)
"""Who may assess now."""

workflow_runs = Table(
    "fleet_workflow_runs",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_key", String(64), nullable=False, unique=True),  # name, source and run id
    Column("name_key", String(64), nullable=False, index=True),
    Column("name", String(500), nullable=False),
    Column("run_id", String(500), nullable=False),
    Column("state", String(16), nullable=False),
    Column("queued", Instant),
    Column("started", Instant),
    Column("ended", Instant),
    Column("at", Instant, nullable=False, index=True),  # the latest of the three, or when it came
    Column("retries", Integer, nullable=False),
    Column("source", String(500), nullable=False),
    Column("error", Long, nullable=False),
    **OPTIONS,
)

resource_samples = Table(
    "fleet_resource_samples",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("host_key", String(64), nullable=False),
    Column("host", String(500), nullable=False),
    Column("at", Instant, nullable=False),
    Column("content", Json, nullable=False),
    UniqueConstraint("host_key", "at"),
    **OPTIONS,
)
