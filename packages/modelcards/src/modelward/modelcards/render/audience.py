"""Who a page is for: each audience hides detail, and none can hide a failed or unverified claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Audience:
    """What a page for some readers shows, in the order of its sections.

    `intervals` and `findings` say whether those are shown beside numbers and records.
    """

    name: str
    sections: tuple[str, ...]
    intervals: bool = True
    findings: bool = True


_ENGINEER = ("text", "numbers", "evidence", "considerations", "parameters", "data", "governance")
AUDIENCES: Mapping[str, Audience] = {
    "engineer": Audience("engineer", _ENGINEER),
    "risk": Audience(
        "risk", ("text", "considerations", "numbers", "evidence", "governance", "data")
    ),
    "public": Audience(
        "public", ("text", "considerations", "numbers"), intervals=False, findings=False
    ),
}


def audience_of(name: str) -> Audience:
    """Give an audience by name. Raises `ConfigError` for another."""
    if name not in AUDIENCES:
        raise ConfigError(f"expected an audience of {', '.join(AUDIENCES)}, got {name!r}")
    return AUDIENCES[name]
