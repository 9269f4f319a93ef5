"""A champion that hangs or ends its thread: its own requests fail, and nobody else notices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from sqlalchemy import select

from modelward.adaptive_pipeline import Gateway, Scorer, Serving, Store
from modelward.adaptive_pipeline.gateway.lane import MOST_HUNG
from modelward.adaptive_pipeline.store.schema import predictions


class Hanging:
    """Twice `x`, but hangs on negative ones until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = 0

    def __call__(self, frame: Any) -> Any:
        self.asked += 1
        if (frame["x"] < 0).any():
            self.go.wait(60)
        return frame["x"] * 2


def live(app: Any, story: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Tell a story on one event loop, as a server would."""

    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            await story(client)

    asyncio.run(asyncio.wait_for(run(), 60))


async def predict(client: httpx.AsyncClient, x: float) -> httpx.Response:
    return await client.post("/predict", json={"row": {"x": x}})


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


def test_while_it_hangs_all_else_is_answered(store: Store) -> None:
    model = Hanging()
    gateway = Gateway(store, Serving(Scorer("1", model, ("x",))), timeout=2.0)

    async def story(client: httpx.AsyncClient) -> None:
        stuck = asyncio.create_task(predict(client, -1.0))
        await until(lambda: model.asked == 1)
        assert (await client.get("/healthz")).status_code == 200
        label = {"label": 1, "request_id": "r"}
        assert (await client.post("/labels", json=label)).status_code == 202
        behind = [asyncio.create_task(predict(client, x)) for x in (1.0, 2.0)]
        assert not stuck.done()  # all of that was answered before it was given up
        refused = await stuck
        assert refused.status_code == 503
        assert "version 1, got TimeoutError: no answer within 2 seconds" in refused.json()["detail"]
        answers = await asyncio.gather(*behind)
        assert [answer.json()["prediction"] for answer in answers] == [2, 4]
        assert "modelward_pipeline_hung_calls 1.0" in (await client.get("/metrics")).text
        assert (await client.get("/readyz")).status_code == 200
        model.go.set()
        await until(lambda: gateway.batcher.hung == 0)

    live(gateway.app, story)
    gateway.close()
    with store.reading() as tx:
        errors = tx.execute(select(predictions.c.error).order_by(predictions.c.seq)).scalars().all()
    assert errors == ["TimeoutError: no answer within 2 seconds", None, None]


def test_where_many_hang_it_is_not_asked_and_says_so(store: Store) -> None:
    model = Hanging()
    gateway = Gateway(store, Serving(Scorer("1", model, ("x",))), timeout=0.05)

    async def story(client: httpx.AsyncClient) -> None:
        for _ in range(MOST_HUNG):
            assert (await predict(client, -1.0)).status_code == 503
        asked = model.asked
        answer = await predict(client, 1.0)
        assert answer.status_code == 503
        assert f"not asked: {MOST_HUNG} of its calls hang" in answer.json()["detail"]
        assert model.asked == asked
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert f"{MOST_HUNG} calls of the champion hang" in ready.json()["detail"]
        gateway.serving = Serving(Scorer("2", lambda frame: frame["x"] * 3, ("x",)))
        assert (await predict(client, 1.0)).json()["prediction"] == 3
        assert (await client.get("/readyz")).status_code == 200
        gateway.serving = Serving(Scorer("1", model, ("x",)))  # the same model, asked anew
        assert (await predict(client, 1.0)).json()["prediction"] == 2
        model.go.set()

    live(gateway.app, story)
    gateway.close()


def test_those_that_wait_behind_the_last_that_hung_are_told_at_once(store: Store) -> None:
    model = Hanging()
    gateway = Gateway(store, Serving(Scorer("1", model, ("x",))), timeout=0.05)

    async def story(client: httpx.AsyncClient) -> None:
        for _ in range(MOST_HUNG - 1):
            await predict(client, -1.0)
        last = asyncio.create_task(predict(client, -1.0))
        await until(lambda: model.asked == MOST_HUNG)
        behind = await asyncio.gather(*(predict(client, 1.0) for _ in range(3)))
        assert {answer.status_code for answer in (await last, *behind)} == {503}
        assert model.asked == MOST_HUNG
        model.go.set()
        await until(lambda: gateway.batcher.hung == 0)
        assert (await predict(client, 1.0)).json()["prediction"] == 2

    live(gateway.app, story)
    gateway.close()


def test_a_champion_that_exits_ends_nothing_but_its_answer(store: Store, call: Any) -> None:
    def leaves(frame: Any) -> Any:
        if (frame["x"] < 0).any():
            raise SystemExit(3)
        return frame["x"] * 2

    gateway = Gateway(store, Serving(Scorer("1", leaves, ("x",))))
    answer = call(gateway.app, "POST", "/predict", json={"row": {"x": -1.0}})
    assert answer.status_code == 503
    assert "SystemExit: 3" in answer.json()["detail"]
    assert call(gateway.app, "POST", "/predict", json={"row": {"x": 1.0}}).json()["prediction"] == 2
    gateway.close()


def test_without_a_limit_it_answers_in_the_event_loop(store: Store) -> None:
    """No other thread is asked, those that come together are one call, and failures are failures."""
    calls: list[tuple[str, int]] = []

    def model(frame: Any) -> Any:
        calls.append((threading.current_thread().name, len(frame)))
        if (frame["x"] < 0).any():
            raise SystemExit("it ends what runs it")
        return frame["x"] * 2

    gateway = Gateway(store, Serving(Scorer("1", model, ("x",))), timeout=None)

    async def story(client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(predict(client, x) for x in (1.0, 2.0, 3.0)))
        assert [answer.json()["prediction"] for answer in answers] == [2, 4, 6]
        assert (await predict(client, -1.0)).status_code == 503
        assert (await predict(client, 4.0)).json()["prediction"] == 8
        assert (await client.get("/readyz")).status_code == 200

    live(gateway.app, story)
    gateway.close()
    assert {thread for thread, _ in calls} == {threading.main_thread().name}
    assert calls[0][1] > 1
    with store.reading() as tx:
        errors = tx.execute(select(predictions.c.error).order_by(predictions.c.seq)).scalars().all()
    assert errors == [None, None, None, "RuntimeError: SystemExit: it ends what runs it", None]
