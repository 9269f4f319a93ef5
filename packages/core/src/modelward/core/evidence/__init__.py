"""Evidence: the record that every tool hands out and that model cards verify."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.core.evidence.environment import Environment, git_commit
    from modelward.core.evidence.record import (
        Artifact,
        Evidence,
        Input,
        Metric,
        Subject,
        Tool,
        json_schema,
    )
    from modelward.core.evidence.seal import canonical, digest, sha256_file
    from modelward.core.evidence.verification import Check, Verification

__all__ = [
    "Artifact",
    "Check",
    "Environment",
    "Evidence",
    "Input",
    "Metric",
    "Subject",
    "Tool",
    "Verification",
    "canonical",
    "digest",
    "git_commit",
    "json_schema",
    "sha256_file",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Artifact": "record",
        "Check": "verification",
        "Environment": "environment",
        "Evidence": "record",
        "Input": "record",
        "Metric": "record",
        "Subject": "record",
        "Tool": "record",
        "Verification": "verification",
        "canonical": "seal",
        "digest": "seal",
        "git_commit": "environment",
        "json_schema": "record",
        "sha256_file": "seal",
    },
)
