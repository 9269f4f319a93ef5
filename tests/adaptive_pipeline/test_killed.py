"""kill -9 at any moment, and start again: the same decisions, none lost, none taken twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelward.adaptive_pipeline import JoinCounts, Joiner, Ledger, Store
from modelward.adaptive_pipeline.replay.verdicts import replay_verdicts

SCRIPT = Path(__file__).with_name("killed_pipeline.py")


def start(url: str, registry: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), url, str(registry)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def story(store: Store) -> list[tuple[str, dict[str, Any]]]:
    """Give what was decided, but for how long training took."""
    entries = Ledger(store).entries()
    return [(e.kind, {k: v for k, v in e.body.items() if k != "seconds"}) for e in entries]


def counts(store: Store) -> JoinCounts:
    """Give how the requests stand; labels that were sent again are no matter."""
    return replace(Joiner(store, horizon=60, clock=lambda: 0.0).counts(), duplicates=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_it_decides_the_same(tmp_path: Path, seed: int) -> None:
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    with start(whole, tmp_path / "whole.json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        assert process.wait(60) == 0
        life = time.monotonic() - begun

    parts, registry, moments = f"sqlite:///{tmp_path / 'parts.db'}", tmp_path / "parts.json", 0
    rng = random.Random(seed)
    for _ in range(40):
        with start(parts, registry) as process:
            assert process.stdout is not None
            process.stdout.readline()
            # Early kills come fast, so that there are some however the machine's speed changes; later
            # ones leave time to come to the end.
            patience = life / 10 if moments < 5 else life / 2
            try:
                assert process.wait(rng.uniform(0.0, patience)) == 0
                break
            except subprocess.TimeoutExpired:
                process.kill()
                moments += 1
    else:
        pytest.fail("it never came to the end")
    assert moments >= 3

    one, other = Store(whole), Store(parts)
    assert story(other) == story(one)
    assert [e.kind for e in Ledger(other).entries()].count("promotion") == 1
    assert counts(other) == counts(one)
    assert all(each.same for each in replay_verdicts(other))


def test_a_second_pipeline_waits_and_says_who_is_at_work(tmp_path: Path) -> None:
    """Two on one store at once: the second is told whose turn it is, and takes over when it is gone."""
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    holder = (
        "import sys, time; sys.argv = ['x', *sys.argv[1:]]\n"
        "from modelward.adaptive_pipeline import Store\n"
        "from modelward.adaptive_pipeline.store.leases import Lease\n"
        "Lease(Store(sys.argv[1]), 'controller').acquire(); print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", holder, url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        from modelward.adaptive_pipeline import AdaptivePipeline
        from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, learn
        from modelward.core.errors import StateError

        memory = MemoryRegistry()
        memory.register(Threshold(0.5), alias="champion", columns=["x"])
        store = Store(url)
        with pytest.raises(StateError, match=rf"{first.pid}"):
            AdaptivePipeline(store=store, registry=memory, train=learn, wait=0.3)
        first.kill()
        first.wait(10)
        loop = AdaptivePipeline(store=store, registry=memory, train=learn, wait=5)
        assert loop.predict({"x": 0.7}, "r0").version == "1"
