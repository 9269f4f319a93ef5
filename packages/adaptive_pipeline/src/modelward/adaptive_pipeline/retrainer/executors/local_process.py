"""Training in a process of its own on this machine: the default."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modelward.adaptive_pipeline.retrainer.executors.tail import Tail
from modelward.adaptive_pipeline.retrainer.job import Job, Result, clean, pack
from modelward.core.errors import ConfigError, DataError

logger = logging.getLogger(__name__)
# A crash's traceback ends with a list of all compiled modules, which tells nothing.
_EXTENSIONS = re.compile(r"\n*^Extension modules: .*$", re.MULTILINE)
_WORKER = "modelward.adaptive_pipeline.retrainer.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProcess:
    """Runs each training in a fresh Python process, within limits, and kills it beyond them.

    `timeout` is the wall time in seconds from its start to the registered model; then the process
    and all it started are killed. `memory` (bytes, None for no limit; Linux) is how much it may
    take on top of what it holds when the training function begins. What it prints is kept, of a
    long log the end. It works in a temporary folder of its own, which is removed; when this process
    dies, however it dies, the child and all it started die with it.

    A model that a registry can keep is registered by the child: nothing the training function made
    is unpickled here.

    Raises `ConfigError` for limits that are not positive, or cannot be held on this system.

    >>> from modelward.adaptive_pipeline.retrainer import Context, TrainingData
    >>> import pandas as pd
    >>> data = TrainingData(pd.DataFrame({"x": [1, 2]}), pd.Series([1, 3]), seq=(1, 2))
    >>> context = Context("loss above 0.2", "performance", "1", seed=0)
    >>> def train(data, context):
    ...     raise RuntimeError("no disk left")
    >>> LocalProcess(timeout=60).run(Job(train, data, context))["error"]
    'RuntimeError: no disk left'
    """

    timeout: float = 3_600.0
    memory: int | None = None

    def __post_init__(self) -> None:
        if os.name != "posix":
            raise ConfigError(
                f"expected a POSIX system to train in a process of its own, got {sys.platform}",
                hint="use executor=Inline(), or a Ray cluster.",
            )
        if self.timeout <= 0 or (self.memory is not None and self.memory <= 0):
            raise ConfigError(
                f"expected limits above 0, got timeout={self.timeout}, memory={self.memory}"
            )
        if self.memory is not None and not sys.platform.startswith("linux"):
            raise ConfigError(
                f"expected no memory limit on {sys.platform}, got {self.memory} bytes",
                hint="leave memory out; only Linux can hold a process to it.",
            )

    def run(self, job: Job) -> Result:
        """Run a job and tell what it came to."""
        try:
            packed = pack(job)
        except DataError as error:
            return {"error": f"DataError: {error.fact}"}
        with tempfile.TemporaryDirectory(prefix="modelward-", ignore_cleanup_errors=True) as place:
            folder = Path(place)
            envelope = {"path": sys.path, "memory": self.memory, "job": packed}
            (folder / "job").write_bytes(pickle.dumps(envelope))
            code, log = self._launch(folder)
            result = self._result(folder, code, portable=job.registration is not None)
        logger.info("training ended: %s", result.get("error", "a model"))
        log = _EXTENSIONS.sub("", log) + result.get("log", "")
        return {**result, "log": clean(log)}

    def _launch(self, folder: Path) -> tuple[int | None, str]:
        """Give the exit code (None: it took too long) and the log."""
        theirs, ours = os.pipe()  # closes with this process, whatever ends it
        command = [sys.executable, "-m", _WORKER, str(folder / "job"), str(theirs)]
        process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs,),
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        os.close(theirs)
        tail = Tail(process.stdout)
        code: int | None = None
        try:
            code = process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            logger.warning("training is killed after %g seconds", self.timeout)
        finally:
            _kill(process)
            _dismiss(ours)
        return code, tail.text()

    def _result(self, folder: Path, code: int | None, *, portable: bool) -> Result:
        if code is None:
            return {"error": f"TimeoutError: it took longer than {self.timeout:g} seconds"}
        try:
            result: Result = json.loads((folder / "result.json").read_text("utf-8"))
            if "error" not in result and not portable:
                result["model"] = pickle.loads((folder / "model").read_bytes())  # noqa: S301
        except Exception as error:  # it is the child's word, and the child may have gone astray
            limit = f" (it had a memory limit of {self.memory:,} bytes)" if self.memory else ""
            lost = (
                "" if isinstance(error, FileNotFoundError) else f"; {type(error).__name__}: {error}"
            )
            return {"error": f"the process {_ending(code)} before it gave a model{limit}{lost}"}
        return result


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, and wait for it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        logger.debug("nothing of process group %d is left", process.pid)
    process.wait()


def _dismiss(line: int) -> None:
    """Tell the child's warden that there is nothing left to end."""
    try:
        os.write(line, b".")
    except BrokenPipeError:
        logger.debug("the child ended before it set its warden")
    finally:
        os.close(line)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
