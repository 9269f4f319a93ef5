"""How the claims of a card stand, as blocks of a page."""

from __future__ import annotations

from modelward.core.pages import Block, Notice, Section, Tile, Tiles
from modelward.core.pages.blocks import Status
from modelward.modelcards.render.tables import table
from modelward.modelcards.verification.claims import STATUSES, CardVerification, Claim

COLOURS: dict[str, Status] = {
    "verified": "good",
    "mismatch": "bad",
    "stale": "bad",
    "unreachable": "warning",
    "unbacked": "warning",
}


def standing(verification: CardVerification) -> list[Block]:
    """Draw the verdict, the count of each status, and every claim that does not stand."""
    tiles = [
        Tile(status.capitalize(), str(verification.count(status)))
        for status in STATUSES
        if status == "verified" or verification.count(status)
    ]
    blocks: list[Block] = [_verdict(verification), Tiles(tiles)]
    if verification.failures:
        rows = [
            [c.metric, c.text, mark(c), c.detail, f"line {c.line}"] for c in verification.failures
        ]
        columns = ["claim", "the card says", "standing", "why", "where"]
        blocks.append(Section("What does not stand", [table("Claims and why", columns, rows)]))
    return blocks


def by_row(verification: CardVerification) -> dict[str, Claim]:
    """Give, for each entry of a list in the card, the claim about it that stands worst.

    A number whose unit or interval was edited is not shown as verified because its value is.
    """
    worst: dict[str, Claim] = {}
    for claim in verification.claims:
        entry, bracket, _ = claim.place.rpartition("]")
        row = entry + bracket
        if row not in worst or _rank(claim) < _rank(worst[row]):
            worst[row] = claim
    return worst


def _rank(claim: Claim) -> int:
    return len(STATUSES) if claim.status == "verified" else STATUSES.index(claim.status)


def mark(claim: Claim) -> Tile:
    """Give the status of a claim as a cell: in words, and by colour."""
    return Tile("", claim.status, status=COLOURS[claim.status])


def _verdict(verification: CardVerification) -> Notice:
    if not verification.claims:
        return Notice("The card claims no number.", "warning")
    if verification:
        return Notice("Every number was checked against its evidence, and stands.", "good")
    fallen, claims = len(verification.failures), len(verification.claims)
    return Notice(f"{fallen} of {claims} claims do not stand.", "bad")
