"""What every executor can do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from modelward.adaptive_pipeline.retrainer.job import Job, Result


@runtime_checkable
class Executor(Protocol):
    """Runs a training job somewhere, to its end or to its limits."""

    def run(self, job: Job) -> Result:
        """Run a job and tell what it came to; what the job does wrong is never raised."""
        ...
