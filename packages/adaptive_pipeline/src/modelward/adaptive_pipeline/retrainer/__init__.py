"""The retrainer: trains a challenger on a window of the log, registers it, and gates it."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.retrainer.executors.executor import Executor
    from modelward.adaptive_pipeline.retrainer.executors.inline import Inline
    from modelward.adaptive_pipeline.retrainer.executors.local_process import LocalProcess
    from modelward.adaptive_pipeline.retrainer.executors.ray import Ray
    from modelward.adaptive_pipeline.retrainer.job import Context, Job, TrainingData
    from modelward.adaptive_pipeline.retrainer.outcome import Outcome, Trained
    from modelward.adaptive_pipeline.retrainer.retrainer import Retrainer
    from modelward.adaptive_pipeline.retrainer.windows import LastN, ReservoirRecent, SinceDrift

__all__ = [
    "Context",
    "Executor",
    "Inline",
    "Job",
    "LastN",
    "LocalProcess",
    "Outcome",
    "Ray",
    "ReservoirRecent",
    "Retrainer",
    "SinceDrift",
    "Trained",
    "TrainingData",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Context": "job",
        "Executor": "executors.executor",
        "Inline": "executors.inline",
        "Job": "job",
        "LastN": "windows",
        "LocalProcess": "executors.local_process",
        "Outcome": "outcome",
        "Ray": "executors.ray",
        "ReservoirRecent": "windows",
        "Retrainer": "retrainer",
        "SinceDrift": "windows",
        "Trained": "outcome",
        "TrainingData": "job",
    },
)
