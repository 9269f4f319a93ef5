"""The settings of a server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from modelward.core.errors import ConfigError
from modelward.core.serving import LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server listens, whom it lets in, and how much it takes.

    `database` is a SQLAlchemy URL. `open_locally` lets everybody in as the tenant `local`, as long as
    there is no API key and the server listens on this machine alone; otherwise each request needs a
    key. `max_bytes` bounds a body, `read_seconds` the time it may take to arrive, `rate` the requests a
    second of each key in each process, of which `burst` may come at once. `secure_cookies` sends
    logins over HTTPS alone: set it behind a proxy that speaks it.

    Raises `ConfigError` for settings out of range.

    >>> Settings(database="sqlite://").open_locally
    True
    """

    database: str = field(repr=False)  # it may hold a password
    host: str = "127.0.0.1"
    port: int = 8_080
    max_bytes: int = 10 * 2**20
    read_seconds: float = 30.0
    rate: float = 500.0
    burst: int = 1_000
    secure_cookies: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise ConfigError(f"expected a port of 0 to 65535, got {self.port}")
        for name in ("max_bytes", "read_seconds", "rate", "burst"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"expected {name} > 0, got {getattr(self, name)}")

    @property
    def open_locally(self) -> bool:
        """Whether nobody but this machine can ask."""
        return self.host in LOOPBACK


def database_url(given: str | None) -> str:
    """Give the URL of a database: as given, from the environment, or from a file it names.

    `MODELWARD_VALIDATION_DATABASE` holds the URL, `MODELWARD_VALIDATION_DATABASE_FILE` the path of a
    file that does (a mounted secret). Without any, a SQLite file in the working folder.
    """
    from pathlib import Path

    if given:
        return given
    if found := os.environ.get("MODELWARD_VALIDATION_DATABASE"):
        return found
    if file := os.environ.get("MODELWARD_VALIDATION_DATABASE_FILE"):
        try:
            return Path(file).read_text("utf-8").strip()
        except OSError as error:
            raise ConfigError(f"expected a file with the database's URL, got: {error}") from error
    return "sqlite:///validation.db"
