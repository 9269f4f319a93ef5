"""The path of the evidence: how the gain of a trial and its bounds moved, label by label."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from modelward.adaptive_pipeline.comparison import comparison_from
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.replay.verdicts import observations
from modelward.adaptive_pipeline.store.store import Store

_POINTS = 150


@dataclass(frozen=True, slots=True)
class EvidencePath:
    """The gain of a trial over its labels: `points` of (labels, gain, low, high), thinned.

    `verdict` is the word that ended it, None while it goes on.
    """

    trial: str
    champion: str
    challenger: str
    design: str
    watch: bool
    margin: float
    verdict: str | None
    points: tuple[tuple[int, float, float | None, float | None], ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values; an unbounded side is null."""
        return asdict(self)


def evidence_paths(store: Store, *, last: int = 2, labels: int = 20_000) -> list[EvidencePath]:
    """Follow the `last` trials again from the log, over at most `labels` labels each, newest first."""
    entries = Ledger(store).sound()
    ended = {e.body["trial"]: e for e in entries if e.kind in {"verdict", "watch"}}
    paths = []
    for begun in [e for e in entries if e.kind == "trial"][: -last - 1 : -1]:
        body, comparison = begun.body, comparison_from(begun.body["settings"])
        end = ended.get(body["name"])
        every, points = 1, []
        seen = observations(store, begun, until=end.body["labels"] if end else None)
        for n, (_, observation) in enumerate(seen, 1):
            comparison.update(observation)
            if n % every == 0:
                gain = comparison.gain
                points.append((n, gain.value, _finite(gain.low), _finite(gain.high)))
            if len(points) >= 2 * _POINTS:
                points, every = points[1::2], 2 * every
            if n >= labels:
                break
        paths.append(
            EvidencePath(
                trial=body["name"],
                champion=body["champion"],
                challenger=body["challenger"],
                design=body["design"],
                watch=body["watch"],
                margin=float(body["settings"].get("margin", 0.0)),
                verdict=end.body["verdict"] if end else None,
                points=tuple(points),
            )
        )
    return paths


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
