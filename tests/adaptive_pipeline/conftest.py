"""A store in a file, one MLflow database for the session, and doubles that make a loop fast."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from modelward.adaptive_pipeline import Registry, Store
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'pipeline.db'}")
    yield made
    made.close()


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a fresh schema in a real PostgreSQL."""
    default = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    url = os.environ.get("MODELWARD_TEST_POSTGRES_URL", default)
    name = f"pipeline_{uuid.uuid4().hex}"
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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'any.db'}"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def stores(url: str) -> Iterator[Store]:
    """A store on each kind of database in turn."""
    made = Store(url, busy_timeout=30.0)
    yield made
    made.close()


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def registry(mlflow_home: Path, request: pytest.FixtureRequest) -> Registry:
    return Registry(
        name=request.node.name,
        tracking_uri=f"sqlite:///{mlflow_home / 'mlflow.db'}",
        artifacts=mlflow_home / "artifacts" / request.node.name,
    )


@pytest.fixture
def memory() -> MemoryRegistry:
    made = MemoryRegistry()
    made.register(Threshold(0.5), alias="champion", columns=["x"])
    return made


@pytest.fixture
def call() -> Callable[..., httpx.Response]:
    """`call(app, method, path, ...)`: one request to an ASGI app, with its background tasks done."""

    def send(app: FastAPI, method: str, path: str, **more: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, path, **more)

        return asyncio.run(once())

    return send
