"""Doubles that make a whole loop run in a second: a registry in memory, a model, a world that shifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modelward.adaptive_pipeline.kinds import Described, described
from modelward.adaptive_pipeline.registry import Registry, Version
from modelward.adaptive_pipeline.retrainer.job import Context, TrainingData
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.core.errors import DataError, StateError

if TYPE_CHECKING:
    import pandas as pd

    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline
    from modelward.adaptive_pipeline.registry import Columns


class Threshold:
    """Says 1 where column `x` is above `cut`, else 0."""

    def __init__(self, cut: float) -> None:
        self.cut = cut

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[Any]:
        """Answer a frame of n rows with n classes."""
        return (frame["x"] > self.cut).to_numpy().astype(int)


def learn(data: TrainingData, context: Context) -> Threshold:  # noqa: ARG001 - the interface
    """Train a `Threshold`: the cut at one of the values of x that makes the fewest errors."""
    x, y = np.sort(data.X["x"].to_numpy()), data.y.to_numpy()
    errors = [np.mean((data.X["x"].to_numpy() > cut) != y) for cut in x]
    return Threshold(float(x[int(np.argmin(errors))]))


class MemoryRegistry(Registry):
    """A registry in a dictionary, without MLflow: any object with `predict(frame)` is a model.

    >>> registry = MemoryRegistry()
    >>> _ = registry.register(Threshold(0.5), alias="champion", columns=["x"])
    >>> registry.load("1").score({"x": 0.7})
    1
    """

    def __init__(self) -> None:
        super().__init__(name="memory", tracking_uri="sqlite://")
        self.models: dict[str, tuple[Any, Described, dict[str, str]]] = {}
        self.aliases: dict[str, str] = {}
        self.notes: dict[str, dict[str, float | str]] = {}

    @property
    def portable(self) -> bool:
        """False: only this process has it."""
        return False

    def register(
        self,
        model: Any,
        *,
        alias: str,
        columns: Columns,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 - there is no run to log it to
        metrics: Mapping[str, float] | None = None,  # noqa: ARG002
        tags: Mapping[str, str] | None = None,
    ) -> Version:
        """Keep a model as the next version. Raises `DataError` for one without `predict`."""
        if not callable(getattr(model, "predict", None)):
            raise DataError(f"expected a model with predict(frame), got {type(model).__name__}")
        number = str(len(self.models) + 1)
        self.models[number] = (model, described(columns), dict(tags or {}))
        self.aliases[alias] = number
        return self.version(number)

    def find(self, alias: str) -> Version | None:
        """Give the version that has an alias, or None."""
        return self.version(self.aliases[alias]) if alias in self.aliases else None

    def tagged(self, key: str, value: str) -> Version | None:
        """Give the newest version with a tag of this value, or None."""
        for number in reversed(self.models):
            if self.models[number][2].get(key) == value:
                return self.version(number)
        return None

    def version(self, number: str) -> Version:
        """Describe a version; its digest is made up."""
        if number not in self.models:
            raise StateError(f"expected one of the versions {list(self.models)}, got {number!r}")
        uri = f"models:/{self.name}/{number}"
        return Version(self.name, number, f"run-{number}", uri, "0" * 64)

    def tag(self, number: str, key: str) -> str | None:
        """Give a tag of a version, or None."""
        return self.models[number][2].get(key)

    def load(self, number: str) -> Scorer:
        """Give a version for scoring."""
        model, columns, _ = self.models[number]
        kinds = columns.kinds if any(columns.kinds) else None
        return Scorer(number, model.predict, columns.names, kinds)

    def note(
        self,
        number: str,
        *,
        metrics: Mapping[str, float] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Keep metrics and text files in `notes`."""
        self.notes.setdefault(number, {}).update({**(metrics or {}), **(files or {})})

    def challenge(self, number: str) -> None:
        """Make a version the challenger."""
        self.aliases["challenger"] = number

    def promote(self, number: str) -> None:
        """Make a version the champion and retire the challenger."""
        self.aliases["champion"] = number
        self.retire()

    def retire(self) -> None:
        """Take the alias from the challenger."""
        self.aliases.pop("challenger", None)


class World:
    """A stream whose truth shifts: x uniform in (0, 1), class 1 above a cut of 0.5.

    From row `shift` on (None: never) the cut is `moved`. A share `noise` of the labels is flipped,
    and each comes `delay` rows after its request.
    """

    def __init__(
        self,
        *,
        shift: int | None,
        n: int = 1_200,
        moved: float = 0.85,
        noise: float = 0.03,
        delay: int = 25,
        seed: int = 1,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.n, self.delay = n, delay
        self.x = rng.uniform(size=n)
        cut = np.where(np.arange(n) < (n if shift is None else shift), 0.5, moved)
        self.y = ((self.x > cut) ^ (rng.uniform(size=n) < noise)).astype(int)

    def run(
        self,
        pipeline: AdaptivePipeline,
        *,
        start: int = 0,
        stop: int | None = None,
        restart: Callable[[int, AdaptivePipeline], AdaptivePipeline] = lambda _, same: same,
    ) -> AdaptivePipeline:
        """Send the rows `start` to `stop` and the labels that fall due.

        `restart(row, pipeline)` may give another pipeline to go on with after each row.
        """
        for row in range(start, self.n if stop is None else stop):
            pipeline.predict({"x": float(self.x[row])}, f"r{row}")
            known = row - self.delay
            if known >= 0:
                pipeline.label(f"r{known}", int(self.y[known]))
            pipeline = restart(row, pipeline)
        return pipeline
