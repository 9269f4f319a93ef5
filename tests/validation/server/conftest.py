"""Real databases, real servers, and a job to work on."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from tests.conftest import unavailable
from tests.validation.server.serving import Processes

from modelward.validation.server.service import Service
from modelward.validation.server.store.access import tenant_id
from modelward.validation.server.store.database import Database

FEATURES = [
    {"kind": "FeatureContinuous", "name": "x", "lower": 0.0, "upper": 1.0},
    {"kind": "FeatureContinuous", "name": "y", "lower": 0.0, "upper": 1.0},
]
OUTPUTS = [{"name": "z", "threshold": 0.5, "certainty_target": 0.99}]
# One model and a long start: these tests are about the store, and should not train for long.
QUICK = {"number_of_instances": 1, "initial": 20_000}


def product(point: dict[str, Any]) -> float:
    """The system under test of these tests."""
    return float(point["x"] * point["y"])


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of a fresh schema in a real PostgreSQL."""
    default = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    url = os.environ.get("MODELWARD_TEST_POSTGRES_URL", default)
    name = f"validation_{uuid.uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    except OperationalError as error:
        unavailable(f"PostgreSQL at {url} (set MODELWARD_TEST_POSTGRES_URL): {error}")
    yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


@pytest.fixture
def mysql_url() -> Iterator[str]:
    """The URL of a fresh database in a real MySQL or MariaDB."""
    default = "mysql+pymysql://root@127.0.0.1:3306/test"
    url = make_url(os.environ.get("MODELWARD_TEST_MYSQL_URL", default))
    name = f"validation_{uuid.uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except OperationalError as error:
        unavailable(f"MySQL or MariaDB at {url} (set MODELWARD_TEST_MYSQL_URL): {error}")
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'validation.db'}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


@pytest.fixture
def service(database: Database) -> Service:
    return Service(database, tenant=tenant_id(database, "ours"), holder="k1")


@pytest.fixture
def make_job() -> Callable[..., int]:
    """Make a job on the product of two numbers, and give its id."""

    def make(service: Service, name: str = "job", **more: Any) -> int:
        scenario = service.get_or_create_scenario("day")["id"]
        service.configure_features(scenario, FEATURES)
        service.configure_outputs(scenario, OUTPUTS)
        system = service.get_or_create_system("brake")["id"]
        row = service.get_or_create_job(system, scenario, name, settings=QUICK, **more)
        return int(row["id"])

    return make


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Servers and workers as processes; all are gone at the end."""
    found = Processes(tmp_path)
    yield found
    found.end()
