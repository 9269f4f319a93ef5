"""Training on a Ray cluster (extra `ray`)."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelward.adaptive_pipeline.retrainer.job import Job, Result, clean, pack, perform, tell
from modelward.core.errors import ConfigError, DataError, ServiceError
from modelward.core.optional import require

logger = logging.getLogger(__name__)
_LAST = 1_000_000  # characters of the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """Runs each training as a task of a Ray cluster, in a worker process that serves it alone.

    `address` is that of the cluster (`ray://host:10001`, `auto`); without one, Ray's own default: the
    environment's RAY_ADDRESS, else a cluster on this machine for the length of the training. A
    connection that was there before is used and left open. `cpus`, `gpus` and `memory` (bytes) are
    what the task asks the cluster for; `timeout` (seconds) includes the wait for them, and then the
    task is cancelled. `init` goes to `ray.init`. The cluster's machines need the same packages, and
    a registry that they can reach.

    Raises `ConfigError` for a timeout that is not positive, and on use `MissingPackageError` without
    Ray and `ServiceError` when there is no cluster at the address.
    """

    address: str | None = None
    timeout: float = 3_600.0
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int | None = None
    init: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ConfigError(f"expected a timeout above 0, got {self.timeout}")

    def run(self, job: Job) -> Result:
        """Run a job and tell what it came to."""
        ray = require(
            "ray", feature="training on Ray", install="'./packages/adaptive_pipeline[ray]'"
        )
        try:
            packed = pack(job)
        except DataError as error:
            return {"error": f"DataError: {error.fact}"}
        with self._connected(ray):
            return self._submit(ray, packed)

    def _submit(self, ray: Any, packed: bytes) -> Result:
        task = ray.remote(
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            memory=self.memory,
            max_retries=0,  # the retrainer counts the attempts
            max_calls=1,  # a process of its own
        )(work)
        running = task.remote(packed)
        try:
            result, model = ray.get(running, timeout=self.timeout)
            if model is not None:
                import cloudpickle  # type: ignore[import-untyped]

                result["model"] = cloudpickle.loads(model)
        except ray.exceptions.GetTimeoutError:
            ray.cancel(running, force=True)
            return {"error": f"TimeoutError: it took longer than {self.timeout:g} seconds"}
        except Exception as error:  # the task died, or what it made cannot be read here
            return {"error": f"the task on Ray ended before it gave a model: {tell(error)}"}
        made: Result = result
        return made

    @contextlib.contextmanager
    def _connected(self, ray: Any) -> Iterator[None]:
        if ray.is_initialized():
            yield
            return
        settings = {"log_to_driver": False, "include_dashboard": False, **self.init}
        if self.address is not None:  # Ray wants these two only for a cluster it starts
            settings.pop("include_dashboard")
            settings["address"] = self.address
        try:
            ray.init(**settings)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ServiceError(
                f"expected a Ray cluster at {self.address or 'this machine'}, got: {error}",
                hint="start it with: ray start --head.",
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def work(packed: bytes) -> tuple[Result, bytes | None]:
    """Do a job on the cluster; a model comes back as bytes, which only the caller reads."""
    import cloudpickle

    log = io.StringIO()
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            result = perform(cloudpickle.loads(packed), patience=60.0)
        except Exception as error:  # whatever the user's modules raise when they are imported
            result = {
                "error": f"the training function cannot be loaded on the cluster: {tell(error)}"
            }
        model = result.pop("model", None)
        kept = None
        if model is not None:
            try:
                kept = cloudpickle.dumps(model)
            except Exception as error:  # whatever the model's own pickling raises
                result["error"] = f"expected a model that can be sent back, got: {tell(error)}"
    text = log.getvalue() + result.get("log", "")
    return {**result, "log": clean(text[-_LAST:])}, kept
