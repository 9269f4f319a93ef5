"""The shadow: another version scores the requests that were logged, away from those who wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, select

from modelward.adaptive_pipeline.gateway.request import told
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.store.schema import predictions, shadows
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.values import Scalar

logger = logging.getLogger(__name__)
_BATCH = 500


class Shadow:
    """Lets `scorer` say what it would have answered to each request after number `first`.

    It reads the log and so costs those who wait for an answer nothing: no time, and no failure. A
    batch is scored at once; where that raises or gives the wrong number of answers, each row is
    scored alone, so that only the rows it cannot answer are recorded as errors. The first row of
    each batch is scored alone and timed as well.

    >>> from modelward.adaptive_pipeline import Gateway, Serving
    >>> store = Store("sqlite://")
    >>> gateway = Gateway(store, Serving(Scorer("1", lambda frame: frame["x"] * 2)))
    >>> _ = gateway.predict({"x": 4}, request_id="r1")
    >>> Shadow(store, Scorer("2", lambda frame: frame["x"] * 3), first=0).catch_up()
    1
    """

    def __init__(self, store: Store, scorer: Scorer, *, first: int) -> None:
        self.store = store
        self.scorer = scorer
        self._done = first

    def catch_up(self) -> int:
        """Score what was served since the last time; give how many requests."""
        total = 0
        while rows := self._unscored(predictions.c.seq > self._done):
            self._score(rows)
            self._done = rows[-1].seq
            total += len(rows)
        return total

    def ensure(self, seqs: Iterable[int]) -> int:
        """Score those of the given requests that have not been scored; give how many there were."""
        wanted, total = sorted(seqs), 0
        for start in range(0, len(wanted), _BATCH):
            rows = self._unscored(predictions.c.seq.in_(wanted[start : start + _BATCH]))
            if rows:
                self._score(rows)
            total += len(rows)
        return total

    def _unscored(self, which: Any) -> Sequence[Any]:
        version = self.scorer.version
        query = (
            select(predictions.c.seq, predictions.c.row)
            .outerjoin(
                shadows, and_(shadows.c.seq == predictions.c.seq, shadows.c.version == version)
            )
            .where(which, shadows.c.seq.is_(None), predictions.c.error.is_(None))
            .where(predictions.c.version != version)
            .order_by(predictions.c.seq)
            .limit(_BATCH)
        )
        with self.store.reading() as tx:
            return tx.execute(query).all()

    def _score(self, rows: Sequence[Any]) -> None:
        version = self.scorer.version
        begun = time.perf_counter()
        answers = self.scorer.score_many([rows[0].row])
        latency = time.perf_counter() - begun
        if rows[1:]:
            answers += self.scorer.score_many([row.row for row in rows[1:]])
        failed = [told(answer) for answer in answers if isinstance(answer, Exception)]
        if failed:
            logger.warning(
                "version %s failed in shadow on %d of %d requests, first with %s",
                version,
                len(failed),
                len(rows),
                failed[0],
            )
        records = [
            {"seq": row.seq, "version": version, "latency": None, **_kept(answer)}
            for row, answer in zip(rows, answers, strict=True)
        ]
        records[0]["latency"] = latency
        with self.store.transaction() as tx:
            tx.execute(self.store.insert(shadows).on_conflict_do_nothing(), records)


def _kept(answer: Scalar | Exception) -> dict[str, Any]:
    if isinstance(answer, Exception):
        return {"prediction": None, "error": told(answer)}
    return {"prediction": answer, "error": None}
