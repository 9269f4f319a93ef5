"""What a database is to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import MetaData

NAMING = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}
"""Names of keys and indices, the same on every database, so that migrations find them."""

OPTIONS: Any = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}
"""For every table that may stand on MySQL: all characters, compared byte for byte, transactions."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The tables of one library, how they came to be, and how their database is set up.

    `name` tells them from those of other applications in the same database (`fleet`), `owner` names
    what they hold in messages ("a fleet"), `library` the folder below `packages` whose extras bring
    the drivers. `revision` is the last one in the folder `migrations`, which `metadata` describes.
    `kinds` are the databases that hold them; `durable` lets SQLite wait for the disk with every
    commit, as the others do; `pragmas` are more of SQLite's; `engine` are arguments of SQLAlchemy's
    `create_engine`, and `pool` those of them that a database in memory cannot have.
    """

    name: str
    owner: str
    library: str
    metadata: MetaData
    revision: str
    migrations: Path
    kinds: tuple[str, ...] = ("sqlite", "postgresql", "mysql")
    durable: bool = False
    pragmas: tuple[str, ...] = ()
    engine: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    pool: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def version_table(self) -> str:
        """The table that holds the revision."""
        return f"modelward_{self.name}_revision"

    @property
    def sqlite_settings(self) -> tuple[str, ...]:
        """The pragmas of each connection to SQLite."""
        return (
            f"synchronous={'FULL' if self.durable else 'NORMAL'}",
            "foreign_keys=ON",
            "cache_size=-32768",  # 32 MB: keys are looked up in no order
            *self.pragmas,
        )

    def driver(self, extra: str) -> str:
        """Say what to hand to pip for a driver."""
        return f"'./packages/{self.library}[{extra}]'"
