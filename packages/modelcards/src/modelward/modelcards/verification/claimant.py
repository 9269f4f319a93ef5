"""Making claims of a document: each with its place, its words, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass

from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.verification.claims import Claim, ClaimStatus


@dataclass(frozen=True, slots=True)
class Claimant:
    """Makes the claims of one document."""

    document: Document

    def claim(
        self, place: Place, name: str, status: ClaimStatus, detail: str, found: float | None = None
    ) -> Claim:
        """Say how what stands at a place stands."""
        line, column = self.document.position(place)
        file, text = str(self.document.source), self.document.text(place)
        finite = found if found is not None and abs(found) < float("inf") else None
        return Claim(dotted(place), name, text, status, detail, file, line, column, finite)
