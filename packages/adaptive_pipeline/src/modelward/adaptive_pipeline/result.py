"""What a pipeline has done: who serves, how well, and the story of each promotion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.adaptation import Adaptation, adaptations
from modelward.adaptive_pipeline.joiner import JoinCounts, Joiner
from modelward.adaptive_pipeline.ledger import Ledger, LedgerCheck
from modelward.adaptive_pipeline.monitor import Monitor, Window
from modelward.adaptive_pipeline.registry import Version
from modelward.adaptive_pipeline.store import Store
from modelward.core.errors import StateError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.adaptive_pipeline.controller import AdaptivePipeline
    from modelward.core.evidence import Evidence
    from modelward.core.pages import Page


@dataclass(frozen=True, slots=True, repr=False)
class PipelineResult:
    """A summary of one store: champion, join states, loss windows by version, promotions, ledger.

    `model` and `config` are known when the summary comes from a running pipeline.
    """

    champion: str
    phase: str
    served: int
    counts: JoinCounts
    windows: tuple[Window, ...]
    adaptations: tuple[Adaptation, ...]
    decisions: tuple[tuple[int, str, str], ...]  # (served, kind, what)
    ledger: LedgerCheck
    model: Version | None
    config: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {
            "champion": self.champion,
            "phase": self.phase,
            "served": self.served,
            "counts": asdict(self.counts),
            "windows": [asdict(window) for window in self.windows],
            "adaptations": [adaptation.to_dict() for adaptation in self.adaptations],
            "decisions": [list(decision) for decision in self.decisions],
            "ledger": asdict(self.ledger),
            "model": asdict(self.model) if self.model else None,
            "config": self.config,
        }

    def to_json(self) -> str:
        """Write everything as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give the loss windows as a table: version, first, last, n, mean, std."""
        import pandas as pd

        rows = [
            (w.version, w.first, w.last, w.loss.n, w.loss.mean, w.loss.std) for w in self.windows
        ]
        return pd.DataFrame(rows, columns=["version", "first", "last", "n", "mean", "std"])

    def to_evidence(self) -> Evidence:
        """Give the evidence of the last promotion, kind `pipeline.promotion`.

        Raises `StateError` when nothing was promoted, or the summary does not come from a running
        pipeline (which alone knows the model's files).
        """
        from modelward.adaptive_pipeline.adaptation import evidence

        if not self.adaptations or self.model is None:
            raise StateError(
                "expected a promotion and the model it led to, got "
                + ("no promotion" if self.model else "a summary of the store alone"),
                hint="call it on AdaptivePipeline.summary() after a promotion.",
            )
        return evidence(self.adaptations[-1], self.model, self.config, self.ledger.head)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss of each version over the requests, with retrainings and promotions."""
        from modelward.adaptive_pipeline.page import plot

        return plot(self, ax)

    def to_page(self) -> Page:
        """Give the report as one page."""
        from modelward.adaptive_pipeline.page import page

        return page(self)

    def __repr__(self) -> str:
        counts = self.counts
        labels = (
            f"{counts.joined} joined, {counts.waiting} awaited, {counts.missing} missing, "
            f"{counts.parked + counts.orphan} without a request, {counts.conflict} in conflict"
        )
        lines = [
            f"version {self.champion} serves ({self.phase}), {self.served} requests so far",
            f"  labels: {labels}",
            *(f"  {adaptation}" for adaptation in self.adaptations),
            f"  ledger: {self.ledger.entries} entries, "
            + ("the chain holds" if self.ledger else f"BROKEN at entry {self.ledger.broken}"),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from modelward.core.pages import notebook

        return notebook(*self.to_page().blocks)


def of_pipeline(pipeline: AdaptivePipeline) -> PipelineResult:
    """Sum up a running pipeline, with the model that serves and the settings in words."""
    loss = pipeline.loss
    return summarise(
        pipeline.store,
        model=pipeline.registry.version(pipeline.gateway.serving.champion.version),
        counts=pipeline.joiner.counts(),
        config={
            "trigger": repr(pipeline.trigger),
            "comparison": repr(pipeline.comparison),
            "window": repr(pipeline.retrainer.window),
            "cooldown": pipeline.arbiter.cooldown,
            "loss": getattr(loss, "__name__", repr(loss)),
            "seed": pipeline.seed,
        },
    )


def summarise(
    store: Store,
    *,
    model: Version | None = None,
    config: Mapping[str, Any] | None = None,
    counts: JoinCounts | None = None,
    window: int = 50,
) -> PipelineResult:
    """Sum up a store: that of a running pipeline, or one left by a pipeline that ran before.

    Raises `StateError` when no pipeline has worked on the store yet.
    """
    monitor, ledger = Monitor(store, window=window), Ledger(store)
    state = store.load_state("controller")
    if state is None and model is None:
        raise StateError(
            f"expected a store in which a pipeline has worked, got none at {store.url}",
            hint="run AdaptivePipeline on it until the first label.",
        )
    state = state or {"champion": model.version if model else "", "phase": "serving"}
    entries = ledger.entries()
    served = store.served()
    return PipelineResult(
        champion=state["champion"],
        phase=state["phase"],
        served=served,
        counts=counts or Joiner(store).counts(),
        windows=tuple(w for version in monitor.versions() for w in monitor.windows(version)),
        adaptations=tuple(adaptations(entries, monitor)),
        decisions=tuple((e.body["served"], e.kind, _what(e.body)) for e in entries),
        ledger=ledger.verify(),
        model=model,
        config=dict(config or {}),
    )


def _what(body: Mapping[str, Any]) -> str:
    if "to" in body:
        return f"version {body['to']} takes over from {body['from']}"
    text = str(body.get("because") or body.get("reason") or "")
    return f"{body['verdict']}: {text}" if "verdict" in body else text
