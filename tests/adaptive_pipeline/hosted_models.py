"""Models that do harm, and a registry of them that a child process can load from without MLflow."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Any

from modelward.adaptive_pipeline import Scorer
from modelward.adaptive_pipeline.testing import MemoryRegistry


def triple(frame: Any) -> Any:
    return frame["x"] * 3


def crash(frame: Any) -> Any:
    """Answer a positive x; end the process with any other."""
    if (frame["x"] <= 0).any():
        os._exit(3)
    return triple(frame)


def killed(_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_: Any) -> Any:
    os.write(2, b"hang\n")
    threading.Event().wait()


def raises(_: Any) -> Any:
    raise RuntimeError("out of order")


def garbage(_: Any) -> Any:
    return [object()]


def nan(frame: Any) -> Any:
    return frame["x"] * float("nan")


def many(frame: Any) -> Any:
    return [1] * (len(frame) + 1)


def greedy(_: Any) -> Any:
    return [len(bytearray(2 << 30))]


def segfault(_: Any) -> Any:
    ctypes.string_at(0)


def stuck(_: Any) -> Any:
    """Never come back from C, and let no other thread run meanwhile."""
    os.write(2, b"stuck\n")
    ctypes.PyDLL(None).pause()


def stopped(frame: Any) -> Any:
    """Answer, and take no more: the next message cannot be handed over."""
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGSTOP)).start()
    return triple(frame)


def talks(frame: Any) -> Any:
    print("to stdout")  # noqa: T201 - what models do
    os.write(1, b"to file 1\n" * 10_000)
    return triple(frame)


def interferes(frame: Any) -> Any:
    """Write on the line that leads to the parent what is no answer."""
    messages = [b'{"other": 1}', b"[]", b"\xff", b'{"answers": 5}', b'{"answers": [1, 2, 3]}']
    message = messages[int(frame["x"].iloc[0])]
    os.write(int(sys.argv[1]), len(message).to_bytes(4, "big") + message)
    threading.Event().wait()


def half(_: Any) -> Any:
    """Begin to say something, and hang."""
    os.write(int(sys.argv[1]), (1_000).to_bytes(4, "big") + b'{"answers": [1')
    threading.Event().wait()


def leaves(_: Any) -> Any:
    sys.exit(0)


def table(frame: Any) -> Any:
    return frame.assign(y=1)


def texts(frame: Any) -> Any:
    return ["größe \0 \ud800" for _ in range(len(frame))]


HELD: list[bytearray] = []


def grows(frame: Any) -> Any:
    """Take 32 MB more with every call, and keep them."""
    HELD.append(bytearray(32 << 20))
    return triple(frame)


MODELS = {
    "segfault": segfault,
    "stuck": stuck,
    "stopped": stopped,
    "talks": talks,
    "interferes": interferes,
    "half": half,
    "leaves": leaves,
    "table": table,
    "texts": texts,
    "grows": grows,
    "triple": triple,
    "crash": crash,
    "killed": killed,
    "hang": hang,
    "raises": raises,
    "garbage": garbage,
    "nan": nan,
    "many": many,
    "greedy": greedy,
}


class Harmful(MemoryRegistry):
    """A registry whose versions are the names of the functions above."""

    @property
    def portable(self) -> bool:
        return True

    def load(self, number: str) -> Scorer:
        """Give the function of that name; `unloadable` is none."""
        if number == "champion":
            return Scorer(number, lambda frame: frame["x"] * 2, ("x",))
        return Scorer(number, MODELS[number], ("x",))
