"""Second experiment: a stream that changes at a known place, or where people say that it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from modelward.monitoring.decisions.comparison import compare
from modelward.monitoring.drift.registry import stream_method
from modelward.monitoring.fleet.watch import Watch
from modelward.monitoring.sketch.table import Sketch
from modelward.monitoring.study.data import annotated

Floats = npt.NDArray[np.float64]
WARM_UP, BEFORE, AFTER, STEP = 400, 1_100, 800, 100
"""Rows to warm up by, healthy ones after, changed ones, and rows of a window of those who look so."""


def _noise(rng: np.random.Generator, rho: float = 0.0) -> Floats:
    values = rng.normal(size=WARM_UP + BEFORE + AFTER) * np.sqrt(1 - rho**2)
    for at in range(1, values.size):
        values[at] += rho * values[at - 1]
    return np.asarray(values)


def _changed(values: Floats, change: Callable[[Floats], Floats]) -> Floats:
    start = WARM_UP + BEFORE
    return np.concatenate([values[:start], change(values[start:])])


STREAMS: Mapping[str, Callable[[np.random.Generator], Floats]] = {
    "mean, at once": lambda rng: _changed(_noise(rng), lambda x: x + 0.5),
    "mean, bit by bit": lambda rng: _changed(
        _noise(rng), lambda x: x + np.minimum(1.0, np.arange(x.size) / 600)
    ),
    "spread": lambda rng: _changed(_noise(rng), lambda x: 1.5 * x),
    "mean, rows that hang together": lambda rng: _changed(_noise(rng, 0.5), lambda x: x + 0.5),
}


def _detector(name: str) -> Callable[[Floats, int], tuple[int, ...]]:
    return lambda values, seed: stream_method(name).changes(values, warm_up=WARM_UP, seed=seed)


def _looks(values: Floats, *, watched: bool) -> tuple[int, ...]:
    """Give the last rows of the windows that alarmed."""
    reference = Sketch.fit(pd.DataFrame({"x": values[:WARM_UP]}))
    watch = Watch()
    watch.add("m", reference)
    places = []
    for start in range(WARM_UP, values.size - STEP + 1, STEP):
        window = reference.empty().add(pd.DataFrame({"x": values[start : start + STEP]}))
        found = watch.look({"m": window}).alarmed if watched else compare(reference, window).shifted
        if found:
            places.append(start + STEP - 1)
    return tuple(places)


LOOKERS: Mapping[str, Callable[[Floats, int], tuple[int, ...]]] = {
    "adwin": _detector("adwin"),
    "page_hinkley": _detector("page_hinkley"),
    "kswin": _detector("kswin"),
    f"compare, each {STEP} rows": lambda values, _seed: _looks(values, watched=False),
    f"Watch, each {STEP} rows": lambda values, _seed: _looks(values, watched=True),
}


def stream_trial(stream: str, seed: int) -> list[dict[str, Any]]:
    """Follow one stream by every detector: alarms before the change, and the delay after it.

    `false_alarm` tells whether anything was told in the healthy rows; `delay` is in rows, and None
    where the change was not found within 800.
    """
    values = STREAMS[stream](np.random.default_rng([seed, crc32(stream.encode())]))
    change, rows = WARM_UP + BEFORE, []
    for name, follow in LOOKERS.items():
        start = time.process_time()
        places = follow(values, seed)
        used = time.process_time() - start
        after = [place - change for place in places if place >= change]
        rows.append(
            {
                "rule": name,
                "false_alarm": any(WARM_UP <= place < change for place in places),
                "found": bool(after),
                "delay": after[0] if after else None,
                "milliseconds": round(1e3 * used, 3),
            }
        )
    return rows


def annotated_trial(series: str, seed: int) -> list[dict[str, Any]]:
    """Follow a real series, and hold what is told beside what people took for changes.

    A tenth of the series warms up. An annotated change is found when something is told within the
    next tenth of the series; `found` is the share found, averaged over the annotators who named any
    after the warm-up. `false` counts what was told without any annotator's change before it in reach.
    """
    values, marks = annotated(series)
    tenth = len(values) // 10
    rows = []
    for name in ("adwin", "page_hinkley", "kswin"):
        start = time.process_time()
        told = stream_method(name).changes(values, warm_up=tenth, seed=seed)
        used = time.process_time() - start
        later = [[at for at in each if at >= tenth] for each in marks]
        shares = [
            np.mean([any(at <= place <= at + tenth for place in told) for at in each])
            for each in later
            if each
        ]
        every = [at for each in marks for at in each]
        false = sum(not any(at <= place <= at + tenth for at in every) for place in told)
        rows.append(
            {
                "rule": name,
                "found": float(np.mean(shares)) if shares else None,
                "false": false,
                "told": len(told),
                "milliseconds": round(1e3 * used, 3),
            }
        )
    return rows
