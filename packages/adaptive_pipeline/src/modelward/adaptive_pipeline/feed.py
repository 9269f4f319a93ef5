"""The feed: joined requests in the order of joining, with what each version said to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from modelward.adaptive_pipeline import losses
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.schema import joined, predictions, shadows
from modelward.adaptive_pipeline.store import Store


@dataclass(frozen=True, slots=True)
class Joined:
    """One labelled request: who served it, and the answer of one more version, if it gave one.

    `shadow` names that other version (None: it did not see the request); with a `shadow_error` it
    failed on it.
    """

    position: int
    seq: int
    label: Any
    version: str
    prediction: Any
    shadow: str | None
    shadow_prediction: Any
    shadow_error: str | None

    def losses(self, loss: Loss) -> dict[str, float]:
        """Give the loss of each version that answered. Raises `DataError` for one not finite."""
        found = {self.version: losses.of(loss, self.label, self.prediction)}
        if self.shadow is not None and self.shadow_error is None:
            found[self.shadow] = losses.of(loss, self.label, self.shadow_prediction)
        return found


def unseen(store: Store, *, after: int, shadow: str, limit: int) -> Sequence[Joined]:
    """Give the requests joined after position `after`, with what version `shadow` said to them."""
    query = (
        select(
            joined.c.position,
            joined.c.seq,
            joined.c.label,
            predictions.c.version,
            predictions.c.prediction,
            shadows.c.version.label("shadow"),
            shadows.c.prediction.label("shadow_prediction"),
            shadows.c.error.label("shadow_error"),
        )
        .join(predictions, predictions.c.request_id == joined.c.request_id)
        .outerjoin(
            shadows,
            and_(shadows.c.request_id == joined.c.request_id, shadows.c.version == shadow),
        )
        .where(joined.c.position > after)
        .order_by(joined.c.position)
        .limit(limit)
    )
    with store.reading() as tx:
        return [Joined(**row) for row in tx.execute(query).mappings()]
