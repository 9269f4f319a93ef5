"""Where training runs: what a training function may do to its process, and what is told of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.adaptive_pipeline import Context, Inline, LocalProcess, Ray, TrainingData
from modelward.adaptive_pipeline.retrainer import Executor, Job
from modelward.adaptive_pipeline.retrainer.job import Registration, perform
from modelward.adaptive_pipeline.testing import MemoryRegistry
from modelward.core.errors import ConfigError, ServiceError

DATA = TrainingData(pd.DataFrame({"x": [0.1, 0.9]}), pd.Series([0, 1]), seq=(3, 4))
CONTEXT = Context("because", "test", "1", seed=5)
PROCESS = LocalProcess(timeout=60)


def until(condition: Callable[[], bool], *, timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class Constant:
    """A model of this test module, which no other process can import."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, frame: Any) -> Any:
        return np.full(len(frame), self.value)


def mean(data: Any, context: Any) -> Constant:
    sys.stdout.write("epoch 1 of 1\n")
    sys.stderr.write("a warning\n")
    return Constant(float(data.y.mean()) + context.seed)


@pytest.mark.parametrize("executor", [Inline(), PROCESS], ids=["inline", "process"])
def test_it_gives_the_model(executor: Executor) -> None:
    assert isinstance(executor, Executor)
    result = executor.run(Job(mean, DATA, CONTEXT))
    assert list(result["model"].predict(DATA.X)) == [5.5, 5.5]
    assert isinstance(result["model"], Constant)
    assert result["seconds"] >= 0


def test_what_it_prints_is_kept() -> None:
    assert PROCESS.run(Job(mean, DATA, CONTEXT))["log"] == "epoch 1 of 1\na warning\n"


def test_it_runs_lambdas_closures_and_partials_in_another_process() -> None:
    shift = 0.25
    for train in (
        lambda data, context: (os.getpid(), shift),
        partial(lambda by, data, context: (os.getpid(), by), shift),
    ):
        pid, value = PROCESS.run(Job(train, DATA, CONTEXT))["model"]
        assert pid != os.getpid()
        assert value == shift


def test_a_module_that_no_other_process_can_import_travels_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "gone.py"
    place.write_text("FACTOR = 3\ndef train(data, context):\n    return FACTOR * len(data.seq)\n")
    with monkeypatch.context() as here:
        here.syspath_prepend(tmp_path)
        import gone  # type: ignore[import-not-found]
    for train in (gone.train, partial(gone.train)):
        assert PROCESS.run(Job(train, DATA, CONTEXT))["model"] == 6


def test_its_folder_is_its_own() -> None:
    def train(data: Any, context: Any) -> Any:
        return Path(os.environ["TMPDIR"]).stat().st_mode & 0o777

    assert PROCESS.run(Job(train, DATA, CONTEXT))["model"] == 0o700


def test_it_finds_modules_where_its_parent_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_training.py").write_text("def train(data, context):\n    return __name__\n")
    monkeypatch.syspath_prepend(tmp_path)
    import own_training  # type: ignore[import-not-found]

    assert PROCESS.run(Job(own_training.train, DATA, CONTEXT))["model"] == "own_training"


def raises(data: Any, context: Any) -> Any:
    raise RuntimeError("no disk left\x00\udc80")


def leaves(data: Any, context: Any) -> Any:
    sys.exit("I leave")


def exits(data: Any, context: Any) -> Any:
    os.write(1, b"goodbye")
    os._exit(0)


def crashes(data: Any, context: Any) -> Any:
    ctypes.string_at(0)


def kills_itself(data: Any, context: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def unpicklable(data: Any, context: Any) -> Any:
    return threading.Lock()


@pytest.mark.parametrize(
    ("train", "error", "log"),
    [
        (raises, "RuntimeError: no disk left��", "in raises"),
        (leaves, "SystemExit: I leave", "in leaves"),
        (exits, "the process ended with exit code 0 before it gave a model", "goodbye"),
        (crashes, "the process was ended by SIGSEGV before it gave a model", "in crashes"),
        (kills_itself, "the process was ended by SIGKILL before it gave a model", ""),
        (lambda data, context: None, "DataError: expected a model from the training function", ""),
        (
            unpicklable,
            "expected a model that can be sent to its parent process, got: TypeError",
            "",
        ),
    ],
)
def test_whatever_it_does_is_told(train: Any, error: str, log: str) -> None:
    result = PROCESS.run(Job(train, DATA, CONTEXT))
    assert error in result["error"]
    assert log in result["log"]
    assert "model" not in result


def test_what_cannot_leave_this_process_is_told() -> None:
    lock = threading.Lock()

    def train(data: Any, context: Any) -> Any:
        return lock

    error = PROCESS.run(Job(train, DATA, CONTEXT))["error"]
    assert error.startswith("DataError: expected a training function that can be sent")


def test_a_module_that_breaks_when_imported_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import os\nif os.getpid() != {}: raise OSError('no licence')\ndef train(d, c): ...\n"
    (tmp_path / "picky.py").write_text(source.format(os.getpid()))
    monkeypatch.syspath_prepend(tmp_path)
    import picky  # type: ignore[import-not-found]

    error = PROCESS.run(Job(picky.train, DATA, CONTEXT))["error"]
    assert error == "the training function cannot be loaded in a new process: OSError: no licence"


def test_of_a_flood_of_output_the_end_is_kept() -> None:
    def train(data: Any, context: Any) -> Any:
        for _ in range(300):
            sys.stdout.write("x" * 100_000)
        sys.stdout.write("\nthe end\n")
        return 1

    result = PROCESS.run(Job(train, DATA, CONTEXT))
    assert result["model"] == 1
    assert result["log"].endswith("x\nthe end\n")
    assert 1_000_000 <= len(result["log"]) < 1_200_000
    assert "bytes left out" in result["log"][:40]


def test_a_hang_is_killed_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pids"

    def train(data: Any, context: Any) -> Any:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        told.write_text(f"{os.getpid()} {child.pid}")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child.wait()

    # Long enough for the function to begin, on a machine with much else to do.
    result = LocalProcess(timeout=8).run(Job(train, DATA, CONTEXT))
    assert result["error"] == "TimeoutError: it took longer than 8 seconds"
    pids = [int(pid) for pid in told.read_text().split()]
    until(lambda: not any(map(alive, pids)))


def hungry(data: Any, context: Any, *, megabytes: int) -> Any:
    return len(np.ones(megabytes * 131_072))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory limits need Linux")
def test_memory_is_limited_to_what_it_may_take_beyond_its_start() -> None:
    executor = LocalProcess(timeout=60, memory=200_000_000)
    fits = executor.run(Job(partial(hungry, megabytes=100), DATA, CONTEXT))
    assert fits["model"] == 100 * 131_072
    result = executor.run(Job(partial(hungry, megabytes=400), DATA, CONTEXT))
    limit = "expected a training within the limit of 200,000,000 bytes on top of its start"
    assert limit in result["error"]


def test_limits_that_make_no_sense_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in ({"timeout": 0.0}, {"memory": -1}):
        with pytest.raises(ConfigError, match="expected limits above 0"):
            LocalProcess(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected a timeout above 0"):
        Ray(timeout=0)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "name", "nt")
        with pytest.raises(ConfigError, match="expected a POSIX system"):
            LocalProcess()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigError, match="expected no memory limit on darwin"):
        LocalProcess(memory=1_000)


def test_it_leaves_no_files_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def train(data: Any, context: Any) -> Any:
        import tempfile

        Path(tempfile.mkdtemp(), "big").write_bytes(bytes(1_000))
        os.abort()

    assert "SIGABRT" in PROCESS.run(Job(train, DATA, CONTEXT))["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_registry_that_comes_back_gets_the_model() -> None:
    answers = iter([ServiceError("away"), ServiceError("away"), None])

    class Returning(MemoryRegistry):
        def register(self, *arguments: Any, **more: Any) -> Any:
            error = next(answers)
            if error is not None:
                raise error
            return super().register(*arguments, **more)

    job = Job(
        mean, DATA, CONTEXT, Registration(Returning(), "challenger", (("x",), ("number",)), {}, {})
    )
    assert perform(job, patience=60.0)["version"] == "1"
    answers = iter([ServiceError("away")])
    result = perform(job)
    assert result == {"error": "not registered: ServiceError: away", "away": True}


PARENT = """
import os, sys, subprocess
from modelward.adaptive_pipeline.retrainer import Context, Job, LocalProcess, TrainingData
import pandas as pd

def train(data, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(sys.argv[1] if len(sys.argv) == 2 else context.reason, "w") as told:
        told.write(f"{os.getpid()} {child.pid} {os.environ['TMPDIR']}\\n")
    while True:  # holds on to the interpreter
        sum(range(10_000_000))

data = TrainingData(pd.DataFrame({"x": [1]}), pd.Series([1]), seq=(1,))
LocalProcess(timeout=600).run(Job(train, data, Context(sys.argv[1], "", "1", 0)))
"""


def test_it_dies_with_its_parent_however_that_dies(tmp_path: Path) -> None:
    told = tmp_path / "told"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(told)])
    try:
        until(lambda: told.exists() and told.read_text().endswith("\n"), timeout=60)
        *pids, folder = told.read_text().split()
        assert all(alive(int(pid)) for pid in pids)
        parent.kill()
        parent.wait()
        until(lambda: not any(alive(int(pid)) for pid in pids))
        until(lambda: not Path(folder).exists())
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()
        parent.wait()
