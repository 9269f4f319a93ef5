"""The story of one promotion, told from the ledger: what was seen, what was done, what it gained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.ledger import Entry
from modelward.adaptive_pipeline.monitor import Monitor
from modelward.adaptive_pipeline.registry import Version
from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence
from modelward.core.metrics import Estimate, Moments

if TYPE_CHECKING:
    from modelward.core.evidence import Evidence


@dataclass(frozen=True, slots=True, repr=False)
class Adaptation:
    """From a change to the model that answers it.

    `since`, `detected`, `retrained` and `promoted` count served requests: at which one the change
    seems to have begun, how many were served when it was shown, when the challenger was ready, and
    when it took over. Losses: the old champion's `before` and `drifted` (since the change, until the
    promotion), the new one's `after`; each with a 95 % confidence sequence. `gain` is what the
    verdict rested on, NaN where a person promoted it before there was a verdict. `rows` and `data` are
    size and digest of the training window. `rolled_back` is where it was taken back, None where not.
    """

    old: str
    new: str
    trigger: str
    reason: str
    since: int
    detected: int
    retrained: int
    promoted: int
    before: Estimate
    drifted: Estimate
    after: Estimate
    gain: Estimate
    rows: int
    data: str
    rolled_back: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values; an unbounded side or an unknown number is null."""
        return {
            name: _estimate(value) if isinstance(value, Estimate) else value
            for name in self.__slots__
            for value in [getattr(self, name)]
        }

    def __repr__(self) -> str:
        back = "" if self.rolled_back is None else f", rolled back at {self.rolled_back}"
        return (
            f"{self.old} -> {self.new}: change since request {self.since}, shown at {self.detected}, "
            f"retrained at {self.retrained}, promoted at {self.promoted}; loss "
            f"{self.before.value:.3g} -> {self.drifted.value:.3g} -> {self.after.value:.3g}{back}"
        )


def adaptations(entries: Iterable[Entry], monitor: Monitor) -> Iterator[Adaptation]:
    """Read the promotions off the ledger, and measure the losses around each."""
    begun = 1
    last: dict[str, Mapping[str, Any]] = {}
    promotions: list[_Story] = []
    for entry in entries:
        if entry.kind in {"promotion", "rollback"} and promotions:
            promotions[-1].until = promotions[-1].until or entry.body["served"]
        if entry.kind == "rollback" and promotions:
            promotions[-1].rolled_back = entry.body["served"]
        if entry.kind not in _TOLD or (entry.kind == "decision" and not entry.body["start"]):
            continue
        # After its first signal a change may be signalled again; the first one showed it.
        if entry.kind != "signal" or "signal" not in last:
            last[entry.kind] = entry.body
        failed = entry.kind == "retraining" and entry.body["version"] is None
        if failed or entry.body.get("verdict", "promote") != "promote":
            last.pop("signal", None)  # what comes next rests on new evidence
        if entry.kind == "retraining":
            last.pop("verdict", None)  # that of an earlier trial says nothing about the next
        if entry.kind == "promotion":
            promotions.append(_Story(last, begun))
            begun, last = entry.body["served"] + 1, {}
    for story in promotions:
        yield _adaptation(story, monitor)


_TOLD = {"signal", "decision", "retraining", "verdict", "promotion"}


@dataclass(slots=True)
class _Story:
    told: Mapping[str, Mapping[str, Any]]
    first: int
    until: int | None = None
    rolled_back: int | None = None


def _adaptation(story: _Story, monitor: Monitor) -> Adaptation:
    told = story.told
    decision, trained, promotion = told["decision"], told["retraining"], told["promotion"]
    old, new = promotion["from"], promotion["to"]
    since = int(decision["since"] or decision["served"])
    gain = told["verdict"]["gain"] if "verdict" in told else {"value": math.nan}
    return Adaptation(
        old=old,
        new=new,
        trigger=decision["trigger"],
        reason=decision["reason"],
        since=since,
        detected=int(told.get("signal", decision)["served"]),
        retrained=int(trained["served"]),
        promoted=int(promotion["served"]),
        before=_loss(monitor.loss(old, first=story.first, last=since - 1)),
        drifted=_loss(monitor.loss(old, first=since, last=promotion["served"])),
        after=_loss(monitor.loss(new, first=promotion["served"] + 1, last=story.until)),
        gain=Estimate(**gain),
        rows=int(trained["rows"]),
        data=str(trained["data"]),
        rolled_back=story.rolled_back,
    )


def _loss(moments: Moments) -> Estimate:
    if moments.n < 2:
        return Estimate(moments.mean if moments.n else float("nan"), n=moments.n)
    return AsymptoticSequence(alpha=0.05, n_best=max(moments.n, 1)).interval(moments)


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        key: value if value is None or math.isfinite(value) else None
        for key, value in estimate.to_dict().items()
    }


_DIRECTION: dict[str, dict[str, Any]] = {
    "loss_before": {"higher_is_better": False},
    "loss_drifted": {"higher_is_better": False},
    "loss_after": {"higher_is_better": False},
    "gain": {"higher_is_better": True, "limit": 0.0},
}


def evidence(
    adaptation: Adaptation, model: Version, config: Mapping[str, Any], head: str
) -> Evidence:
    """Make the evidence record of one promotion, about the version it led to."""
    from modelward.core.evidence import Evidence, Input, Metric, Subject

    measured = {
        "loss_before": adaptation.before,
        "loss_drifted": adaptation.drifted,
        "loss_after": adaptation.after,
        "gain": adaptation.gain,
    }
    # What nobody measured is left out: no label yet, or a promotion by hand, which compares nothing.
    known = {name: e for name, e in measured.items() if math.isfinite(e.value)}
    compared = (
        f"on the same requests its loss was lower by {adaptation.gain!r}"
        if "gain" in known
        else "it was promoted without a comparison"
    )
    return Evidence.create(
        kind="pipeline.promotion",
        subject=Subject(name=model.name, version=model.version, uri=model.uri, sha256=model.sha256),
        tool="modelward-adaptive-pipeline",
        config={**config, "ledger_head": head, "run_id": model.run_id},
        seed=config.get("seed"),
        inputs=[
            Input(
                name="training window",
                sha256=adaptation.data.removeprefix("sha256:") or None,
                rows=adaptation.rows,
            )
        ],
        metrics=[
            *(
                Metric.of(name, Estimate(**_estimate(each)), **_DIRECTION[name])
                for name, each in known.items()
            ),
            Metric.of("change_since", adaptation.since, unit="request"),
            Metric.of("detected_at", adaptation.detected, unit="request"),
            Metric.of("promoted_at", adaptation.promoted, unit="request"),
        ],
        findings=[
            f"version {adaptation.new} replaced version {adaptation.old}: {adaptation.reason}",
            compared,
        ],
    )
