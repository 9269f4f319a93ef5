"""A store in a file, one MLflow database for the session, and doubles that make a loop fast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from modelward.adaptive_pipeline import Registry, Store
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'pipeline.db'}")
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
