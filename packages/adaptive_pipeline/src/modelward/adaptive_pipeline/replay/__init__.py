"""Replay of a log: its verdicts worked out again, and what another policy would have made of it."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.replay.counterfactual import replay
    from modelward.adaptive_pipeline.replay.policy import Policy
    from modelward.adaptive_pipeline.replay.result import PolicyResult, ReplayResult
    from modelward.adaptive_pipeline.replay.verdicts import ReplayedVerdict, replay_verdicts

__all__ = [
    "Policy",
    "PolicyResult",
    "ReplayResult",
    "ReplayedVerdict",
    "replay",
    "replay_verdicts",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Policy": "policy",
        "PolicyResult": "result",
        "ReplayResult": "result",
        "ReplayedVerdict": "verdicts",
        "replay": "counterfactual",
        "replay_verdicts": "verdicts",
    },
)
