"""Fixtures every part of the suite shares: real services, real data, a real browser."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine draws its examples says nothing of the code under test.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def unavailable(reason: str) -> NoReturn:
    """Skip with the reason; where services are required (as in CI), fail with it."""
    if os.environ.get("MODELWARD_REQUIRE_SERVICES") == "1":
        pytest.fail(f"required here, and missing: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real cards, images and detectors, which is not part of the repository."""
    folder = Path(os.environ.get("MODELWARD_SHARED", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        unavailable("the shared data folder (set MODELWARD_SHARED to where it lies)")
    return folder


@pytest.fixture
def without_ray() -> Iterator[None]:
    """Begin and end without a connection to Ray.

    A pool of Ray that is collected after its cluster was left calls its actors, and with that quietly
    starts another cluster, which the next test in the process would find.
    """
    ray = pytest.importorskip("ray")
    ray.shutdown()
    yield
    gc.collect()
    ray.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium, with a fresh profile.

    One for each module: while it runs, its driver keeps an event loop running in this thread, and
    tests that start a loop of their own could not.
    """
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        unavailable("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield running
        running.close()
