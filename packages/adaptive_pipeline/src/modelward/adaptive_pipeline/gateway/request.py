"""A request on its way through the gateway: what was asked, who should answer, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic_core import PydanticSerializationError, to_json

from modelward.adaptive_pipeline.store.recording import Recorded
from modelward.adaptive_pipeline.values import Scalar
from modelward.core.errors import ModelwardError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.challenger import Challenger
    from modelward.adaptive_pipeline.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets: the prediction, who made it, and the id under which to send the label."""

    request_id: str
    prediction: Scalar
    version: str


@dataclass(slots=True)
class Request:
    """A request: its id (`named` by the caller, or made here), its checked row, and its arm.

    `champion` and `challenger` are those that served when it came; `arm`, `unit`, `experiment` and
    `probability` are there where the plan divides requests. `text` is the prediction as JSON.
    """

    identity: str
    named: bool
    row: dict[str, Scalar]
    champion: Scorer
    challenger: Challenger | None = None
    experiment: str | None = None
    unit: str | None = None
    arm: str | None = None
    probability: float | None = None
    fallback: str | None = None
    version: str = ""
    prediction: Scalar | None = None
    text: str | None = None
    error: str | None = None
    latency: float | None = None

    def take(self, version: str, answer: Scalar | Exception, latency: float) -> None:
        """Take a version's answer, or the error it has in place of one."""
        self.version, self.latency = version, latency
        if not isinstance(answer, Exception):
            try:
                self.text, self.prediction = to_json(answer).decode(), answer
                return
            except (PydanticSerializationError, UnicodeError) as error:  # half a surrogate pair
                answer = error
        self.error = told(answer)

    def recorded(self, at: float) -> Recorded:
        """Give it as it is written."""
        return Recorded(
            self.identity,
            at,
            to_json(self.row).decode(),
            self.version,
            self.text,
            self.error,
            self.latency,
            self.experiment,
            self.unit,
            self.arm,
            self.probability,
            self.fallback,
        )


def told(error: Exception) -> str:
    """Give the kind and the first line of an error, in characters every database takes."""
    fact = error.fact if isinstance(error, ModelwardError) else str(error)
    line = (fact.splitlines() or [""])[0]
    text = f"{type(error).__name__}: {line}"[:500]
    return text.replace("\0", "").encode(errors="replace").decode()
