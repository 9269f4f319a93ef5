"""What was answered: a request id that comes again gets the same answer, and is not counted twice."""

from __future__ import annotations

from collections import OrderedDict

from sqlalchemy import select

from modelward.adaptive_pipeline.gateway.request import Answer, Request
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.values import Scalar
from modelward.core.errors import DataError, StateError


class Answered:
    """Knows answered requests by their id: the newest `most` at hand, all others in the store."""

    def __init__(self, store: Store, *, most: int = 20_000) -> None:
        self.store = store
        self.most = most
        self._recent: OrderedDict[str, tuple[dict[str, Scalar], Answer]] = OrderedDict()

    def keep(self, request: Request, answer: Answer) -> None:
        """Keep an answer at hand."""
        self._recent[request.identity] = (request.row, answer)
        if len(self._recent) > self.most:
            self._recent.popitem(last=False)

    def recall(self, request: Request) -> Answer | None:
        """Give the answer to an id that was answered just now; None for a new one.

        Raises `DataError` when it was for another row.
        """
        found = self._recent.get(request.identity)
        if found is None:
            return None
        row, answer = found
        if row != request.row:
            raise _reused(request.identity)
        return answer

    def known(self, request: Request) -> Answer | None:
        """Look in the store for an id; None for a new one.

        Raises `DataError` when it was for another row, or failed.
        """
        query = select(predictions).where(predictions.c.request_id == request.identity)
        with self.store.reading() as tx:
            found = tx.execute(query).one_or_none()
        if found is None:
            return None
        if found.row != request.row or found.error is not None:
            raise _reused(request.identity)
        return Answer(found.request_id, found.prediction, found.version)

    def kept(self, request: Request) -> Answer:
        """Give the recorded answer to an id that must be in the store. Raises as `known`."""
        found = self.known(request)
        if found is None:
            raise StateError(f"expected request {request.identity!r} in the store, got none")
        return found


def _reused(name: str) -> DataError:
    return DataError(
        f"expected a new request id, got {name!r}, which was used before for another row or a failed "
        "request",
        hint="send the id again only to repeat the very same request.",
    )
