"""A detector that truly detects, trained once and cached, and a small set to attack it on."""

import fcntl
import os
from pathlib import Path

import pytest
import torch

from modelward.adversarial import Shapes, Yolo3, Yolo3Network, small_detector


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """One folder of trained detectors for all processes of a test run; or, where it is set, for many."""
    if chosen := os.environ.get("MODELWARD_TEST_ZOO"):
        return Path(chosen)
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "zoo"


@pytest.fixture(scope="session")
def detector(zoo):
    """Trained for a third of the default time: AP50 of about .6, enough to be attacked."""
    zoo.mkdir(parents=True, exist_ok=True)
    with (zoo / "lock").open("w") as lock:  # one process trains, the others load
        fcntl.flock(lock, fcntl.LOCK_EX)
        return small_detector(cache=zoo, steps=360, images=700, size=80, width=16)


@pytest.fixture(scope="session")
def data():
    return Shapes(n=24, size=80, seed=7)


@pytest.fixture
def untrained():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)


@pytest.fixture
def batch(data):
    samples = [data[i] for i in range(4)]
    return torch.stack([s.image for s in samples]), [s.target for s in samples]
