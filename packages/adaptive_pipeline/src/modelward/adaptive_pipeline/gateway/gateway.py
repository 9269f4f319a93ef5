"""The gateway: answers requests by the plan, and records each with who answered and why."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.gateway.answered import Answered
from modelward.adaptive_pipeline.gateway.batcher import Batcher
from modelward.adaptive_pipeline.gateway.challenger import Asked, Challenger
from modelward.adaptive_pipeline.gateway.counters import Counters
from modelward.adaptive_pipeline.gateway.follower import Follower
from modelward.adaptive_pipeline.gateway.request import Answer, Request, told
from modelward.adaptive_pipeline.gateway.routing import assign
from modelward.adaptive_pipeline.gateway.serving import Serving
from modelward.adaptive_pipeline.gateway.writer import Durability, Writer
from modelward.adaptive_pipeline.kinds import said
from modelward.adaptive_pipeline.store.recording import record
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.values import Scalar, identity, plain_row, request_id
from modelward.core.errors import ConfigError, DataError, StateError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from modelward.adaptive_pipeline.registry import Registry

__all__ = ["Answer", "Gateway", "Serving"]

logger = logging.getLogger(__name__)


_Current = tuple[Serving, Challenger | None]


class Gateway:
    """Answers requests and records each with version, answer, time and, in a trial, its arm.

    Who answers is `serving`; given a `registry` instead, the gateway follows the plan in the store, or
    where there is none, the registry's alias `champion`. `predict` is for notebooks and scripts: the
    row is in the store before it returns. Over HTTP (`app`) rows are written as `durability` says
    (see `Writer`): `batch` (the default) or `sync`. A request id that comes a second time with the
    same row gets the recorded answer again.

    Where the plan divides requests between two versions, the challenger has `deadline` seconds; if it
    fails, hangs or gives no usable answer, the champion answers, and why is recorded. After five
    failures in a row it is not asked for half a minute. The champion has `timeout` seconds over HTTP:
    a call that takes longer fails, and keeps nobody else waiting; with None it answers in the event
    loop, a little sooner, and one that hangs holds all (see `Lane`).

    >>> from modelward.adaptive_pipeline import Scorer
    >>> store = Store("sqlite://")
    >>> gateway = Gateway(store, Serving(Scorer("1", lambda frame: frame["x"] * 2)))
    >>> gateway.predict({"x": 4}, request_id="r1")
    Answer(request_id='r1', prediction=8, version='1')
    """

    def __init__(
        self,
        store: Store,
        serving: Serving | None = None,
        *,
        registry: Registry | None = None,
        durability: Durability = "batch",
        interval: float = 0.05,
        limit: int = 50_000,
        patience: float = 30.0,
        deadline: float = 1.0,
        timeout: float | None = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if durability not in {"batch", "sync"}:
            raise ConfigError(f"expected the durability 'batch' or 'sync', got {durability!r}")
        if (serving is None) == (registry is None):
            raise ConfigError(
                "expected either who serves, or a registry to follow, got both or none"
            )
        self.store = store
        self.clock = clock
        self.deadline = deadline
        self.writer = Writer(
            store, durability=durability, interval=interval, limit=limit, patience=patience
        )
        self.follower = (
            None if registry is None else Follower(store, registry, self._swap, deadline=deadline)
        )
        self.batcher = Batcher(timeout=timeout)
        self.counters = Counters(self.writer, self.batcher)
        self._current: _Current | None = None
        self.answered = Answered(store)
        self._good: tuple[str, dict[str, Scalar]] | None = None  # a version, and a row it took
        if serving is not None:
            self._swap(serving)

    @property
    def serving(self) -> Serving:
        """Who answers now. Raises `StateError` while nothing has been loaded."""
        return self._now()[0]

    @serving.setter
    def serving(self, serving: Serving) -> None:
        self._swap(serving)

    def _swap(self, serving: Serving) -> None:
        before = self._current[1] if self._current else None
        after = before
        if serving.challenger is None:
            after = None
        elif before is None or before.scorer != serving.challenger:
            after = Challenger(serving.challenger)
        self._current = serving, after
        if before is not None and before is not after:
            before.close()

    def _now(self) -> _Current:
        if self._current is None and self.follower is not None and not self.follower.running:
            self.follower.look()
        if self._current is None:
            raise StateError(
                "expected a champion, got none loaded yet",
                hint="register a first model with alias 'champion', and see that the registry answers.",
            )
        return self._current

    @property
    def ready(self) -> bool:
        """Whether a champion is loaded and does not hang, and predictions are being written."""
        written = self.writer.failure is None
        return self._current is not None and written and not self.batcher.refuses

    def predict(
        self, row: Mapping[str, Any], request_id: str | None = None, *, unit: str | None = None
    ) -> Answer:
        """Answer one row, and write it down before returning.

        `unit` is what is assigned in an A/B test, such as a user; by default the request itself.

        Raises `DataError` for a row that is not what the model was trained on, or a request id used
        before for another row; `StateError` when the champion itself fails (recorded as well), and
        `ServiceError` when the answer cannot be written.
        """
        (request,) = self.begin([(row, request_id, unit)])
        known = self.answered.recall(request) if request.named else None
        if known is not None:
            return known
        asked = self.challenge(request)
        if asked is not None:
            try:
                self.accept(request, asked.result(self.deadline))
            except Exception as error:  # a challenger may do anything; the caller must not notice
                self.fall_back(request, asked, error)
        if request.text is None:
            begun = time.perf_counter()
            (answer,) = request.champion.score_many([request.row])
            request.take(request.champion.version, answer, time.perf_counter() - begun)
        with self.store.transaction() as tx:
            new = record(tx, [request.recorded(self.clock())])
        return self.finish(request) if new else self.answered.kept(request)

    def begin(self, asked: Iterable[tuple[Any, str | None, str | None]]) -> list[Request]:
        """Check requests (row, id, unit), and assign each to an arm where the plan says so."""
        serving, challenger = self._now()
        return [_begin(serving, challenger, *each) for each in asked]

    def challenge(self, request: Request) -> Asked | None:
        """Begin to let the challenger answer, where it should."""
        if request.arm != "challenger" or request.challenger is None:
            return None
        return request.challenger.ask(request.row)

    def accept(self, request: Request, answer: tuple[Scalar, float]) -> None:
        """Take the challenger's answer."""
        if request.challenger is not None:
            request.take(request.challenger.scorer.version, *answer)

    def fall_back(self, request: Request, asked: Asked, error: Exception) -> None:
        """Note why the champion has to answer for the challenger."""
        request.fallback = told(error)
        if isinstance(error, TimeoutError) and request.challenger is not None:
            request.challenger.late(asked)
            request.fallback = f"no answer within {self.deadline:g} seconds"
        logger.debug("the challenger failed, the champion answers: %s", request.fallback)
        self.counters.fallbacks += 1

    def finish(self, request: Request) -> Answer:
        """Give the answer of a request that was recorded.

        Raises `DataError` where the champion failed and the row is of another kind than those it
        answers, and `StateError` when it failed for itself.
        """
        self.counters.count(request.version, failed=request.error is not None)
        if request.error is not None or request.prediction is None:
            self._explain(request)
            raise StateError(
                f"expected an answer from the champion, version {request.version}, got {request.error}",
                hint="the request is recorded with its error; roll back to a version that works.",
            )
        answer = Answer(request.identity, request.prediction, request.version)
        self._good = request.version, request.row
        self.answered.keep(request, answer)
        return answer

    def _explain(self, request: Request) -> None:
        """Raise `DataError` where columns differ in kind from those of a row that was answered."""
        version, good = self._good or ("", {})
        kinds = {
            name: (said(good[name]), said(value))
            for name, value in request.row.items()
            if version == request.version and name in good
        }
        wrong = [
            f"{got} in column {name!r} ({expected} expected)"
            for name, (expected, got) in kinds.items()
            if expected != got
        ]
        if wrong:
            raise DataError(
                f"expected a row of the kind version {version} answers, got {', '.join(wrong[:5])}: "
                f"{request.error}"
            )

    def close(self) -> None:
        """Write what waits. Raises `ServiceError` when the database does not take it."""
        if self.follower is not None:
            self.follower.close()
        if self._current is not None and self._current[1] is not None:
            self._current[1].close()
        self.batcher.close()
        self.writer.close()

    @property
    def app(self) -> FastAPI:
        """The same over HTTP (see `create_app`)."""
        from modelward.adaptive_pipeline.gateway.app import create_app

        known = None if self.follower is None else self.follower.registry.name
        return create_app(self, model=known)


def _begin(
    serving: Serving, challenger: Challenger | None, row: Any, name: str | None, unit: str | None
) -> Request:
    clean = plain_row(row, serving.champion.columns, serving.champion.kinds)
    found = request_id() if name is None else identity(name)
    request = Request(found, name is not None, clean, serving.champion)
    plan = serving.plan
    if challenger is not None and plan is not None and plan.experiment is not None:
        request.unit = found if unit is None else identity(unit, what="unit")
        assigned = assign(request.unit, salt=plan.experiment, share=plan.share)
        request.arm, request.probability = assigned.arm, assigned.probability
        request.challenger, request.experiment = challenger, plan.experiment
    return request
