"""The simulation: a stream of requests and late labels with known truth, run through a pipeline."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.adaptive_pipeline.simulator.books import Books
from modelward.adaptive_pipeline.simulator.clock import VirtualClock
from modelward.adaptive_pipeline.simulator.delays import Delay, Fixed
from modelward.adaptive_pipeline.simulator.drive import drive
from modelward.adaptive_pipeline.simulator.events import Request, Timeline, Truth
from modelward.adaptive_pipeline.simulator.faults import Fault, SetBack
from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.gateway import Answer
    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline
    from modelward.adaptive_pipeline.simulator.result import SimulationResult
    from modelward.adaptive_pipeline.simulator.source import Source


class Simulation:
    """A world, how its labels come, and what goes wrong: to see what a pipeline makes of it.

    `n` requests are made, `rate` a second. Their labels follow after a `delay`; `faults` are applied
    to them in the order given. With a `tick`, labels are handed over together every so many seconds,
    as from a feed that is read in turns; that is many times faster than one by one (0). Times are
    seconds of a virtual clock, which runs as fast as the pipeline can follow. The same seed gives the same events; source, delay and each fault draw from
    generators of their own, so that another delay or one more fault leaves the rest as it was.

    Raises `ConfigError` for settings out of range.

    >>> from modelward.adaptive_pipeline.simulator import Sine, Uniform
    >>> simulation = Simulation(Sine(), n=100, delay=Uniform(20, 60), seed=1)
    >>> events = list(simulation.events())
    >>> len(events), events[0].request_id, events == list(simulation.events())
    (200, 'r0', True)
    """

    def __init__(
        self,
        source: Source,
        *,
        n: int,
        rate: float = 1.0,
        delay: Delay | None = None,
        faults: Sequence[Fault] = (),
        tick: float = 0.0,
        start: float = 0.0,
        seed: int = 0,
    ) -> None:
        if n < 1 or not 0 < rate < math.inf or not 0 <= tick < math.inf:
            raise ConfigError(
                "expected n >= 1 requests at a rate above 0 and a tick from 0 on, got "
                f"n={n}, rate={rate}, tick={tick}"
            )
        self.source = source
        self.n = n
        self.rate = rate
        self.delay = delay or Fixed()
        self.faults = tuple(faults)
        self.tick = tick
        self.seed = seed
        setbacks = [(start + f.at, f.seconds) for f in self.faults if isinstance(f, SetBack)]
        self.clock = VirtualClock(start, setbacks=setbacks)

    @property
    def duration(self) -> float:
        """The seconds in which the requests are made."""
        return self.n / self.rate

    def events(self) -> Iterator[Request | Truth]:
        """Give every request and label in the order of time; what is still to come is not held."""
        line, draw = Timeline(), self.generator("source")
        wait, chances = self.generator("delay"), self._chances()
        early = sum(fault.early for fault in self.faults)
        other: Any = None
        for number in range(self.n):
            at = number / self.rate
            yield from line.until(at - early)
            example = self.source.draw(at, draw)
            name = f"r{number}"
            served = self._served(at)
            if served is not None:
                line.put(Request(served, name, example.row, example.label, example.best))
            delay = self.delay.draw(wait)
            told = [] if delay is None else [Truth(at + delay, name, example.label)]
            for fault, rng in zip(self.faults, chances, strict=True):
                told = fault.labels(told, example.label if other is None else other, rng)
            for truth in told:
                line.put(self._ticked(truth))
            other = example.label
        yield from line.until(math.inf)

    def run(self, pipeline: AdaptivePipeline, *, pulse: float = 60.0) -> SimulationResult:
        """Send all of it through a pipeline, and say what came of it.

        The pipeline must have been made with `clock=simulation.clock.now`, and be new. Labels that
        arrive at the same time are handed over together. When no label has come for `pulse` seconds,
        it is given the chance to do what time alone asks for.

        Raises `ConfigError` for a pipeline on another clock or that has served before.
        """
        from tqdm.auto import tqdm

        self._check(pipeline)
        self.clock.reset()
        books = Books(self, pipeline)
        with tqdm(total=self.n, desc="simulating", unit="request", disable=None) as bar:

            def asked(event: Request, answer: Answer | None) -> None:
                books.request(event, answer)
                bar.update()

            events = self.events()
            drive(pipeline, events, clock=self.clock, pulse=pulse, asked=asked, told=books.labels)
        return books.close()

    def generator(self, concern: str) -> np.random.Generator:
        """Give the generator of one concern: independent of the others', the same for a seed."""
        key = (zlib.crc32(concern.encode()),)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _chances(self) -> list[np.random.Generator]:
        kinds = [type(fault).__name__ for fault in self.faults]
        return [
            self.generator(f"{kind} {kinds[:place].count(kind)}")
            for place, kind in enumerate(kinds)
        ]

    def _served(self, at: float) -> float | None:
        for fault in self.faults:
            moved = fault.request(at)
            if moved is None:
                return None
            at = moved
        return at

    def _ticked(self, truth: Truth) -> Truth:
        if not self.tick:
            return truth
        return replace(truth, at=math.ceil(truth.at / self.tick) * self.tick)

    def _check(self, pipeline: AdaptivePipeline) -> None:
        if pipeline.clock != self.clock.now:
            raise ConfigError(
                "expected a pipeline on the simulation's clock, got one on another",
                hint="AdaptivePipeline(..., clock=simulation.clock.now).",
            )
        if pipeline.store.served():
            raise ConfigError(
                f"expected a new pipeline, got one that has served {pipeline.store.served()} requests",
                hint="make one on a new Store for each run.",
            )
