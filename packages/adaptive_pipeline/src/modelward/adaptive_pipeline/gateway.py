"""The gateway: the champion answers, the challenger scores a copy, and both are recorded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from modelward.adaptive_pipeline import schema
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.store import Store
from modelward.adaptive_pipeline.values import Scalar, plain_row, request_id
from modelward.core.errors import DataError, StateError

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets: the prediction, who made it, and the id under which to send the label."""

    request_id: str
    prediction: Scalar
    version: str


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers and who shadows: replaced as a whole, so that no request sees half a swap."""

    champion: Scorer
    challenger: Scorer | None = None


class Gateway:
    """Answers requests one by one and records each with version, answer and time.

    The answer is on disk before the caller has it (with SQLite's `synchronous=NORMAL`: safe when the
    process dies; the last moments may go when the machine loses power). A request id that comes a
    second time with the same row gets the recorded answer again. The challenger, where there is
    one, scores the row *after* the answer was recorded; what it raises or returns is recorded and
    never reaches the caller. `predict` returns after the challenger's score; over HTTP (`app`) the
    answer is sent first.

    >>> store = Store("sqlite://")
    >>> gateway = Gateway(store, Serving(Scorer("1", lambda frame: frame["x"] * 2)))
    >>> gateway.predict({"x": 4}, request_id="r1")
    Answer(request_id='r1', prediction=8, version='1')
    """

    def __init__(
        self, store: Store, serving: Serving, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.store = store
        self.serving = serving
        self.clock = clock

    def predict(self, row: Mapping[str, Any], request_id: str | None = None) -> Answer:
        """Answer one row, and let the challenger score it too.

        Raises `DataError` for a row that is not what the model was trained on, or a request id used
        before for another row; `StateError` when the champion itself fails (recorded as well).
        """
        answer, clean = self.answer(row, request_id)
        self.shadow(answer.request_id, clean)
        return answer

    def answer(
        self,
        row: Mapping[str, Any],
        identity: str | None = None,
    ) -> tuple[Answer, dict[str, Scalar]]:
        """Answer and record one row without the challenger; give the checked row as well."""
        champion = self.serving.champion
        clean = plain_row(row, champion.columns)
        identity = request_id() if identity is None else identity
        if not 0 < len(identity) <= 128:
            raise DataError(f"expected a request id of 1 to 128 characters, got {len(identity)}")
        record: dict[str, Any] = {"request_id": identity, "row": clean, "version": champion.version}
        try:
            record["prediction"] = champion.score(clean)
        except Exception as error:  # recorded whatever it was, then told to the caller
            self._record(record | {"error": _text(error)})
            raise StateError(
                f"expected an answer from the champion, version {champion.version}, got {_text(error)}",
                hint="the request is recorded with its error; roll back to a version that works.",
            ) from error
        return self._record(record), clean

    def shadow(self, identity: str, row: Mapping[str, Scalar]) -> None:
        """Let the challenger score a request that was answered, and record what it says."""
        challenger = self.serving.challenger
        if challenger is None:
            return
        record: dict[str, Any] = {"request_id": identity, "version": challenger.version}
        try:
            record["prediction"] = challenger.score(row)
        except Exception as error:  # a challenger may do anything; the caller must not notice
            logger.warning("challenger %s failed: %s", challenger.version, _text(error))
            record["error"] = _text(error)
        insert = self.store.insert(schema.shadows).values(**record)
        with self.store.transaction() as tx:
            tx.execute(insert.on_conflict_do_nothing())

    def _record(self, record: dict[str, Any]) -> Answer:
        table = schema.predictions
        insert = self.store.insert(table).values(**record, at=self.clock())
        with self.store.transaction() as tx:
            if not tx.execute(insert.on_conflict_do_nothing()).rowcount:
                kept = tx.execute(
                    select(table).where(table.c.request_id == record["request_id"])
                ).one()
                if kept.row != record["row"] or kept.error is not None:
                    raise DataError(
                        f"expected a new request id, got {record['request_id']!r}, which was used "
                        "for another row or a failed request",
                        hint="send the id again only to repeat the very same request.",
                    )
                return Answer(kept.request_id, kept.prediction, kept.version)
        return Answer(record["request_id"], record.get("prediction", ""), record["version"])

    @property
    def app(self) -> FastAPI:
        """The same over HTTP: `POST /predict`, `POST /labels`, `GET /healthz`."""
        from modelward.adaptive_pipeline.service import create_app

        return create_app(self)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:500]
