"""The whole loop in one object: gateway, joiner and controller on one store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline import losses
from modelward.adaptive_pipeline.arbiter import Arbiter
from modelward.adaptive_pipeline.comparison import Comparison
from modelward.adaptive_pipeline.controller.controller import Controller
from modelward.adaptive_pipeline.controller.standing import Phase
from modelward.adaptive_pipeline.gateway.gateway import Answer, Gateway
from modelward.adaptive_pipeline.gateway.serving import Serving
from modelward.adaptive_pipeline.housekeeper import Housekeeper
from modelward.adaptive_pipeline.joiner import Joiner, Label, idle_for
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.monitor import Monitor
from modelward.adaptive_pipeline.registry import Registry
from modelward.adaptive_pipeline.retrainer.retrainer import Retrainer, Train
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers.performance import Performance
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from modelward.adaptive_pipeline.plan import Plan
    from modelward.adaptive_pipeline.replay.verdicts import ReplayedVerdict
    from modelward.adaptive_pipeline.result import PipelineResult
    from modelward.adaptive_pipeline.retrainer.executors import Executor
    from modelward.adaptive_pipeline.retrainer.windows import WindowPolicy
    from modelward.adaptive_pipeline.scorer import Scorer
    from modelward.adaptive_pipeline.settings import PipelineConfig


GRACE = 5.0
"""Seconds a process that is told to stop waits for what it does; a training begins again later."""


class AdaptivePipeline:
    """A served model that watches itself, retrains, compares and promotes, with nobody watching.

    In a notebook or script, call `predict` for each request and `label` when its truth is known; all
    else follows from the labels, before the call returns, one label at a time and in the order they
    were joined. As a service, `run()` answers over HTTP and lets the rest happen beside it. The
    champion must be registered with alias `champion`. `train(data, context)` gives a new fitted
    model. The other settings say when (`triggers`, by default one `Performance()`; `arbiter`), on
    what (`window`), where (`executor`) and how a challenger is tried (`comparison`; `share`, 0.5, is
    its part of the requests in an A/B test). For `watch` labels after a promotion (500; 0 leaves it
    out) the new champion has to stand against the one before, or is rolled back. `loss` is
    `zero_one`, `squared`, `absolute` or a function of label and prediction; `horizon` the age in
    seconds (a day) after which a label counts as late; `segments` names columns for whose values the
    loss is followed as well; with `isolate` a challenger answers from a process of its own, from the gate on.

    `AdaptivePipeline(config)` makes the parts from a `PipelineConfig`, or the YAML file of one; what
    is given beside it takes the place of what is configured.

    Where the pipeline stands is stored together with each label's effect, so that another pipeline
    on the same store goes on from there. While another process works on the store, this one waits,
    `wait` seconds at most (None: for as long as it takes). What was under way there is finished
    before it serves, or with `begin=False` beside it, by the first step.

    Raises `ConfigError` when store, registry or training function are missing or a segment is no
    column of the champion, and `StateError` when no champion is registered or the store is still
    taken after `wait` seconds.
    """

    gateway: Gateway

    def __init__(
        self,
        config: PipelineConfig | str | Path | None = None,
        *,
        store: Store | None = None,
        registry: Registry | None = None,
        train: Train | None = None,
        loss: str | Loss | None = None,
        triggers: Sequence[Trigger] | None = None,
        arbiter: Arbiter | None = None,
        window: WindowPolicy | None = None,
        executor: Executor | None = None,
        comparison: Comparison | None = None,
        share: float | None = None,
        watch: int | None = None,
        horizon: float | None = None,
        segments: Sequence[str] | None = None,
        isolate: bool | None = None,
        wait: float | None = 30.0,
        begin: bool = True,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
    ) -> None:
        given = {
            "store": store,
            "registry": registry,
            "train": train,
            "loss": loss,
            "triggers": triggers,
            "arbiter": arbiter,
            "window": window,
            "executor": executor,
            "comparison": comparison,
            "share": share,
            "watch": watch,
            "horizon": horizon,
            "segments": segments,
            "isolate": isolate,
            "seed": seed,
        }
        self.config, parts = _parts(config, given)
        self.store: Store = parts["store"]
        self.registry: Registry = parts["registry"]
        self.clock = clock
        self.loss = losses.find(parts["loss"])
        horizon = parts["horizon"]
        self.joiner = Joiner(self.store, horizon=horizon, idle=idle_for(horizon), clock=clock)
        self.monitor = Monitor(
            self.store,
            window=parts["monitor_window"],
            horizon=parts["horizon"],
            segments=tuple(parts["segments"]),
        )
        self._housekeeper = Housekeeper(self.joiner, days=self.config.retention_days)
        self.ledger = Ledger(self.store, clock=clock)
        self.retrainer = Retrainer(
            self.store,
            self.registry,
            train=parts["train"],
            loss=self.loss,
            window=parts["window"],
            executor=parts["executor"],
            isolate=parts["isolate"],
            seed=parts["seed"],
            **parts["training"],
        )
        self.controller = Controller(
            store=self.store,
            registry=self.registry,
            loss=self.loss,
            retrainer=self.retrainer,
            triggers=[Performance()] if parts["triggers"] is None else parts["triggers"],
            arbiter=parts["arbiter"] or Arbiter(),
            comparison=parts["comparison"] or Comparison(),
            monitor=self.monitor,
            ledger=self.ledger,
            watch=parts["watch"],
            share=parts["share"],
            isolate=parts["isolate"],
            deadline=self.config.gateway.deadline,
            clock=clock,
            on_plan=self._follow,
        )
        self.controller.start(wait=wait, begin=begin)

    def predict(
        self, row: Mapping[str, Any], request_id: str | None = None, *, unit: str | None = None
    ) -> Answer:
        """Answer one request (see `Gateway.predict`)."""
        return self.gateway.predict(row, request_id, unit=unit)

    def label(self, request_id: str, label: Any, revision: int = 0) -> None:
        """Take the truth for one request, and do all that follows from it."""
        self.labels([Label(request_id, label, revision)])

    def labels(self, batch: Sequence[Label]) -> None:
        """Take many labels, and do all that follows from them."""
        self.joiner.add(batch)
        self.controller.learn()

    def step(self) -> None:
        """Join what can be joined by now, and do all that is due."""
        self.joiner.sweep()
        self.controller.step()

    def retrain(self, reason: str) -> None:
        """Ask for a retraining by hand; the arbiter decides when."""
        self.controller.submit(Signal(trigger="manual", reason=reason))

    def promote(self, reason: str) -> None:
        """Promote the challenger under trial now. Raises `StateError` when there is none."""
        self.controller.promote(reason)

    def rollback(self, reason: str) -> None:
        """Bring back the champion before this one. Raises `StateError` when there is none."""
        self.controller.roll_back(reason)

    def summary(self) -> PipelineResult:
        """Say what has happened so far."""
        from modelward.adaptive_pipeline.result import summarise

        controller, retrainer = self.controller, self.retrainer
        return summarise(
            self.store,
            model=self.registry.version(controller.standing.champion),
            counts=self.joiner.counts(),
            config={
                "triggers": [trigger.name for trigger in controller.triggers],
                "comparison": controller.comparison.settings,
                "window": repr(retrainer.window),
                "arbiter": repr(controller.arbiter),
                "loss": getattr(self.loss, "__name__", repr(self.loss)),
                "seed": retrainer.seed,
            },
        )

    def replay(self) -> list[ReplayedVerdict]:
        """Work out every verdict again from the log (see `replay_verdicts`)."""
        from modelward.adaptive_pipeline.replay.verdicts import replay_verdicts

        return replay_verdicts(self.store)

    @property
    def phase(self) -> Phase:
        """What is going on: serving, shadowing, ..."""
        return self.controller.standing.phase

    @property
    def app(self) -> FastAPI:
        """The pipeline over HTTP; what follows from labels is done after the caller was answered."""
        return self._app(self.step)

    def run(self) -> None:
        """Serve over HTTP, and let the rest happen beside it, until the process is told to stop.

        Where it listens, and with which secrets, the configuration says.
        """
        from modelward.adaptive_pipeline.controller.worker import Worker
        from modelward.adaptive_pipeline.gateway.app import serve

        settings = self.config.gateway
        with Worker(self._work, name="controller", grace=GRACE) as worker:
            key = settings.key.get_secret_value() if settings.key else None
            serve(
                self._app(worker.wake),
                host=settings.host,
                port=settings.port,
                key=key,
                names=settings.names,
            )
        self.close()

    def close(self) -> None:
        """Write what is still to be written, and let another process take over."""
        self.gateway.close()
        self.controller.close()

    def _app(self, on_labels: Callable[[], object]) -> FastAPI:
        return service(self.config, self.gateway, joiner=self.joiner, on_labels=on_labels)

    def _work(self) -> None:
        self.joiner.sweep()
        self._housekeeper.look()
        self.controller.keep_on()

    def _follow(self, plan: Plan) -> None:
        scorers = self.controller.scorers
        champion = scorers.inside(plan.champion)
        other = plan.challenger if plan.mode == "split" else None
        serving = Serving(
            champion=champion,
            challenger=None if other is None else scorers.outside(other),
            plan=plan,
        )
        if hasattr(self, "gateway"):
            self.gateway.serving = serving
        else:
            _known(self.monitor.segments, champion)
            settings = self.config.gateway
            self.gateway = Gateway(
                self.store,
                serving,
                durability=settings.durability,
                patience=settings.patience,
                deadline=settings.deadline,
                timeout=settings.timeout,
                clock=self.clock,
            )


def _known(segments: Sequence[str], champion: Scorer) -> None:
    """See that segments are columns of the requests; those that are not would guard nothing."""
    columns = champion.columns
    strange = [name for name in segments if columns is not None and name not in columns]
    if strange:
        raise ConfigError(
            f"expected segments among the columns of version {champion.version}, "
            f"{list(columns or ())}, got {strange}",
            hint="requests hold what the model was trained on, and nothing else.",
        )


def service(
    config: PipelineConfig,
    gateway: Gateway,
    *,
    joiner: Joiner,
    on_labels: Callable[[], object] | None,
) -> FastAPI:
    """Make the HTTP app of a pipeline: predictions, labels, webhooks, metrics and the page."""
    from modelward.adaptive_pipeline.export.metrics import pipeline_metrics
    from modelward.adaptive_pipeline.gateway.app import create_app
    from modelward.adaptive_pipeline.gateway.hooks import hooks_router
    from modelward.adaptive_pipeline.result import summarise

    store, settings = gateway.store, config.gateway
    alert, repository = settings.alert_secret, settings.repository_secret
    hooks = hooks_router(
        store,
        alert_secret=alert.get_secret_value() if alert else None,
        repository_secret=repository.get_secret_value() if repository else None,
        branch=settings.branch,
        clock=gateway.clock,
    )
    return create_app(
        gateway,
        joiner=joiner,
        on_labels=on_labels,
        routers=[hooks],
        page=lambda: summarise(store).to_page().render(),
        metrics=lambda: pipeline_metrics(store),
        model=config.registry.name,
        max_bytes=settings.max_bytes,
        max_rows=settings.max_rows,
    )


_DEFAULTS: dict[str, Any] = {
    "loss": "zero_one",
    "triggers": None,
    "arbiter": None,
    "window": None,
    "executor": None,
    "comparison": None,
    "share": 0.5,
    "watch": 500,
    "horizon": 86_400.0,
    "segments": (),
    "monitor_window": 3_600.0,
    "isolate": False,
    "seed": 0,
    "training": {},
}


def _parts(
    config: PipelineConfig | str | Path | None, given: Mapping[str, Any]
) -> tuple[PipelineConfig, dict[str, Any]]:
    """Bring together defaults, what is configured and what is given, the later before the earlier."""
    from modelward.adaptive_pipeline import settings

    configured: dict[str, Any] = {}
    if config is not None:
        from modelward.adaptive_pipeline import assembly

        config = assembly.read(config)
        configured = assembly.build(config, without=[k for k, v in given.items() if v is not None])
    parts = {
        **_DEFAULTS,
        **configured,
        **{name: part for name, part in given.items() if part is not None},
    }
    missing = [name for name in ("store", "registry", "train") if parts.get(name) is None]
    if missing:
        raise ConfigError(
            f"expected a store, a registry and a training function, got no {', no '.join(missing)}",
            hint="give them by keyword, or a configuration that names them.",
        )
    if config is None:
        config = settings.PipelineConfig(
            registry={"name": parts["registry"].name}, train="given:here"
        )
    return config, parts
