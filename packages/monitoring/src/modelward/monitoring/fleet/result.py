"""The result over a fleet: which models have drifted, ranked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.core.pages import Notice, Table, Tile, Tiles, notebook
from modelward.core.pages.blocks import Status
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.fleet.brief import Brief, brief_of
from modelward.monitoring.fleet.ranked import RankedResults, row_of

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The windows of many models, judged together; the model that drifted most comes first.

    `results` is a tuple, or a sequence like one that makes each result when it is looked at.
    """

    results: Sequence[DriftResult]
    q: float
    smallest_shift: float
    control: str

    @property
    def alarmed(self) -> tuple[str, ...]:
        """The models with a drifted feature, the worst first."""
        if isinstance(self.results, RankedResults):
            return self.results.alarmed
        return tuple(result.model for result in self.results if result.shifted)

    @property
    def cannot_say(self) -> tuple[str, ...]:
        """The models with a feature that could not be judged."""
        if isinstance(self.results, RankedResults):
            return self.results.cannot_say
        return tuple(result.model for result in self.results if result.cannot_say)

    def briefs(self) -> dict[str, Brief]:
        """Give the short form of every result, by model."""
        if isinstance(self.results, RankedResults):
            return self.results.briefs()
        return {result.model: brief_of(result) for result in self.results}

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[DriftResult]:
        return iter(self.results)

    def __getitem__(self, model: str) -> DriftResult:
        if isinstance(self.results, RankedResults):
            one = self.results.find(model)
            if one is not None:
                return one
        else:
            for found in self.results:
                if found.model == model:
                    return found
        raise DataError(f"expected a model of this fleet of {len(self)}, got {model!r}")

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain JSON content: one short row a model."""
        return {
            "q": self.q,
            "smallest_shift": self.smallest_shift,
            "control": self.control,
            "alarmed": list(self.alarmed),
            "cannot_say": list(self.cannot_say),
            "models": self._rows(),
        }

    def to_json(self) -> str:
        """Give the result as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give one row a model, the worst first."""
        import pandas as pd

        return pd.DataFrame(self._rows()).set_index("model")

    def to_evidence(self, *, name: str = "fleet") -> Evidence:
        """Give the evidence record, kind `monitoring.fleet`."""
        shown = [self[model] for model in self.alarmed[:_SHOWN]]
        return Evidence.create(
            kind="monitoring.fleet",
            subject=Subject(name=name),
            tool="modelward-monitoring",
            config={"q": self.q, "smallest_shift": self.smallest_shift, "control": self.control},
            metrics=[
                Metric.of("models_assessed", len(self)),
                Metric.of("models_drifted", len(self.alarmed)),
                Metric.of("models_unjudged", len(self.cannot_say)),
            ],
            findings=[f"{r.model} has drifted: {', '.join(r.shifted[:10])}" for r in shown]
            or ["no model has drifted"],
        )

    def _rows(self, first: int | None = None) -> list[dict[str, Any]]:
        """Give the short rows of the first models, or of all."""
        if isinstance(self.results, RankedResults):
            return [self.results.row(i) for i in range(len(self.results))[:first]]
        return [row_of(result) for result in self.results[:first]]

    def __repr__(self) -> str:
        lines = [
            f"{len(self.alarmed)} of {len(self)} models drifted ({self.control}, q {self.q:g})"
        ]
        for model in self.alarmed[:20]:
            result = self[model]
            words = result[result.shifted[0]].words
            many = f"{len(result.shifted)} feature" + "s" * (len(result.shifted) > 1)
            lines.append(f"  {model}: {many}, {result.shifted[0]} {words}")
        if len(self.alarmed) > 20:
            lines.append(f"  and {len(self.alarmed) - 20} more")
        if self.cannot_say:
            lines.append(f"  {len(self.cannot_say)} models with features that could not be judged")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        found = self._rows(_SHOWN)
        rows = [list(row.values()) for row in found]
        status: Status = "bad" if self.alarmed else "warning" if self.cannot_say else "good"
        return notebook(
            Notice(f"{len(self.alarmed)} of {len(self)} models have drifted.", status),
            Tiles(
                [
                    Tile("Models", str(len(self))),
                    Tile("False alarms", f"{self.q:.0%} at most", "expected share of the alarms"),
                ]
            ),
            Table(
                f"The first {len(rows)} models, the worst first",
                [name.replace("_", " ") for name in found[0]],
                rows,
            ),
        )
