"""The result of a comparison: what drifted, how far, how sure, and by which rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError
from modelward.core.evidence import Artifact, Evidence, Input, Metric, Subject
from modelward.core.pages import Block, Notice, Page, Table, Tile, Tiles, notebook
from modelward.core.pages.blocks import Status
from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


LEARNT = "learnt thresholds"
STATUS: dict[str, Status] = {"drifted": "bad", "cannot say": "warning", "steady": "good"}


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """The decision on one feature: what was measured, its q-value, and the rule that made the alarm.

    `smallest_shift` is the change of a share that matters for this feature.
    """

    test: FeatureTest
    q_value: float | None
    drifted: bool
    rule: str
    smallest_shift: float | None = None

    @property
    def feature(self) -> str:
        """The feature's name."""
        return self.test.feature

    @property
    def verdict(self) -> str:
        """Drifted, steady, or cannot say.

        Steady means that no drift was shown; the interval of the change says how large a one
        could have been overlooked.
        """
        return "drifted" if self.drifted else "cannot say" if self.test.cannot_say else "steady"

    @property
    def words(self) -> str:
        """What happened, or why nothing can be said.

        Of a steady feature no direction is told: among many, some lean one way by chance.
        """
        if self.verdict == "steady":
            return "no drift shown"
        return self.test.words if self.drifted else self.test.cannot_say

    def to_dict(self) -> dict[str, Any]:
        """Give the decision as plain JSON content."""
        test = self.test
        return {
            "feature": test.feature,
            "kind": test.kind,
            "verdict": self.verdict,
            "change": None if test.effect is None else test.effect.to_dict(),
            "mean_shift_sd": None if test.shift is None else test.shift.to_dict(),
            "in_words": self.words,
            "method": test.method or None,
            "statistic": test.statistic,
            "p_value": test.p_value,
            "q_value": self.q_value,
            "rule": self.rule or None,
            "smallest_shift": self.smallest_shift,
        }


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a window's features say against the reference; features in the reference's order."""

    model: str
    window: str
    reference_rows: int
    current_rows: int
    features: tuple[FeatureDrift, ...]
    q: float
    smallest_shift: float
    control: str
    level: float
    reference: Sketch = field(repr=False)
    current: Sketch = field(repr=False)

    @property
    def shifted(self) -> tuple[str, ...]:
        """The features that drifted, the furthest first."""
        return tuple(f.feature for f in self.ranked if f.drifted)

    @property
    def cannot_say(self) -> tuple[str, ...]:
        """The features that could not be judged."""
        return tuple(f.feature for f in self.features if f.verdict == "cannot say")

    @property
    def ranked(self) -> tuple[FeatureDrift, ...]:
        """All features: drifted before those nothing can be said of, then by the size of change."""

        def rank(f: FeatureDrift) -> tuple[int, float]:
            return list(STATUS).index(f.verdict), -(f.test.effect.value if f.test.effect else 0.0)

        return tuple(sorted(self.features, key=rank))

    @property
    def largest_change(self) -> float:
        """The largest change of a share of any feature, in [0, 1]."""
        return max((f.test.effect.value for f in self.features if f.test.effect), default=0.0)

    def __getitem__(self, feature: str) -> FeatureDrift:
        for found in self.features:
            if found.feature == feature:
                return found
        names = ", ".join(f.feature for f in self.features)
        raise DataError(f"expected a feature of {names}, got {feature!r}")

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain JSON content."""
        return {
            "model": self.model,
            "window": self.window,
            "reference_rows": self.reference_rows,
            "current_rows": self.current_rows,
            "q": self.q,
            "smallest_shift": self.smallest_shift,
            "control": self.control,
            "level": self.level,
            "shifted": list(self.shifted),
            "cannot_say": list(self.cannot_say),
            "features": [f.to_dict() for f in self.features],
        }

    def to_json(self) -> str:
        """Give the result as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give one row a feature, the furthest first."""
        import pandas as pd

        rows = []
        for f in self.ranked:
            effect = f.test.effect
            rows.append(
                f.to_dict()
                | {
                    "change": None if effect is None else effect.value,
                    "change_low": None if effect is None else effect.low,
                    "change_high": None if effect is None else effect.high,
                    "mean_shift_sd": None if f.test.shift is None else f.test.shift.value,
                }
            )
        return pd.DataFrame(rows).set_index("feature")

    def to_evidence(
        self,
        *,
        version: str | None = None,
        reference_uri: str | None = None,
        window_uri: str | None = None,
        artifacts: tuple[Artifact, ...] = (),
    ) -> Evidence:
        """Give the evidence record, kind `monitoring.window`.

        The digests of both sketches are in it. Where they were saved, give the paths relative
        to the record, and the record's `verify` compares the files.
        """
        metrics = [
            Metric.of("features_tested", sum(f.q_value is not None for f in self.features)),
            Metric.of("features_drifted", len(self.shifted)),
            Metric.of("features_unjudged", len(self.cannot_say)),
        ]
        metrics += [
            Metric.of("change", f.test.effect, unit="share", slice=f.feature)
            for f in self.ranked
            if f.drifted and f.test.effect is not None
        ]
        findings = [f"{f.feature} has drifted: {f.words}" for f in self.ranked if f.drifted]
        findings += [f"cannot say of {name}: {self[name].words}" for name in self.cannot_say]
        return Evidence.create(
            kind="monitoring.window",
            subject=Subject(name=self.model, version=version),
            tool="modelward-monitoring",
            config={
                "q": self.q,
                "smallest_shift": self.smallest_shift,
                "control": self.control,
                "level": self.level,
                "window": self.window,
            },
            inputs=[
                Input(
                    name=f"sketch of the {name}",
                    uri=uri,
                    sha256=sketch.digest.removeprefix("sha256:"),
                    rows=sketch.rows,
                )
                for name, uri, sketch in (
                    ("reference", reference_uri, self.reference),
                    ("window", window_uri, self.current),
                )
            ],
            metrics=metrics,
            findings=findings or ["no feature has drifted"],
            artifacts=artifacts,
        )

    def __repr__(self) -> str:
        rows = f"{self.current_rows} rows against {self.reference_rows}"
        found = f"{len(self.shifted)} of {len(self.features)} features drifted"
        how = self.control if self.control == LEARNT else f"{self.control}, q {self.q:g}"
        lines = [f"{self.model}, {self.window}: {found} ({rows}, {how})"]
        said = {"drifted": "", "cannot say": "cannot say, "}
        lines += [
            f"  {f.feature}: {said[f.verdict]}{f.words}"
            for f in self.ranked[:20]
            if f.verdict in said
        ]
        hidden = len(self.shifted) + len(self.cannot_say) - (len(lines) - 1)
        return "\n".join([*lines, f"  and {hidden} more"] if hidden > 0 else lines)

    def blocks(self) -> list[Block]:
        """Give the headline, the tiles and the table, for pages and notebooks."""
        if self.shifted:
            notice = Notice(
                f"{len(self.shifted)} of {len(self.features)} features have drifted.", "bad"
            )
        elif self.cannot_say:
            notice = Notice("No drift found, but not every feature could be judged.", "warning")
        else:
            notice = Notice("No feature has drifted.", "good")
        rows = [
            [
                f.feature,
                Tile("", f.verdict, status=STATUS[f.verdict]),
                f.test.effect.value if f.test.effect else None,
                _interval(f),
                f.q_value,
                f.words,
            ]
            for f in self.ranked
        ]
        columns = [
            "feature",
            "verdict",
            "change of share",
            f"{self.level:.0%} interval",
            "q-value",
            "in words",
        ]
        return [
            notice,
            Tiles(
                [
                    Tile("Features drifted", str(len(self.shifted)), f"of {len(self.features)}"),
                    Tile("Window", f"{self.current_rows} rows", self.window),
                    Tile("Reference", f"{self.reference_rows} rows"),
                    Tile("Limits", "learnt", "no bound on false alarms")
                    if self.control == LEARNT
                    else Tile(
                        "False alarms", f"{self.q:.0%} at most", "expected share of the alarms"
                    ),
                ]
            ),
            Table("Every feature, the furthest first", columns, rows),
        ]

    def _repr_html_(self) -> str:
        return notebook(*self.blocks())

    def plot(self, ax: Axes | None = None, *, feature: str | None = None) -> Axes:
        """Draw how far each feature moved, with its interval and the smallest shift that matters.

        With a `feature`, draw its distribution in the reference and in the window instead.
        """
        from modelward.monitoring.outputs.plots import plot_changes, plot_distribution

        return plot_changes(self, ax) if feature is None else plot_distribution(self, feature, ax)

    def to_page(self) -> Page:
        """Give the page of the window."""
        from modelward.monitoring.outputs.page import window_page

        return window_page(self)


def _interval(f: FeatureDrift) -> str | None:
    effect = f.test.effect
    return (
        None if effect is None or effect.low is None else f"{effect.low:.3f} to {effect.high:.3f}"
    )
