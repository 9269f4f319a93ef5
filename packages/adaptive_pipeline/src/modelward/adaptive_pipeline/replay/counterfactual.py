"""Counterfactual replay: what another policy would have made of the requests and labels that came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from modelward.adaptive_pipeline import losses
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.replay.log import Log
from modelward.adaptive_pipeline.replay.policy import Policy
from modelward.adaptive_pipeline.replay.result import ACTUAL, PolicyResult, ReplayResult
from modelward.adaptive_pipeline.retrainer.executors import Inline
from modelward.adaptive_pipeline.simulator.clock import VirtualClock
from modelward.adaptive_pipeline.simulator.drive import drive
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.testing import MemoryRegistry
from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.registry import Registry
    from modelward.adaptive_pipeline.retrainer.retrainer import Train

_WINDOWS = 100


@dataclass(frozen=True, slots=True)
class _Run:
    """What one policy came to: losses by request, kinds of decisions, requests at its promotions."""

    name: str
    losses: npt.NDArray[np.float64]
    kinds: Counter[str]
    promoted: list[int]
    head: str

    @classmethod
    def read(cls, name: str, log: Log, loss: Loss) -> Self:
        ledger = Ledger(log.store)
        entries = ledger.entries()
        promoted = [log.number(int(e.body["served"])) for e in entries if e.kind == "promotion"]
        kinds = Counter(entry.kind for entry in entries)
        return cls(name, log.losses(loss), kinds, promoted, ledger.verify().head)


def replay(
    log: Store | str | Path,
    policies: Policy | Mapping[str, Policy],
    *,
    train: Train,
    registry: Registry | None = None,
    champion: Any = None,
    loss: str | Loss = "zero_one",
    horizon: float = 86_400.0,
    changes: Sequence[int] | None = None,
    seed: int = 0,
) -> ReplayResult:
    """Run the log of a pipeline again under other policies, and say what each would have come to.

    `log` is its store, database file or URL, and is only read. Each policy starts with the champion
    of the first request: loaded from the `registry`, or the `champion` given (a model with
    `predict(frame)`). Requests and labels come at the times and in the order they came; models are
    trained by `train` and take no time. `changes` are the first requests (counted from 1) of changes
    you know of; by default those that led to a retraining then.

    It holds where labels do not depend on what was predicted. What came from outside (webhooks,
    commands) is left out. Under the policy that ran then, on one clock and with training in the same
    process, it gives the same ledger, bit for bit.

    Raises `ConfigError` without a policy or a champion, and `DataError` for a log that is not there
    or empty.
    """
    named = {"policy": policies} if isinstance(policies, Policy) else dict(policies)
    if not named or ACTUAL in named:
        raise ConfigError(f"expected policies by names other than {ACTUAL!r}, got {list(named)}")
    with closing(Log(log)) as ran:
        first = _champion(ran, registry, champion)
        find = losses.find(loss)
        given = {"train": train, "loss": loss, "horizon": horizon, "seed": seed}
        runs = [_Run.read(ACTUAL, ran, find)]
        for name, policy in named.items():
            with closing(Store("sqlite://")) as store:
                _again(ran, name, store, first, {**given, **policy.settings()})
                runs.append(_Run.read(name, Log(store), find))
        return _compare(runs, ran.changes() if changes is None else sorted(changes))


def _champion(log: Log, registry: Registry | None, champion: Any) -> Any:
    if champion is not None:
        return champion
    if registry is None:
        raise ConfigError(
            f"expected a registry that holds version {log.champion}, or the champion itself, got none",
            hint="replay(log, policy, registry=Registry(...), ...).",
        )
    return registry.load(log.champion)


def _again(log: Log, name: str, store: Store, champion: Any, settings: Mapping[str, Any]) -> None:
    """Run all of a log through a new pipeline on an empty store."""
    from tqdm.auto import tqdm

    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline

    clock = VirtualClock()
    clock.advance(to=log.start)
    versions = MemoryRegistry()
    columns = getattr(champion, "columns", None) or log.columns
    number = log.champion
    # Versions count on from the champion's, as they did then.
    for _ in range(int(number) if number.isdecimal() else 1):
        versions.register(champion, alias="champion", columns=columns)
    pipeline = AdaptivePipeline(
        store=store, registry=versions, executor=Inline(), clock=clock.now, **settings
    )
    with tqdm(total=len(log.seqs), desc=f"replaying {name}", disable=None) as bar:
        events = log.events()
        drive(pipeline, events, clock=clock, asked=lambda *_: bar.update())
    pipeline.close()


def _compare(runs: Sequence[_Run], changes: Sequence[int]) -> ReplayResult:
    table = np.stack([run.losses for run in runs])
    usable = np.isfinite(table).all(axis=0)
    table = np.where(usable, table, 0.0)
    size = max(1, -(-table.shape[1] // _WINDOWS))
    sums = np.add.reduceat(table, np.arange(0, table.shape[1], size), axis=1)
    regrets = sums - sums.min(axis=0)
    n = int(usable.sum())
    totals = sums.sum(axis=1)
    results = [
        PolicyResult(
            policy=run.name,
            loss=float(total / n) if n else float("nan"),
            regret=float(regret.sum()),
            extra=float(total - totals[0]),
            retrainings=run.kinds["retraining"],
            promotions=run.kinds["promotion"],
            rollbacks=run.kinds["rollback"],
            recoveries=tuple(_recoveries(run, changes)),
            regrets=tuple(float(each) for each in regret),
            head=run.head,
        )
        for run, regret, total in zip(runs, regrets, totals, strict=True)
    ]
    return ReplayResult(tuple(results), table.shape[1], n, tuple(changes), size)


def _recoveries(run: _Run, changes: Sequence[int]) -> list[int | None]:
    ends = [*changes, len(run.losses) + 1][1:]
    return [
        next((p - start + 1 for p in run.promoted if start <= p < end), None)
        for start, end in zip(changes, ends, strict=True)
    ]
