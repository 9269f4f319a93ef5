"""What a comparison says at one look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from modelward.adaptive_pipeline.comparison.guards import GuardState
from modelward.core.metrics import Estimate

Word = Literal["promote", "reject", "inconclusive", "continue"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, the challenger's gain it rests on, and the reason in a sentence.

    `gain` is the champion's loss minus the challenger's, per request, with its confidence sequence:
    positive where the challenger is better. `promote`, `reject` and `inconclusive` (which keeps the
    champion) end the comparison; `continue` asks for more labels. It is not `valid` when requests or
    labels were not shared between the arms as they were drawn. `guards` say where each guardrail is.
    """

    word: Word
    gain: Estimate
    reason: str
    valid: bool = True
    guards: tuple[GuardState, ...] = ()

    @property
    def final(self) -> bool:
        """Whether the comparison is over."""
        return self.word != "continue"

    def to_dict(self) -> dict[str, Any]:
        """Give the verdict as plain values; an unbounded side is null."""
        gain = self.gain.to_dict()
        for side in ("low", "high"):
            if gain[side] is not None and abs(gain[side]) == float("inf"):
                gain[side] = None
        return {
            "verdict": self.word,
            "gain": gain,
            "reason": self.reason,
            "valid": self.valid,
            "guards": [guard.to_dict() for guard in self.guards],
        }

    def __repr__(self) -> str:
        return f"{self.word}: {self.reason}"
