"""The gate: what a registered model must show on held-out rows before it may see a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from modelward.adaptive_pipeline.host import Host
from modelward.adaptive_pipeline.losses import Loss, of
from modelward.adaptive_pipeline.registry import Registry
from modelward.adaptive_pipeline.retrainer.job import TrainingData, tell
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.values import Scalar, plain
from modelward.core.errors import DataError
from modelward.core.metrics import Moments

_BATCH = 1_000  # rows a model is asked at once


@contextmanager
def opened(registry: Registry, version: str, *, timeout: float, isolate: bool) -> Iterator[Scorer]:
    """Load a version; with `isolate` in a process of its own, where one can load it.

    Raises `DataError` when it cannot be loaded.
    """
    host = None
    if isolate and registry.portable:
        host = Host(registry, version, timeout=timeout, restarts=0)
    try:
        try:
            scorer = host.scorer if host else registry.load(version)
        except Exception as error:  # loading a model may run anything
            raise DataError(f"version {version} cannot be loaded: {tell(error)}") from error
        yield scorer
    finally:
        if host:
            host.close()


def judge(scorer: Scorer, held: TrainingData, loss: Loss) -> Moments:
    """Give the moments of a model's loss over held-out rows.

    Raises `DataError` when it was trained on other columns, does not give one text or finite number
    a row, or answers in another kind than the labels; and whatever the model raises.
    """
    columns = tuple(str(name) for name in held.X.columns)
    if scorer.columns is not None and set(scorer.columns) != set(columns):
        raise DataError(f"expected a model for the columns {columns}, got {scorer.columns}")
    frame = held.X if scorer.columns is None else held.X[list(scorer.columns)]
    answers: list[Any] = []
    for start in range(0, len(frame), _BATCH):
        part = frame.iloc[start : start + _BATCH]
        answers += list(scorer.predict(part))
        if len(answers) != start + len(part):
            raise DataError(
                f"expected {len(part)} answers to {len(part)} rows, got {len(answers) - start}"
            )
    usable = [plain(answer, what="a model's answer") for answer in answers]
    _same_kind(usable, held.y.tolist())
    return Moments.of([of(loss, y, answer) for y, answer in zip(held.y, usable, strict=True)])


def _same_kind(answers: Sequence[Scalar], labels: Sequence[Any]) -> None:
    text = isinstance(labels[0], str)
    strange = next((answer for answer in answers if isinstance(answer, str) != text), None)
    if strange is not None:
        kind = "text" if text else "numbers"
        raise DataError(f"expected answers that are {kind}, like the labels, got {strange!r}")
