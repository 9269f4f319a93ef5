"""The books of a simulation: what was sent and what it cost, kept beside the pipeline's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline import losses
from modelward.adaptive_pipeline.simulator.events import Request, Truth
from modelward.adaptive_pipeline.simulator.result import (
    Promotion,
    Recovery,
    SimulationResult,
    Stretch,
)
from modelward.adaptive_pipeline.values import plain

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.gateway import Answer
    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline
    from modelward.adaptive_pipeline.simulator.simulation import Simulation

_STRETCHES = 100
_FRESH = 2_000


class Books:
    """Counts what is sent through a pipeline, and works out losses with the truth it knows.

    It holds one stretch of requests at a time, the ids of the labels that were sent, and one number
    for each change.
    """

    def __init__(self, simulation: Simulation, pipeline: AdaptivePipeline) -> None:
        self.simulation = simulation
        self.pipeline = pipeline
        self.requests = self.failed = self.told = self.copies = self.revisions = 0
        self._told: set[tuple[str, int]] = set()
        self._first = pipeline.registry.load(pipeline.controller.standing.champion)
        self._changes = simulation.source.changes(simulation.duration)
        self._starts: list[int] = []  # the number of the first request in each change
        self._ends: list[int] = []
        self._size = max(1, simulation.n // _STRETCHES)
        self._open: list[tuple[Request, Answer | None]] = []
        self._stretches: list[Stretch] = []

    def request(self, event: Request, answer: Answer | None) -> None:
        """Enter a request and its answer; None where it failed."""
        self.requests += 1
        self.failed += answer is None
        for numbers, times in (
            (self._starts, [change.start for change in self._changes]),
            (self._ends, [change.end for change in self._changes]),
        ):
            while len(numbers) < len(times) and event.at >= times[len(numbers)]:
                numbers.append(self.requests)
        self._open.append((event, answer))
        if len(self._open) == self._size:
            self._sum_up()

    def labels(self, told: Sequence[Truth]) -> None:
        """Enter labels that were sent."""
        for one in told:
            # A copy whose original was lost on the way is the first that comes, and no copy.
            key = (one.request_id, one.revision)
            self.copies += key in self._told
            self.revisions += one.revision > 0 and key not in self._told
            self.told += one.revision == 0 and key not in self._told
            self._told.add(key)

    def close(self) -> SimulationResult:
        """Sum everything up."""
        self._sum_up()
        entries = self.pipeline.ledger.entries()
        promotions = self._promotions()
        return SimulationResult(
            seed=self.simulation.seed,
            requests=self.requests,
            failed=self.failed,
            unsent=self.simulation.n - self.requests,
            labels=self.told,
            lost=self.simulation.n - self.told,
            duplicates=self.copies,
            revisions=self.revisions,
            counts=self.pipeline.joiner.counts(),
            retrainings=sum(entry.kind == "retraining" for entry in entries),
            rollbacks=sum(entry.kind == "rollback" for entry in entries),
            promotions=tuple(promotions),
            recoveries=tuple(self._recoveries(promotions)),
            stretches=tuple(self._stretches),
        )

    def _sum_up(self) -> None:
        first = self.requests - len(self._open) + 1
        answered = [(event, answer) for event, answer in self._open if answer is not None]
        self._open.clear()
        if not answered:
            return
        import pandas as pd

        frame = pd.DataFrame([event.row for event, _ in answered])
        unchanged = [plain(each, what="an answer") for each in self._first.predict(frame)]
        n, loss = len(answered), self.pipeline.loss
        self._stretches.append(
            Stretch(
                first=first,
                last=self.requests,
                n=n,
                served=sum(losses.of(loss, e.label, a.prediction) for e, a in answered) / n,
                best=sum(losses.of(loss, e.label, e.best) for e, _ in answered) / n,
                never=sum(
                    losses.of(loss, e.label, answer)
                    for (e, _), answer in zip(answered, unchanged, strict=True)
                )
                / n,
            )
        )

    def _promotions(self) -> list[Promotion]:
        """Read the promotions off the ledger; `since` is what each came after."""
        found: list[Promotion] = []
        since = [0]
        for entry in self.pipeline.ledger.entries():
            served = int(entry.body["served"])
            if entry.kind == "rollback" and len(since) > 1:
                since.pop()
            if entry.kind != "promotion":
                continue
            old, new = str(entry.body["from"]), str(entry.body["to"])
            ends = [*self._ends, *[self.requests + 1] * len(self._starts)]
            changed = any(
                start <= served and end > since[-1]
                for start, end in zip(self._starts, ends, strict=False)
            )
            found.append(Promotion(served, old, new, self._gain(served, old, new), not changed))
            since.append(served)
        return found

    def _gain(self, served: int, old: str, new: str) -> float:
        """Measure by how much the loss falls, on requests that nobody has seen."""
        import pandas as pd

        rng = self.simulation.generator(f"fresh {served}")
        at = served / self.simulation.rate
        fresh = [self.simulation.source.draw(at, rng) for _ in range(_FRESH)]
        frame = pd.DataFrame([example.row for example in fresh])

        def loss(version: str) -> float:
            answers: Any = self.pipeline.registry.load(version).predict(frame)
            pairs = zip(fresh, answers, strict=True)
            return sum(
                losses.of(self.pipeline.loss, example.label, plain(a, what="an answer"))
                for example, a in pairs
            )

        return (loss(old) - loss(new)) / _FRESH

    def _recoveries(self, promotions: Sequence[Promotion]) -> list[Recovery]:
        ends = [*self._starts, self.requests + 1][1:]
        return [
            Recovery(
                start,
                next((p.served - start + 1 for p in promotions if start <= p.served < end), None),
            )
            for start, end in zip(self._starts, ends, strict=True)
        ]
