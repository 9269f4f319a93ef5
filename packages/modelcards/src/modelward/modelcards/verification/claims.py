"""What a card claims, and how each claim stands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from modelward.core.optional import require
from modelward.modelcards.codecs.document import one_line

if TYPE_CHECKING:
    from modelward.core.evidence import Evidence

ClaimStatus = Literal["verified", "mismatch", "stale", "unreachable", "unbacked"]
STATUSES: tuple[ClaimStatus, ...] = get_args(ClaimStatus)


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing the card claims, and how it stands.

    *verified*: the evidence says the same, to the digits printed. *mismatch*: it says something
    else, or was edited. *stale*: the record, or what it measured, has changed since. *unreachable*:
    the evidence cannot be had. *unbacked*: the card names no evidence for it. `text` is the claim as
    written, `evidence` the number the evidence gives, where there is one.
    """

    place: str
    metric: str
    text: str
    status: ClaimStatus
    detail: str
    file: str
    line: int
    column: int = 1
    evidence: float | None = None

    def __str__(self) -> str:
        claimed = f"{self.metric} = {self.text}" if self.text else self.metric
        fact = one_line(f"{self.status}: {claimed} ({self.detail})")
        return f"{self.file}:{self.line}:{self.column}: {fact}"


@dataclass(frozen=True, slots=True, repr=False)
class CardVerification:
    """Every claim of a card. True when there are claims, and every one is verified."""

    claims: tuple[Claim, ...]
    name: str = "model card"

    def __bool__(self) -> bool:
        # Where nothing was checked, nothing was verified.
        return bool(self.claims) and all(claim.status == "verified" for claim in self.claims)

    def __repr__(self) -> str:
        shown = [str(claim) for claim in self.failures[:20]]
        left = len(self.failures) - len(shown)
        return "\n".join([self.verdict, *shown, *([f"and {left} more"] if left else [])])

    @property
    def verdict(self) -> str:
        """How the card stands, in one line."""
        if not self.claims:
            return f"{one_line(self.name)}: claims no number"
        counts = ", ".join(f"{self.count(s)} {s}" for s in STATUSES if self.count(s))
        return f"{one_line(self.name)}: {counts} of {len(self.claims)} claims"

    def count(self, status: ClaimStatus) -> int:
        """Say how many claims have a status."""
        return sum(claim.status == status for claim in self.claims)

    @property
    def failures(self) -> tuple[Claim, ...]:
        """The claims that do not stand."""
        return tuple(claim for claim in self.claims if claim.status != "verified")

    def at(self, place: str) -> Claim | None:
        """Give the claim at a place, if it is one."""
        return next((claim for claim in self.claims if claim.place == place), None)

    def to_dict(self) -> dict[str, Any]:
        """Give every claim as plain content."""
        return {
            "name": self.name,
            "verified": bool(self),
            "claims": [asdict(c) for c in self.claims],
        }

    def to_json(self) -> str:
        """Give `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_frame(self) -> Any:
        """Give one row per claim. Raises `MissingPackageError` without pandas."""
        pandas = require("pandas", feature="a table of claims", install="pandas")
        return pandas.DataFrame([asdict(claim) for claim in self.claims])

    def to_evidence(self) -> Evidence:
        """Seal how the card stands: the number of claims of each status, and those that fell."""
        from modelward.core.evidence import Evidence, Metric, Subject

        return Evidence.create(
            kind="modelcards.verification",
            subject=Subject(name=self.name),
            tool="modelward-modelcards",
            metrics=[Metric.of(status, self.count(status)) for status in STATUSES],
            findings=[str(claim) for claim in self.failures],
        )

    def _repr_html_(self) -> str:
        from modelward.core.pages import notebook
        from modelward.modelcards.render.standing import standing

        return notebook(*standing(self))
