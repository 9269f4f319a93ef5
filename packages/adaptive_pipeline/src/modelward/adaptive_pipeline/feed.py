"""The feed: joined requests in the order of joining, with what each version said to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, func, select

from modelward.adaptive_pipeline import losses
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.store.schema import joined, predictions, shadows
from modelward.adaptive_pipeline.store.store import Store

_SERVED = (
    "row",
    "version",
    "prediction",
    "latency",
    "experiment",
    "arm",
    "probability",
    "fallback",
)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a version said to a request that another one answered."""

    prediction: Any
    error: str | None
    latency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One labelled request: when and how it was served, its label, and what other versions said.

    `revision` above 0 is a correction of a label joined before; `late` came after the horizon. The
    fields from `row` to `fallback` are those of the table `predictions`; `unit` is what was assigned
    in a split, None where that was the request itself.
    """

    position: int
    seq: int
    at: float
    revision: int
    late: bool
    label: Any
    row: Mapping[str, Any]
    version: str
    prediction: Any
    latency: float | None
    experiment: str | None
    arm: str | None
    probability: float | None
    fallback: str | None
    unit: str | None = None
    shadows: Mapping[str, Shadowed] = field(default_factory=dict)

    def losses(self, loss: Loss) -> dict[str, float]:
        """Give the loss of each version that answered. Raises `DataError` for one not finite."""
        found = {self.version: losses.of(loss, self.label, self.prediction)}
        for version, shadow in self.shadows.items():
            if shadow.error is None:
                found[version] = losses.of(loss, self.label, shadow.prediction)
        return found


def read(
    store: Store,
    *,
    after: int,
    until: int | None = None,
    limit: int = 1_000,
    shadowed: bool = True,
) -> list[Joined]:
    """Give at most `limit` requests joined after position `after` (and up to `until`), in order.

    `shadowed=False` leaves out what other versions said.
    """
    bounds = {"after": after, "until": 2**62 if until is None else until, "limit": limit}
    with store.reading() as tx:
        rows = [dict(row) for row in tx.execute(_JOINED, bounds).mappings()]
        if not rows:
            return []
        span = {"first": rows[0]["position"], "last": rows[-1]["position"]}
        said = tx.execute(_SHADOWS, span).all() if shadowed else []
    by_seq: dict[int, dict[str, Shadowed]] = {}
    for seq, version, prediction, error, latency in said:
        by_seq.setdefault(seq, {})[version] = Shadowed(prediction, error, latency)
    return [Joined(**row, shadows=by_seq.get(row["seq"], {})) for row in rows]


_JOINED = (
    select(
        joined.c.position,
        joined.c.seq,
        predictions.c.at,
        joined.c.revision,
        joined.c.late,
        joined.c.label,
        *(predictions.c[name] for name in _SERVED),
        func.nullif(predictions.c.unit, predictions.c.request_id).label("unit"),
    )
    .join(predictions, predictions.c.seq == joined.c.seq)
    .where(joined.c.position > bindparam("after"), joined.c.position <= bindparam("until"))
    .order_by(joined.c.position)
    .limit(bindparam("limit"))
)
_SHADOWS = (
    select(*(shadows.c[name] for name in ("seq", "version", "prediction", "error", "latency")))
    .join(joined, joined.c.seq == shadows.c.seq)
    .where(joined.c.position.between(bindparam("first"), bindparam("last")))
)
