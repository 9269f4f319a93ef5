"""Who a page is for: each audience hides detail, and none can hide a failed or unverified claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Audience:
    """What a page for some readers shows, in the order of its sections.

    `intervals` and `findings` say whether those are shown beside numbers and records; `brief`, that of
    the model's details only those are shown that concern everybody.
    """

    name: str
    sections: tuple[str, ...]
    intervals: bool = True
    findings: bool = True
    brief: bool = False


_ENGINEER = ("text", "about", "numbers", "assessments", "fairness", "evidence", "considerations", "making",
             "parameters", "data", "environment", "governance", "other")  # fmt: skip
_RISK = ("text", "about", "considerations", "numbers", "assessments", "fairness", "evidence", "governance",
         "data", "environment")  # fmt: skip
AUDIENCES: Mapping[str, Audience] = {
    "engineer": Audience("engineer", _ENGINEER),
    "risk": Audience("risk", _RISK),
    "public": Audience(
        "public",
        ("text", "considerations", "numbers", "fairness", "about"),
        intervals=False,
        findings=False,
        brief=True,
    ),
}


def audience_of(name: str) -> Audience:
    """Give an audience by name. Raises `ConfigError` for another."""
    if name not in AUDIENCES:
        raise ConfigError(f"expected an audience of {', '.join(AUDIENCES)}, got {name!r}")
    return AUDIENCES[name]
