"""Driving: events sent through a pipeline one after another, on a clock of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from modelward.adaptive_pipeline.joiner import Label
from modelward.adaptive_pipeline.simulator.events import Request, Truth
from modelward.core.errors import StateError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.gateway import Answer
    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline
    from modelward.adaptive_pipeline.simulator.clock import VirtualClock


def drive(
    pipeline: AdaptivePipeline,
    events: Iterable[Request | Truth],
    *,
    clock: VirtualClock,
    pulse: float = 60.0,
    asked: Callable[[Request, Answer | None], object] = lambda *_: None,
    told: Callable[[Sequence[Truth]], object] = lambda _: None,
) -> None:
    """Send events, which come in the order of time, through a pipeline that runs on `clock`.

    Labels of the same time are handed over together. When no label has come for `pulse` seconds,
    the pipeline is given the chance to do what time alone asks for. `asked` hears each request and
    its answer (None where the champion failed), `told` the labels.
    """
    stepped = 0.0
    for (at, labels), group in groupby(events, lambda e: (e.at, isinstance(e, Truth))):
        clock.advance(to=max(clock.time, clock.start + at))
        if labels:
            batch = [event for event in group if isinstance(event, Truth)]
            pipeline.labels([Label(one.request_id, one.label, one.revision) for one in batch])
            told(batch)
            stepped = at
            continue
        for event in group:
            if isinstance(event, Request):
                asked(event, _answer(pipeline, event))
        if at >= stepped + pulse:
            pipeline.step()
            stepped = at
    pipeline.step()


def _answer(pipeline: AdaptivePipeline, event: Request) -> Answer | None:
    try:
        return pipeline.predict(event.row, event.request_id, unit=event.unit)
    except StateError:  # the champion failed; the pipeline has recorded it
        return None
