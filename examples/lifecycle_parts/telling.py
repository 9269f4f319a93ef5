"""How the story is told: line by line, and results in a few words."""

from __future__ import annotations

import time
from pathlib import Path

import modelward.adversarial as adv
import modelward.modelcards as cards
import modelward.validation as val
from modelward.core.evidence import Artifact


class Teller:
    """Tells what happens, with the seconds since the beginning."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def __call__(self, text: str) -> None:
        print(f"[{self.seconds:5.1f} s] {text}", flush=True)


def in_words(found: val.StudyResult) -> str:
    """Give the first two rules a study found."""
    return "; ".join(map(str, found.rules[:2])) or "no rule found"


def left(result: adv.Assessment) -> str:
    """Say what attacks leave of a detector's precision."""
    cells = ", ".join(f"{cell.name} {cell.ap.value:.3f}" for cell in result.cells)
    return f"clean {result.ap.value:.3f}, {cells}"


def standing(verification: cards.CardVerification) -> str:
    """Say how many of a card's claims stand."""
    verdict = "verified" if verification else "not verified"
    return f"{verdict}: {verification.count('verified')} of {len(verification.claims)} claims"


def page_of(name: str, folder: Path) -> tuple[Artifact, ...]:
    """Let a record vouch for the page that was drawn of it, too."""
    page = folder / f"{name}.html"
    return (Artifact.of(page, root=folder / "evidence", media_type="text/html"),)
