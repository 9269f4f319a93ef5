"""What the dashboard can be told."""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from modelward.core.config import Config, RelativePath
from modelward.core.errors import ConfigError
from modelward.core.serving import LOOPBACK


class Settings(Config):
    """Settings of the dashboard.

    `fleet` is the fleet's database as a SQLAlchemy URL. It listens on `host` and `port`; any `host`
    other machines can reach needs a `key`, which a browser asks for as a password (of any user) and
    programs send as `Authorization: Bearer` or `X-API-Key`. Without a key only requests are answered
    that name this machine (or one of `names`), so that no web page elsewhere can read along under a
    name of its own. `reports` is the folder of kept Evidently reports, which all hosts must see.
    `rows` is how many models stand on a page. `mlflow` is the address at which people see MLflow;
    with it versions and runs are links. `top` and `series_limit` are those of `FleetExporter`.

    >>> Settings(rows=100).host
    '127.0.0.1'
    """

    fleet: str = "sqlite:///fleet.db"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_400
    key: SecretStr | None = None
    names: tuple[str, ...] = ()
    reports: RelativePath | None = None
    rows: Annotated[int, Field(ge=1, le=500)] = 50
    mlflow: str = ""
    top: Annotated[int, Field(ge=0)] = 5
    series_limit: Annotated[int, Field(ge=0)] = 400_000

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Make settings. Raises `ConfigError`, in our words, for what pydantic refuses."""
        try:
            return cls(**values)
        except ValidationError as error:
            said = [
                ": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])
                for fault in error.errors(include_input=False)
            ]
            raise ConfigError("; ".join(said)) from error

    @field_validator("mlflow")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("expected an address that starts with http:// or https://")
        return value.rstrip("/")

    @field_validator("key")
    @classmethod
    def _a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("expected a key, got an empty text, which everybody has")
        return value

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.host not in LOOPBACK and self.key is None:
            raise ValueError(
                f"expected a key to listen on {self.host}, got none: set one, or listen on "
                "127.0.0.1 behind a proxy that checks who asks"
            )
        return self
