"""Databases of each kind, each one empty, for what keeps a fleet."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from modelward.monitoring.fleet.fleet import Fleet

collect_ignore = [
    "recorded"
]  # what recorded the fixtures needs NannyML, which is not installed here


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of a fresh schema in a real PostgreSQL."""
    default = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    url = os.environ.get("MODELWARD_TEST_POSTGRES_URL", default)
    name = f"fleet_{uuid.uuid4().hex}"
    try:
        engine = create_engine(
            url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    except (ImportError, OperationalError) as error:
        from tests.conftest import unavailable

        unavailable(f"PostgreSQL at {url} (set MODELWARD_TEST_POSTGRES_URL): {error}")
    yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


@pytest.fixture
def mysql_url() -> Iterator[str]:
    """The URL of a fresh database in a real MySQL or MariaDB."""
    from sqlalchemy.engine import make_url

    default = "mysql+pymysql://root@127.0.0.1:3306/test"
    url = make_url(os.environ.get("MODELWARD_TEST_MYSQL_URL", default))
    name = f"fleet_{uuid.uuid4().hex}"
    try:
        engine = create_engine(
            url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except (ImportError, OperationalError) as error:
        from tests.conftest import unavailable

        unavailable(f"MySQL or MariaDB at {url} (set MODELWARD_TEST_MYSQL_URL): {error}")
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fleet.db'}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def kept(database_url: str) -> Iterator[Fleet]:
    """A fleet in each kind of database in turn; its clock stands at noon of 2 March 2026."""
    with Fleet(database_url, now=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC)) as made:
        yield made
