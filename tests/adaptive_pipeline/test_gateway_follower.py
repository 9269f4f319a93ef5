"""Following: the plan in the store or the registry's alias, loaded once, and never at a caller's cost."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import Gateway, Plan, Scorer, Store
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold
from modelward.core.errors import ServiceError


def until(condition: Callable[[], bool]) -> None:
    end, never = time.monotonic() + 30, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it does not come"
        never.wait(0.005)


class Watched(MemoryRegistry):
    """Counts what is loaded, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.away = False

    def load(self, number: str) -> Scorer:
        self._answer()
        self.loaded.append(number)
        return super().load(number)

    def find(self, alias: str) -> Any:
        self._answer()
        return super().find(alias)

    def _answer(self) -> None:
        if self.away:
            raise ServiceError("expected MLflow to answer, got nothing")


@pytest.fixture
def watched() -> Watched:
    made = Watched()
    for cut in (0.5, 0.9, 0.1):
        made.register(Threshold(cut), alias="newest", columns=["x"])
    made.aliases["champion"] = "1"
    return made


@pytest.fixture
def gateway(store: Store, watched: Watched) -> Iterator[Gateway]:
    made = Gateway(store, registry=watched)
    assert made.follower is not None
    made.follower.every = 0.01
    yield made
    made.close()


def test_the_alias_and_then_the_plan_are_followed(
    store: Store, watched: Watched, gateway: Gateway
) -> None:
    assert gateway.predict({"x": 0.7}).version == "1"
    gateway.follower.start()  # type: ignore[union-attr]
    watched.aliases["champion"] = "2"
    until(lambda: gateway.predict({"x": 0.7}).version == "2")
    Plan(champion="3").save(store)
    until(lambda: gateway.predict({"x": 0.7}).version == "3")
    assert watched.loaded == ["1", "2", "3"]


def test_versions_are_loaded_once(store: Store, watched: Watched, gateway: Gateway) -> None:
    follower = gateway.follower
    assert follower is not None
    follower.every = 0.0
    for share in (0.1, 0.5):
        Plan(champion="1", challenger="2", mode="split", share=share, experiment="e").save(store)
        follower.look()
        assert gateway.serving.plan is not None
        assert gateway.serving.plan.share == share
    Plan(champion="2").save(store)  # promoted
    follower.look()
    assert gateway.serving.champion.version == "2"
    assert watched.loaded == ["1", "2"]
    Plan(champion="2", challenger="3", mode="shadow", experiment="f").save(store)
    follower.look()
    assert gateway.serving.challenger is None  # shadows are scored elsewhere
    assert watched.loaded == ["1", "2"]


def test_while_the_registry_is_away_what_serves_goes_on(
    store: Store, watched: Watched, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    follower = gateway.follower
    assert follower is not None
    follower.every = 0.0
    assert gateway.predict({"x": 0.7}).version == "1"
    watched.away = True
    Plan(champion="2").save(store)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            follower.look()
    assert gateway.predict({"x": 0.7}).version == "1"
    assert caplog.text.count("the plan cannot be followed") == 1  # said once, not every second
    watched.away = False
    follower.look()
    assert gateway.predict({"x": 0.7}).version == "2"


def test_before_the_first_model_it_is_not_ready_and_says_why(
    store: Store, watched: Watched, call: Any
) -> None:
    watched.away = True
    gateway = Gateway(store, registry=watched)
    answer = call(gateway.app, "GET", "/readyz")
    assert answer.status_code == 503
    assert "expected MLflow to answer" in answer.json()["detail"]
    gateway.close()


class Slow(Watched):
    """Loads when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def load(self, number: str) -> Scorer:
        self.go.wait(30)
        return super().load(number)


def test_nobody_waits_while_a_model_is_loaded(store: Store) -> None:
    registry = Slow()
    registry.register(Threshold(0.5), alias="champion", columns=["x"])
    gateway = Gateway(store, registry=registry)
    app, body = gateway.app, {"row": {"x": 1.0}}

    async def ask() -> list[int]:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client,
        ):
            found = [
                (await client.get("/healthz")).status_code,
                (await client.get("/readyz")).status_code,
                (await client.post("/predict", json=body)).status_code,
            ]
            registry.go.set()
            end = time.monotonic() + 30
            while (await client.get("/readyz")).status_code != 200 and time.monotonic() < end:
                await asyncio.sleep(0.01)
            return [*found, (await client.post("/predict", json=body)).status_code]

    assert asyncio.run(ask()) == [200, 503, 503, 200]


@pytest.mark.parametrize("challenger", ["crash", "hang", "raises", "garbage", "nan", "unloadable"])
def test_a_harmful_challenger_in_a_split_is_noticed_by_nobody(
    store: Store, call: Any, monkeypatch: pytest.MonkeyPatch, challenger: str
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from hosted_models import Harmful

    plan = Plan(
        champion="champion", challenger=challenger, mode="split", share=0.999_999, experiment="e"
    )
    plan.save(store)
    gateway = Gateway(store, registry=Harmful(), deadline=0.3)
    app = gateway.app
    for number in range(7):
        body = {"row": {"x": -number}, "request_id": f"r{number}"}
        answer = call(app, "POST", "/predict", json=body)
        assert answer.json()["prediction"] == -2 * number
    many = call(app, "POST", "/predict", json={"rows": [{"x": 1}, {"x": 2}]}).json()
    assert [each["prediction"] for each in many["predictions"]] == [2, 4]
    gateway.close()
    with store.reading() as tx:
        kept = tx.execute(select(predictions).order_by(predictions.c.seq)).all()
    assert len(kept) == 9
    assert {(row.arm, row.version) for row in kept} == {("challenger", "champion")}
    assert all(row.fallback for row in kept)
    assert kept[-1].fallback == "ServiceError: not asked: it failed too often"
    assert gateway.counters.fallbacks == 9


def test_a_sound_challenger_answers_many_rows_by_few_calls(
    store: Store, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from hosted_models import Harmful

    Plan(champion="champion", challenger="triple", mode="split", share=0.5, experiment="e").save(
        store
    )
    gateway = Gateway(store, registry=Harmful(), deadline=20.0)
    body = {"rows": [{"x": n} for n in range(1_000)], "units": [f"u{n}" for n in range(1_000)]}
    answers = call(gateway.app, "POST", "/predict", json=body).json()["predictions"]
    factors = {"champion": 2, "triple": 3}
    assert all(a["prediction"] == factors[a["version"]] * n for n, a in enumerate(answers))
    assert 400 < sum(a["version"] == "triple" for a in answers) < 600
    gateway.close()
    assert gateway.counters.fallbacks == 0
