"""Systems under test that are not a function at hand: an import path, a command line, an HTTP address.

Each is a callable of the features' values that gives numbers, and raises `SystemFailed` when the
system does not answer, whatever it does: exit, hang, crash the interpreter, drop the connection.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelward.core.errors import ConfigError
from modelward.validation.domain import Value

_LONGEST_ANSWER = 1_000_000
_SHOWN = 300
_START = 120.0


class SystemFailed(Exception):
    """The system under test did not answer, and why."""


class CallableSystem:
    """A Python function `module:function`, run in a process of its own.

    The process is started once and again after a crash; a call longer than `seconds` is ended by
    killing it. `folder` is where the module is looked for first.

    Raises `ConfigError` for a target that cannot be imported.
    """

    def __init__(self, target: str, *, seconds: float = 60.0, folder: str | Path = ".") -> None:
        self.target, self.seconds, self.folder = target, seconds, str(folder)
        self._process: Any = None
        self._pipe: Any = None
        self._start()
        answer = self._receive(self._patience)
        if answer != ("ready", None):
            self.close()
            raise ConfigError(
                f"expected a function module:function in the folder {self.folder}, "
                f"got {target!r}: {answer[1]}"
            )

    def __call__(self, **values: Value) -> Any:
        """Give what the function returns. Raises `SystemFailed`."""
        if self._process is None:
            self._start()
            self._receive(self._patience)
        if self._process is not None:
            self._pipe.send(values)
            what, answer = self._receive(self.seconds)
        else:
            what, answer = "failed", "the process does not start again"
        if what == "answer":
            return answer
        raise SystemFailed(answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = self._pipe = None

    def _start(self) -> None:
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(far, self.target, self.folder), daemon=True
        )
        self._process.start()
        far.close()

    @property
    def _patience(self) -> float:
        """Seconds that a start may take: imports are no run."""
        return max(_START, self.seconds)

    def _receive(self, seconds: float) -> tuple[str, Any]:
        """Wait for what the process says; one that is late or gone is ended."""
        try:
            if self._pipe.poll(seconds):
                said: tuple[str, Any] = self._pipe.recv()
                return said
            reason = f"no answer within {seconds:g} seconds"
        except (EOFError, ConnectionError):
            self._process.join(5.0)
            code = self._process.exitcode
            died = signal.Signals(-code).name if code is not None and code < 0 else f"exit {code}"
            reason = f"the process ended ({died})"
        self.close()
        return "failed", reason


def _serve(pipe: Any, target: str, folder: str) -> None:
    try:
        sys.path.insert(0, folder)
        module, _, name = target.partition(":")
        function = getattr(importlib.import_module(module), name)
        if not callable(function):
            raise TypeError(f"{target} is not callable")
    except Exception as error:  # whatever the module does when it is imported
        pipe.send(("failed", f"{type(error).__name__}: {error}"))
        return
    pipe.send(("ready", None))
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            values = pipe.recv()
            try:
                answer = function(**values)
                said = ("answer", dict(answer) if hasattr(answer, "items") else answer)
            except Exception as error:  # what the system raises is the outcome
                said = ("failed", f"{type(error).__name__}: {error}"[:_SHOWN])
            pipe.send(said)


class CommandSystem:
    """A command line: arguments, in which `{feature}` stands for the value of that feature.

    No shell reads it. The values also come as one JSON object on its standard input. Its answer is
    the last line it prints: a number, or a JSON object of numbers by output name. A status other
    than 0 is a failure, and so is a run longer than `seconds`, which is killed with all it started.

    >>> CommandSystem([sys.executable, "-c", "print({x} * 2)"])(x=3)
    6
    """

    def __init__(
        self, arguments: Sequence[str], *, seconds: float = 60.0, folder: str | Path = "."
    ) -> None:
        if not arguments:
            raise ConfigError("expected a command line, got none")
        self.arguments, self.seconds, self.folder = list(arguments), seconds, folder

    def __call__(self, **values: Value) -> Any:
        """Give what the command printed. Raises `SystemFailed`."""
        line = [_filled(part, values) for part in self.arguments]
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                start_new_session=True,
            )
        except OSError as error:
            raise SystemFailed(f"{line[0]} does not start: {error}") from error
        try:
            out, err = process.communicate(json.dumps(values).encode(), timeout=self.seconds)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise SystemFailed(f"no answer within {self.seconds:g} seconds") from error
        if process.returncode:
            said = err.decode(errors="replace").strip()[-_SHOWN:]
            raise SystemFailed(f"exit {process.returncode}: {said}")
        lines = out[-_LONGEST_ANSWER:].decode(errors="replace").strip().splitlines()
        return _read(lines[-1] if lines else "")


class HttpSystem:
    """An HTTP address that takes the values as a JSON object and answers with numbers.

    The answer is a JSON number, or an object of numbers by output name. Anything but a status 200
    within `seconds` is a failure; redirects are not followed.
    """

    def __init__(self, url: str, *, seconds: float = 60.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"expected an address http://... or https://..., got {url!r}")
        self.url, self.seconds = url, seconds

    def __call__(self, **values: Value) -> Any:
        """Give the answer. Raises `SystemFailed`."""
        import requests

        try:
            with requests.post(
                self.url, json=values, timeout=self.seconds, allow_redirects=False, stream=True
            ) as answer:
                body = answer.raw.read(_LONGEST_ANSWER, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise SystemFailed(f"{type(error).__name__}: {error}"[:_SHOWN]) from error
        text = body.decode(errors="replace")
        if answer.status_code != 200:
            raise SystemFailed(f"status {answer.status_code}: {text[:_SHOWN]}")
        return _read(text)


class Retrying:
    """A system that is asked up to `retries` times more when it does not answer.

    A system that fails is a finding; retries are for one whose surroundings fail (a busy server).
    """

    def __init__(self, system: Any, *, retries: int) -> None:
        self.system, self.retries = system, retries

    def __call__(self, **values: Value) -> Any:
        """Give the first answer. Raises `SystemFailed` of the last try."""
        for _ in range(self.retries):
            with contextlib.suppress(SystemFailed):
                return self.system(**values)
        return self.system(**values)


def _filled(part: str, values: dict[str, Value]) -> str:
    for name, value in values.items():
        part = part.replace("{" + name + "}", str(value))
    return part


def _read(text: str) -> Any:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SystemFailed(f"expected a JSON number or object, got {text[:80]!r}") from error
    if isinstance(answer, dict | int | float) and not isinstance(answer, bool):
        return answer
    if isinstance(answer, bool):
        return float(answer)
    raise SystemFailed(f"expected a JSON number or object, got {text[:80]!r}")
