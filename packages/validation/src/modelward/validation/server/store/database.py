"""The validation server's database: its tables on what core gives."""

from __future__ import annotations

from pathlib import Path

from modelward.core import database
from modelward.core.database import Schema
from modelward.validation.server.store import schema

VALIDATION = Schema(
    name="validation",
    owner="a validation store",
    library="validation",
    metadata=schema.metadata,
    revision="0001",
    migrations=Path(__file__).parent / "migrations",
    durable=True,
    # As many connections as a process has threads that answer requests.
    pool={"pool_size": 10, "max_overflow": 40},
)


class Database(database.Database):
    """One database that holds all of a validation server; as `modelward.core.database.Database`.

    >>> Database("sqlite://").dialect
    'sqlite'
    """

    def __init__(self, url: str, *, make: bool = True, busy_timeout: float = 30.0) -> None:
        super().__init__(url, VALIDATION, make=make, busy_timeout=busy_timeout)
