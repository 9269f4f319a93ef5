"""The adaptive pipeline: a served model that watches itself, retrains, compares and promotes.

The path of the data: gateway -> store -> joiner -> monitor -> triggers -> arbiter -> retrainer ->
comparison -> controller -> ledger. Each part can be used alone; `AdaptivePipeline` ties them.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.adaptation import Adaptation
    from modelward.adaptive_pipeline.arbiter import Arbiter, Decision
    from modelward.adaptive_pipeline.comparison.paired import Comparison
    from modelward.adaptive_pipeline.comparison.verdict import Verdict
    from modelward.adaptive_pipeline.controller import AdaptivePipeline
    from modelward.adaptive_pipeline.gateway import Answer, Gateway, Serving
    from modelward.adaptive_pipeline.joiner import JoinCounts, Joiner, Label
    from modelward.adaptive_pipeline.ledger import Entry, Ledger, LedgerCheck
    from modelward.adaptive_pipeline.monitor import Monitor, Window
    from modelward.adaptive_pipeline.registry import Registry, Version
    from modelward.adaptive_pipeline.result import PipelineResult, summarise
    from modelward.adaptive_pipeline.retrainer import Context, Outcome, Retrainer
    from modelward.adaptive_pipeline.scorer import Scorer
    from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
    from modelward.adaptive_pipeline.service import create_app
    from modelward.adaptive_pipeline.store import Store
    from modelward.adaptive_pipeline.triggers.performance import Performance
    from modelward.adaptive_pipeline.triggers.signal import Signal
    from modelward.adaptive_pipeline.windows import LastN, SinceDrift, TrainingData

__all__ = [
    "Adaptation",
    "AdaptivePipeline",
    "Answer",
    "Arbiter",
    "AsymptoticSequence",
    "Comparison",
    "Context",
    "Decision",
    "Entry",
    "Gateway",
    "JoinCounts",
    "Joiner",
    "Label",
    "LastN",
    "Ledger",
    "LedgerCheck",
    "Monitor",
    "Outcome",
    "Performance",
    "PipelineResult",
    "Registry",
    "Retrainer",
    "Scorer",
    "Serving",
    "Signal",
    "SinceDrift",
    "Store",
    "TrainingData",
    "Verdict",
    "Version",
    "Window",
    "create_app",
    "summarise",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AdaptivePipeline": "controller",
        "Adaptation": "adaptation",
        "Answer": "gateway",
        "Arbiter": "arbiter",
        "AsymptoticSequence": "sequences.asymptotic",
        "Comparison": "comparison.paired",
        "Context": "retrainer",
        "Decision": "arbiter",
        "Entry": "ledger",
        "Gateway": "gateway",
        "JoinCounts": "joiner",
        "Joiner": "joiner",
        "Label": "joiner",
        "LastN": "windows",
        "Ledger": "ledger",
        "LedgerCheck": "ledger",
        "Monitor": "monitor",
        "Outcome": "retrainer",
        "Performance": "triggers.performance",
        "PipelineResult": "result",
        "Registry": "registry",
        "Retrainer": "retrainer",
        "Scorer": "scorer",
        "Serving": "gateway",
        "Signal": "triggers.signal",
        "SinceDrift": "windows",
        "Store": "store",
        "TrainingData": "windows",
        "Verdict": "comparison.verdict",
        "Version": "registry",
        "Window": "monitor",
        "create_app": "service",
        "summarise": "result",
    },
)
