"""Training in this process and thread: for notebooks and doubles."""

from __future__ import annotations

from dataclasses import dataclass

from modelward.adaptive_pipeline.retrainer.job import Job, Result, perform


@dataclass(frozen=True, slots=True)
class Inline:
    """Runs the training function here and now, without any limit: a hang hangs the caller.

    >>> from modelward.adaptive_pipeline.retrainer import Context, TrainingData
    >>> import pandas as pd
    >>> data = TrainingData(pd.DataFrame({"x": [1, 2]}), pd.Series([1, 3]), seq=(1, 2))
    >>> job = Job(lambda data, context: data.y.mean(), data, Context("r", "manual", "1", seed=0))
    >>> float(Inline().run(job)["model"])
    2.0
    """

    def run(self, job: Job) -> Result:
        """Run a job and tell what it came to."""
        return perform(job)
