"""Claims that do not stand, as findings: so that every form can say them."""

from __future__ import annotations

from collections.abc import Mapping

from modelward.modelcards.rules.finding import Finding, Severity
from modelward.modelcards.verification.claims import CardVerification

SEVERITY: Mapping[str, Severity] = {
    "mismatch": "error",
    "stale": "error",
    "unbacked": "error",
    "unreachable": "warning",
}


def findings_of(verification: CardVerification) -> tuple[Finding, ...]:
    """Give a finding for each claim that does not stand, under the rule `claim-<status>`."""
    return tuple(
        Finding(
            rule=f"claim-{claim.status}",
            severity=SEVERITY[claim.status],
            place=claim.place,
            message=f"{claim.metric}{f' = {claim.text}' if claim.text else ''} ({claim.detail})",
            file=claim.file,
            line=claim.line,
            column=claim.column,
        )
        for claim in verification.failures
    )
