"""The job: what a training run is given, and what it does with it, wherever it runs."""

from __future__ import annotations

import functools
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from modelward.adaptive_pipeline.kinds import Described
from modelward.core.errors import DataError, ModelwardError, ServiceError
from modelward.core.evidence.seal import digest

if TYPE_CHECKING:
    import pandas as pd

    from modelward.adaptive_pipeline.registry import Registry


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Labelled requests in order of serving: features `X` (n rows), labels `y`, their `seq`."""

    X: pd.DataFrame
    y: pd.Series
    seq: tuple[int, ...]

    def part(self, rows: list[int]) -> TrainingData:
        """Give some of the rows, by place."""
        return TrainingData(
            self.X.iloc[rows].reset_index(drop=True),
            self.y.iloc[rows].reset_index(drop=True),
            tuple(self.seq[row] for row in rows),
        )

    @property
    def sha256(self) -> str:
        """Digest of the content, `sha256:...`: the same data give the same digest anywhere."""
        rows = self.X.to_dict("records")
        return digest({"X": rows, "y": self.y.tolist(), "seq": list(self.seq)})


@dataclass(frozen=True, slots=True)
class Context:
    """What a training function is told beside its data: why it runs, and the seed to use."""

    reason: str
    trigger: str
    champion: str
    seed: int


Train = Callable[[TrainingData, Context], Any]
"""`train(data, context) -> model`: a new, fitted model that the registry can keep."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where and as what a trained model is registered."""

    registry: Registry
    alias: str
    columns: Described
    params: Mapping[str, Any]
    tags: Mapping[str, str]

    def keep(self, model: Any, *, seconds: float) -> str:
        """Register a model that took so many seconds to train; give its version."""
        made = self.registry.register(
            model,
            alias=self.alias,
            columns=dict(zip(*self.columns, strict=True)),
            params=self.params,
            metrics={"training_seconds": seconds},
            tags=self.tags,
        )
        return made.version


@dataclass(frozen=True, slots=True)
class Job:
    """One training run: the function, what it is given, and where its model is registered.

    Without a `registration` the model itself is the result.
    """

    train: Train
    data: TrainingData
    context: Context
    registration: Registration | None = None


class Result(TypedDict, total=False):
    """What a job came to: `version` or `model`, or else `error`; `away` where a service was."""

    version: str
    model: Any
    error: str
    away: bool
    seconds: float
    log: str


def perform(
    job: Job,
    *,
    limits: Callable[[], AbstractContextManager[None]] = nullcontext,
    patience: float = 0.0,
) -> Result:
    """Train, and register what came of it. Whatever goes wrong is told in the result.

    `limits()` holds while the training function runs, and no longer. A registry that is away when
    the model is there is waited for, up to `patience` seconds.
    """
    begun = time.monotonic()
    try:
        with limits():
            model = job.train(job.data, job.context)
    except (Exception, SystemExit) as error:  # the function is the user's; it may raise anything
        return {"error": tell(error), "log": _trace(error)}
    seconds = time.monotonic() - begun
    try:
        if model is None:
            raise DataError("expected a model from the training function, got None")
        if job.registration is None:
            return {"model": model, "seconds": seconds}
        version = _keep(job.registration, model, seconds, patience)
        return {"version": version, "seconds": seconds}
    except ServiceError as error:
        return {"error": f"not registered: {tell(error)}", "away": True}
    except Exception as error:  # a model that cannot be kept: saving may run the user's code
        return {"error": f"not registered: {tell(error)}", "log": _trace(error)}


def _keep(registration: Registration, model: Any, seconds: float, patience: float) -> str:
    end, pause, never = time.monotonic() + patience, 0.5, threading.Event()
    while True:
        try:
            return registration.keep(model, seconds=seconds)
        except ServiceError:
            if time.monotonic() + pause > end:
                raise
        never.wait(pause)
        pause *= 2


def tell(error: BaseException) -> str:
    """Say an error in one line: its type and its text."""
    fact = error.fact if isinstance(error, ModelwardError) else str(error)
    return clean(f"{type(error).__name__}: {fact}" if fact else type(error).__name__)[:500]


def _trace(error: BaseException) -> str:
    """Give the last steps of a traceback, the first of them in the caller's code."""
    return "".join(traceback.format_exception(error, limit=-5))


def clean(text: str) -> str:
    """Replace what no database or terminal should get: control characters, lone surrogates."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def pack(job: Job) -> bytes:
    """Turn a job into bytes that another process can read, functions of a notebook included.

    Raises `DataError` when it holds something that cannot leave this process.
    """
    import cloudpickle  # type: ignore[import-untyped]

    try:
        save = job.registration.registry.save if job.registration else None
        with _by_value(job.train), _by_value(save):
            packed: bytes = cloudpickle.dumps(job)
    except Exception as error:  # whatever an object's own pickling raises
        raise DataError(
            f"expected a training function that can be sent to another process, got: {error}",
            hint="open files, locks and connections inside the function, not outside.",
        ) from error
    return packed


@contextmanager
def _by_value(function: Any) -> Iterator[None]:
    """Let the module of a function travel with it where another process could not import it."""
    import cloudpickle

    while isinstance(function, functools.partial):
        function = function.func
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is None or module.__name__ == "__main__" or _importable(module):
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _importable(module: Any) -> bool:
    top = module.__name__.partition(".")[0]
    if top in {"modelward", *sys.stdlib_module_names}:
        return True
    # Not importlib.util.find_spec: it asks sys.modules, where a child starts with nothing.
    parent = sys.modules.get(module.__name__.rpartition(".")[0])
    path = getattr(parent, "__path__", None)
    for finder in sys.meta_path:
        spec = finder.find_spec(module.__name__, path)
        if spec is not None:
            return spec.origin == getattr(module, "__file__", None)
    return False
