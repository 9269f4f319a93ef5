"""The adaptive pipeline: a served model that watches itself, retrains, compares and promotes.

The path of the data: gateway -> store -> joiner -> monitor -> triggers -> arbiter -> retrainer ->
comparison -> controller -> ledger. Each part can be used alone; `AdaptivePipeline` ties them.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.adaptation import Adaptation
    from modelward.adaptive_pipeline.arbiter import Arbiter, Decision
    from modelward.adaptive_pipeline.comparison.comparison import Comparison
    from modelward.adaptive_pipeline.comparison.verdict import Verdict
    from modelward.adaptive_pipeline.controller.controller import Controller
    from modelward.adaptive_pipeline.gateway.app import create_app
    from modelward.adaptive_pipeline.gateway.gateway import Answer, Gateway
    from modelward.adaptive_pipeline.gateway.hooks import hooks_router
    from modelward.adaptive_pipeline.gateway.serving import Serving
    from modelward.adaptive_pipeline.joiner import JoinCounts, Joiner, Label
    from modelward.adaptive_pipeline.ledger import Entry, Ledger, LedgerCheck
    from modelward.adaptive_pipeline.monitor import EventWindow, Monitor, Scored, Window
    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline
    from modelward.adaptive_pipeline.plan import Plan
    from modelward.adaptive_pipeline.registry import Registry, Version
    from modelward.adaptive_pipeline.replay.policy import Policy
    from modelward.adaptive_pipeline.replay.result import ReplayResult
    from modelward.adaptive_pipeline.result import PipelineResult, summarise
    from modelward.adaptive_pipeline.retrainer.executors.executor import Executor
    from modelward.adaptive_pipeline.retrainer.executors.inline import Inline
    from modelward.adaptive_pipeline.retrainer.executors.local_process import LocalProcess
    from modelward.adaptive_pipeline.retrainer.executors.ray import Ray
    from modelward.adaptive_pipeline.retrainer.job import Context, TrainingData
    from modelward.adaptive_pipeline.retrainer.outcome import Outcome, Trained
    from modelward.adaptive_pipeline.retrainer.retrainer import Retrainer
    from modelward.adaptive_pipeline.retrainer.windows import LastN, ReservoirRecent, SinceDrift
    from modelward.adaptive_pipeline.scorer import Scorer
    from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
    from modelward.adaptive_pipeline.settings import PipelineConfig
    from modelward.adaptive_pipeline.shadow import Shadow
    from modelward.adaptive_pipeline.simulator.result import SimulationResult
    from modelward.adaptive_pipeline.simulator.simulation import Simulation
    from modelward.adaptive_pipeline.store.store import Store
    from modelward.adaptive_pipeline.trial import Trial
    from modelward.adaptive_pipeline.triggers.alert import Alert
    from modelward.adaptive_pipeline.triggers.drift import Drift
    from modelward.adaptive_pipeline.triggers.manual import Manual
    from modelward.adaptive_pipeline.triggers.performance import Performance
    from modelward.adaptive_pipeline.triggers.push import Push
    from modelward.adaptive_pipeline.triggers.repository import Repository
    from modelward.adaptive_pipeline.triggers.schedule import Schedule
    from modelward.adaptive_pipeline.triggers.signal import Signal
    from modelward.adaptive_pipeline.triggers.trigger import Trigger

__all__ = [
    "Adaptation",
    "AdaptivePipeline",
    "Alert",
    "Answer",
    "Arbiter",
    "AsymptoticSequence",
    "Comparison",
    "Context",
    "Controller",
    "Decision",
    "Drift",
    "Entry",
    "EventWindow",
    "Executor",
    "Gateway",
    "Inline",
    "JoinCounts",
    "Joiner",
    "Label",
    "LastN",
    "Ledger",
    "LedgerCheck",
    "LocalProcess",
    "Manual",
    "Monitor",
    "Outcome",
    "Performance",
    "PipelineConfig",
    "PipelineResult",
    "Plan",
    "Policy",
    "Push",
    "Ray",
    "Registry",
    "ReplayResult",
    "Repository",
    "ReservoirRecent",
    "Retrainer",
    "Schedule",
    "Scored",
    "Scorer",
    "Serving",
    "Shadow",
    "Signal",
    "Simulation",
    "SimulationResult",
    "SinceDrift",
    "Store",
    "Trained",
    "TrainingData",
    "Trial",
    "Trigger",
    "Verdict",
    "Version",
    "Window",
    "create_app",
    "hooks_router",
    "summarise",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Adaptation": "adaptation",
        "AdaptivePipeline": "pipeline",
        "Alert": "triggers.alert",
        "Answer": "gateway.gateway",
        "Arbiter": "arbiter",
        "AsymptoticSequence": "sequences.asymptotic",
        "Comparison": "comparison.comparison",
        "Context": "retrainer.job",
        "Controller": "controller.controller",
        "Decision": "arbiter",
        "Drift": "triggers.drift",
        "Entry": "ledger",
        "EventWindow": "monitor",
        "Executor": "retrainer.executors.executor",
        "Gateway": "gateway.gateway",
        "Inline": "retrainer.executors.inline",
        "JoinCounts": "joiner",
        "Joiner": "joiner",
        "Label": "joiner",
        "LastN": "retrainer.windows",
        "Ledger": "ledger",
        "LedgerCheck": "ledger",
        "LocalProcess": "retrainer.executors.local_process",
        "Manual": "triggers.manual",
        "Monitor": "monitor",
        "Outcome": "retrainer.outcome",
        "Performance": "triggers.performance",
        "PipelineConfig": "settings",
        "PipelineResult": "result",
        "Plan": "plan",
        "Policy": "replay.policy",
        "Push": "triggers.push",
        "Ray": "retrainer.executors.ray",
        "Registry": "registry",
        "Repository": "triggers.repository",
        "ReplayResult": "replay.result",
        "ReservoirRecent": "retrainer.windows",
        "Retrainer": "retrainer.retrainer",
        "Schedule": "triggers.schedule",
        "Scored": "monitor",
        "Scorer": "scorer",
        "Serving": "gateway.serving",
        "Shadow": "shadow",
        "Signal": "triggers.signal",
        "Simulation": "simulator.simulation",
        "SimulationResult": "simulator.result",
        "SinceDrift": "retrainer.windows",
        "Store": "store.store",
        "Trained": "retrainer.outcome",
        "TrainingData": "retrainer.job",
        "Trial": "trial",
        "Trigger": "triggers.trigger",
        "Verdict": "comparison.verdict",
        "Version": "registry",
        "Window": "monitor",
        "create_app": "gateway.app",
        "hooks_router": "gateway.hooks",
        "summarise": "result",
    },
)
