"""The host: a model version that answers from a process of its own, and can do no harm from there."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.kinds import Kind
from modelward.adaptive_pipeline.line import Line
from modelward.adaptive_pipeline.retrainer.worker import limited, set_warden
from modelward.adaptive_pipeline.scorer import Scorer, listed
from modelward.core.errors import ConfigError, DataError, ServiceError

if TYPE_CHECKING:
    import pandas as pd

    from modelward.adaptive_pipeline.registry import Registry

logger = logging.getLogger(__name__)


class Host:
    """Loads a version in a child process and lets it answer there.

    A model that hangs is given up after `timeout` seconds a call (and `start` seconds to be loaded),
    one that crashes, exits or takes more than `memory` bytes on top of what it holds when it is
    loaded ends the child alone. The caller gets a `ServiceError`; the next call starts a new child,
    `restarts` times at most. Rows and answers cross as JSON: nothing the child says is unpickled.
    The child ends with this process, however that ends.

    Raises `ConfigError` for a registry that no other process can load from.
    """

    def __init__(
        self,
        registry: Registry,
        version: str,
        *,
        timeout: float = 5.0,
        start: float = 120.0,
        memory: int | None = None,
        restarts: int = 3,
    ) -> None:
        if not registry.portable:
            raise ConfigError(
                f"expected a registry that another process can load from, got {type(registry).__name__}",
                hint="load the version in this process: registry.load(version).",
            )
        self.version = version
        self.timeout = timeout
        self.start = start
        self.memory = memory
        self._left = restarts + 1
        self._task = pickle.dumps((registry.reading(), version, memory))
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: str | None = None
        self._line: Line | None = None
        self._lifeline: int | None = None  # closes with this process, however that ends
        self._columns: tuple[str, ...] | None = None
        self._kinds: tuple[Kind | None, ...] | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def scorer(self) -> Scorer:
        """The version as a `Scorer`, like the one `registry.load` gives.

        Raises `ServiceError` when it cannot be loaded.
        """
        with self._lock:
            self._ready()
        return Scorer(self.version, self.predict, self._columns, self._kinds)

    def predict(self, frame: pd.DataFrame) -> list[Any]:
        """Give one answer for each row. Raises `ServiceError`, or `DataError` with the model's own error."""
        rows = json.dumps(frame.to_dict("records"), default=_plain).encode()
        with self._lock:
            line = self._ready()
            try:
                until = time.monotonic() + self.timeout
                line.send(rows, until)
                answer = self._receive(line, until)
                if "error" not in answer and not isinstance(answer.get("answers"), list):
                    raise ValueError("it does not keep to the protocol")
            except (OSError, EOFError, ValueError) as error:
                self._kill()
                raise ServiceError(
                    f"expected an answer of version {self.version}, got none: {_why(error, self.timeout)}",
                    hint="the model was ended and is started again with the next request.",
                ) from error
        if "error" in answer:
            raise DataError(str(answer["error"]))
        answers: list[Any] = answer["answers"]
        return answers

    def close(self) -> None:
        """End the child for good, also while it loads or answers."""
        self._closed = True
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()  # whoever waits for it lets go of the lock
        with self._lock:
            self._kill()

    def _ready(self) -> Line:
        if self._line is not None:
            return self._line
        if self._closed:
            raise ServiceError(f"expected version {self.version} to be hosted, got one let go of")
        if self._left <= 0:
            raise ServiceError(
                f"expected version {self.version} to stay up, got too many ends of its process",
                hint="it is not started again; retire the version.",
            )
        self._left -= 1
        line = self._start()
        try:
            until = time.monotonic() + self.start
            line.send(json.dumps(sys.path).encode(), until)  # where what follows is imported from
            line.send(self._task, until)
            said = self._receive(line, until)
        except (OSError, EOFError, ValueError) as error:
            self._kill()
            raise ServiceError(
                f"expected version {self.version} to load, got: {_why(error, self.start)}"
            ) from error
        if "error" in said:
            self._kill()
            raise ServiceError(f"expected version {self.version} to load, got: {said['error']}")
        columns, kinds = said.get("columns"), said.get("kinds")
        self._columns = None if columns is None else tuple(columns)
        self._kinds = None if kinds is None else tuple(kinds)
        return line

    def _start(self) -> Line:
        ours, theirs = socket.socketpair()
        alive, self._lifeline = os.pipe()
        self._line = Line(ours)
        ends = (theirs.fileno(), alive)
        try:
            self._folder = tempfile.mkdtemp(prefix="modelward-")  # cleared up when it has ended
            self._process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
                [sys.executable, "-m", __name__, *map(str, ends), self._folder],
                stdin=subprocess.DEVNULL,
                pass_fds=ends,
                start_new_session=True,
                env={**os.environ, "TMPDIR": self._folder},
            )
        except OSError as error:
            self._kill()
            raise ServiceError(
                f"expected a process for version {self.version}, got: {error}"
            ) from error
        finally:
            theirs.close()
            os.close(alive)
        if self._closed:  # meanwhile: `close` has not seen the process, and waits for us
            self._process.kill()
        return self._line

    @staticmethod
    def _receive(line: Line, until: float) -> dict[str, Any]:
        found = json.loads(line.receive(until))
        if not isinstance(found, dict):
            raise ValueError("it does not keep to the protocol")
        return found

    def _kill(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                logger.debug("nothing of process group %d is left", self._process.pid)
            self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self._kill()


def _why(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"it took longer than {timeout:g} seconds"
    if isinstance(error, EOFError | ConnectionError):
        return "its process ended"
    return f"{type(error).__name__}: {error}"


def _plain(value: Any) -> Any:
    """Make NumPy's scalars plain for JSON."""
    if not callable(getattr(value, "item", None)):
        raise TypeError(f"expected numbers or texts, got {value!r:.80}")
    return value.item()


def serve(line: Line) -> None:
    """Be the child: load what the first message names, then answer until the other end closes."""
    sys.path[:] = json.loads(line.receive())
    registry, version, memory = pickle.loads(line.receive())  # noqa: S301 - our parent's
    try:
        scorer = registry.load(version)
    except Exception as error:  # loading a model may raise anything
        line.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return
    line.send(json.dumps({"columns": scorer.columns, "kinds": scorer.kinds}).encode())
    with limited(memory):
        while True:
            try:
                rows = json.loads(line.receive())
            except EOFError:
                return
            line.send(json.dumps(_answer(scorer, rows)).encode())


def _answer(scorer: Scorer, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import pandas as pd

    try:
        answers = listed(scorer.predict(pd.DataFrame(rows)))
        return {"answers": json.loads(json.dumps(answers, default=_plain))}
    except MemoryError:  # what fills the memory may be kept: only a new process is rid of it
        raise
    except Exception as error:  # the model may raise anything; the caller is told
        return {"error": f"{type(error).__name__}: {error}"[:1_000]}


if __name__ == "__main__":
    end, alive, folder = sys.argv[1:]
    set_warden(int(alive), Path(folder))  # also while a model lets nothing else here run
    os.dup2(2, 1)  # what a model prints must not get into anybody's way
    serve(Line(socket.socket(fileno=int(end))))
