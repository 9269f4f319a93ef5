"""The child process of `LocalProcess`: reads one job, does it, writes down what it came to.

Nothing heavy is imported before the training function needs it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

_PATIENCE = (
    60.0  # seconds for a registry that is away: the training is done, and may have been long
)


def main(job: Path, line: int) -> None:
    """Do the job in the file `job`; `line` is the pipe that closes when the parent is gone."""
    set_warden(line, job.parent)
    faulthandler.enable()  # a crash leaves its traceback in the log
    # A training may outlast a restart of the registry; it must not wait for it for many minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    envelope = pickle.loads(job.read_bytes())  # noqa: S301 - written by our parent, for us alone
    sys.path[:] = envelope["path"]
    result = _do(envelope)
    if "model" in result:
        result = _hand_over(job.parent / "model", result)
    unfinished = job.parent / "unfinished"
    unfinished.write_text(json.dumps(result), "utf-8")
    unfinished.replace(job.parent / "result.json")


def _do(envelope: dict[str, Any]) -> dict[str, Any]:
    from modelward.adaptive_pipeline.retrainer.job import perform, tell

    try:
        task = pickle.loads(envelope["job"])  # noqa: S301 - as above
    except Exception as error:  # whatever the user's modules raise when they are imported
        return {"error": f"the training function cannot be loaded in a new process: {tell(error)}"}
    limits = partial(limited, envelope["memory"])
    return dict(perform(task, limits=limits, patience=_PATIENCE))


def _hand_over(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    import cloudpickle  # type: ignore[import-untyped]

    from modelward.adaptive_pipeline.retrainer.job import tell

    model = result.pop("model")
    try:
        path.write_bytes(cloudpickle.dumps(model))
    except Exception as error:  # whatever the model's own pickling raises
        result["error"] = (
            f"expected a model that can be sent to its parent process, got: {tell(error)}"
        )
    return result


@contextmanager
def limited(memory: int | None) -> Iterator[None]:
    """Let this process take at most `memory` bytes more than it holds now."""
    if memory is None:
        yield
        return
    import resource

    from modelward.core.errors import DataError

    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_held() + memory, before[1]))
    try:
        yield
    except MemoryError as error:
        raise DataError(
            f"expected a training within the limit of {memory:,} bytes on top of its start, got: "
            f"{str(error) or 'MemoryError'}"
        ) from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _held() -> int:
    """Give how many bytes of data this process holds, as RLIMIT_DATA counts them."""
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmData"))
    return int(line.split()[1]) * 1024


def set_warden(line: int, folder: Path) -> None:
    """Leave a process behind that waits for the parent's end, and then ends this whole group."""
    group = os.getpgrp()
    if os.fork() > 0:
        os.close(line)
        return
    os.setsid()
    # What else was inherited must close when its owner ends.
    os.closerange(3, line)
    os.closerange(line + 1, os.sysconf("SC_OPEN_MAX"))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    try:
        if not os.read(line, 1):  # the other end was closed, and no word that all is done
            shutil.rmtree(folder, ignore_errors=True)
            os.killpg(group, signal.SIGKILL)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
