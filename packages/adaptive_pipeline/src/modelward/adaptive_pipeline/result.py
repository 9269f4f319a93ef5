"""What a pipeline has done: who serves, how well, and the story of each promotion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.adaptation import Adaptation, adaptations
from modelward.adaptive_pipeline.comparison import Verdict, comparison_from
from modelward.adaptive_pipeline.controller.standing import Standing
from modelward.adaptive_pipeline.joiner import JoinCounts, Joiner
from modelward.adaptive_pipeline.ledger import Ledger, LedgerCheck
from modelward.adaptive_pipeline.monitor import Monitor, Window
from modelward.adaptive_pipeline.registry import Version
from modelward.adaptive_pipeline.replay.evidence_path import EvidencePath, evidence_paths
from modelward.adaptive_pipeline.retrainer.job import clean
from modelward.adaptive_pipeline.store.store import Store
from modelward.core.errors import StateError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.core.evidence import Evidence
    from modelward.core.pages import Page

_WINDOWS = 400  # of each version: more cannot be told apart in a picture


@dataclass(frozen=True, slots=True)
class Underway:
    """The trial under way: who beside whom, in which design, and the evidence so far."""

    challenger: str
    champion: str
    design: str
    watch: bool
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values."""
        names = ("challenger", "champion", "design", "watch")
        return {name: getattr(self, name) for name in names} | self.verdict.to_dict()


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
    trial: Underway | None
    evidence: tuple[EvidencePath, ...]
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
            "trial": self.trial.to_dict() if self.trial else None,
            "evidence": [path.to_dict() for path in self.evidence],
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
        from modelward.adaptive_pipeline.page.loss import plot_loss

        return plot_loss(self, ax)

    def to_page(self) -> Page:
        """Give the report as one page."""
        from modelward.adaptive_pipeline.page.page import page

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
            *(f"  trial of version {t.challenger}: {t.verdict}" for t in [self.trial] if t),
            *(f"  {adaptation}" for adaptation in self.adaptations),
            f"  ledger: {self.ledger.entries} entries, "
            + ("the chain holds" if self.ledger else f"BROKEN at entry {self.ledger.broken}"),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from modelward.core.pages import notebook

        return notebook(*self.to_page().blocks)


def summarise(
    store: Store,
    *,
    model: Version | None = None,
    config: Mapping[str, Any] | None = None,
    counts: JoinCounts | None = None,
    window: int = 50,
) -> PipelineResult:
    """Sum up a store: that of a running pipeline, or one left by a pipeline that ran before.

    The loss is told by windows of `window` labelled requests, larger ones where a log is long.

    Raises `StateError` when no pipeline has worked on the store yet.
    """
    monitor, ledger = Monitor(store), Ledger(store)
    standing = Standing.load(store)
    if standing is None and model is None:
        raise StateError(
            f"expected a store in which a pipeline has worked, got none at {store.name}",
            hint="run AdaptivePipeline on it until the first label.",
        )
    standing = standing or Standing(champion=model.version if model else "")
    entries = ledger.sound()
    return PipelineResult(
        champion=standing.champion,
        phase=standing.phase,
        served=store.served(),
        counts=counts or Joiner(store).counts(),
        windows=tuple(
            w
            for version in monitor.versions()
            for w in monitor.by_count(version, size=window, most=_WINDOWS)
        ),
        adaptations=tuple(adaptations(entries, monitor)),
        decisions=tuple((e.body["served"], e.kind, in_words(e.body)) for e in entries),
        trial=_under_way(standing),
        evidence=tuple(evidence_paths(store)),
        ledger=ledger.verify(),
        model=model,
        config=dict(config or {}),
    )


def _under_way(standing: Standing) -> Underway | None:
    trial = standing.trial
    if trial is None or standing.phase not in {"shadowing", "comparing", "watching"}:
        return None
    comparison = comparison_from(standing.parts["settings"])
    comparison.restore(standing.parts["comparison"])
    return Underway(trial.challenger, trial.champion, trial.design, trial.watch, comparison.verdict)


def in_words(body: Mapping[str, Any]) -> str:
    """Say in one line what an entry of the ledger holds, whatever characters are in it."""
    return " ".join(clean(_words(body)).split())


def _words(body: Mapping[str, Any]) -> str:
    if "to" in body:
        return f"version {body['to']} takes over from {body.get('from')}"
    if "design" in body:
        return f"version {body.get('challenger')} beside {body.get('champion')}, {body['design']}"
    text = str(body.get("because") or body.get("reason") or body.get("unreadable") or "")
    said = body.get("verdict") or body.get("what")  # of a trial, or a command
    return f"{said}: {text}" if said else text
