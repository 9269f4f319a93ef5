"""Databases: one way to open, make, migrate, write and read SQLite, PostgreSQL, MySQL and MariaDB."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.core.database.database import BATCH, Database
    from modelward.core.database.holders import has_ended, this_process
    from modelward.core.database.schema import Schema

__all__ = ["BATCH", "Database", "Schema", "has_ended", "this_process"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "BATCH": "database",
        "Database": "database",
        "Schema": "schema",
        "has_ended": "holders",
        "this_process": "holders",
    },
)
