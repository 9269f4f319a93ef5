"""An observation: what one labelled request says about the two models under comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The losses on one request, and what else a comparison guards.

    In a paired design both losses are there, unless one failed (None, and `..._failed`). In an A/B
    test only that of the `arm` that served, with the `probability` of its assignment. Latencies are
    in seconds, None where they were not measured; `segments` are written `column=value`.

    >>> Observation(champion=0.3, challenger=0.1).arm is None
    True
    """

    champion: float | None
    challenger: float | None
    arm: str | None = None
    probability: float | None = None
    unit: str | None = None
    champion_failed: bool = False
    challenger_failed: bool = False
    champion_latency: float | None = None
    challenger_latency: float | None = None
    segments: tuple[str, ...] = ()
