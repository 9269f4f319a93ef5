"""The fleet's database: its tables on what core gives."""

from __future__ import annotations

from pathlib import Path

from modelward.core import database
from modelward.core.database import BATCH, Schema
from modelward.monitoring.fleet.store import schema

__all__ = ["BATCH", "FLEET", "Database"]

FLEET = Schema(
    name="fleet",
    owner="a fleet",
    library="monitoring",
    metadata=schema.metadata,
    revision="0001",
    migrations=Path(__file__).parent / "migrations",
)


class Database(database.Database):
    """One database that holds a fleet; as `modelward.core.database.Database` with its tables."""

    def __init__(self, url: str, *, make: bool = True, busy_timeout: float = 30.0) -> None:
        super().__init__(url, FLEET, make=make, busy_timeout=busy_timeout)
