"""Executors: where a training function runs. Each takes a job and gives what it came to."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.retrainer.executors.executor import Executor
    from modelward.adaptive_pipeline.retrainer.executors.inline import Inline
    from modelward.adaptive_pipeline.retrainer.executors.local_process import LocalProcess
    from modelward.adaptive_pipeline.retrainer.executors.ray import Ray

__all__ = ["Executor", "Inline", "LocalProcess", "Ray"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Executor": "executor",
        "Inline": "inline",
        "LocalProcess": "local_process",
        "Ray": "ray",
    },
)
