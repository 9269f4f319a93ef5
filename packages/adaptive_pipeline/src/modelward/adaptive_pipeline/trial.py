"""A trial: one version tried beside the champion, and what each label says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from modelward.adaptive_pipeline.comparison.observation import Observation
from modelward.adaptive_pipeline.feed import Joined
from modelward.adaptive_pipeline.plan import Plan
from modelward.adaptive_pipeline.store.schema import predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Who is tried beside whom, how, and from where on.

    `design`: `paired` (both score each request; for labels that do not depend on the prediction
    that was served) or `ab` (a `share` of the units is answered by the challenger). `position` is
    the last join before it: what is joined later was not trained on, also where it was served
    before; `first` is the last request served before it. A `watch` is the trial after a promotion:
    the version that was replaced is tried beside the new champion, and winning brings it back.

    >>> Trial(name="t1", design="paired", champion="1", challenger="2", first=0, position=0).plan
    Plan(champion='1', challenger='2', mode='shadow', share=0.0, experiment='t1')
    """

    name: str
    design: Literal["paired", "ab"]
    champion: str
    challenger: str
    first: int
    position: int
    share: float = 0.0
    segments: tuple[str, ...] = ()
    watch: bool = False

    @property
    def plan(self) -> Plan:
        """What gateways do while it lasts."""
        split = self.design == "ab"
        return Plan(
            champion=self.champion,
            challenger=self.challenger,
            mode="split" if split else "shadow",
            share=self.share if split else 0.0,
            experiment=self.name,
        )

    def takes(self, row: Joined) -> bool:
        """Whether this join counts in it: served in it, labelled in time and for the first time."""
        if row.late or row.revision or row.position <= self.position:
            return False
        if self.design == "ab":
            return row.experiment == self.name and row.arm is not None
        return row.version == self.champion

    def observe(self, row: Joined, losses: Mapping[str, float]) -> Observation | None:
        """Say what one join tells about the two; None where it does not count."""
        if not self.takes(row):
            return None
        segments = tuple(f"{name}={row.row[name]}" for name in self.segments if name in row.row)
        if self.design == "paired":
            shadow = row.shadows.get(self.challenger)
            return Observation(
                champion=losses[self.champion],
                challenger=losses.get(self.challenger),
                challenger_failed=shadow is None or shadow.error is not None,
                champion_latency=row.latency,
                challenger_latency=shadow.latency if shadow else None,
                segments=segments,
            )
        # By intention to treat: where the champion stood in, its answer counts for the arm.
        ours = row.arm == "challenger"
        loss = losses[row.version]
        return Observation(
            champion=None if ours else loss,
            challenger=loss if ours else None,
            arm=row.arm,
            probability=row.probability,
            unit=row.unit,
            challenger_failed=ours and row.fallback is not None,
            champion_latency=None if ours else row.latency,
            challenger_latency=row.latency if ours else None,
            segments=segments,
        )

    def exposures(self, connection: Connection, *, until: int) -> dict[str, int]:
        """Count the units assigned to each arm, up to request number `until`."""
        query = (
            select(predictions.c.arm, func.count(predictions.c.unit.distinct()))
            .where(
                predictions.c.experiment == self.name, predictions.c.seq.between(self.first, until)
            )
            .group_by(predictions.c.arm)
        )
        counts = {str(arm): int(n) for arm, n in connection.execute(query)}
        return {arm: counts.get(arm, 0) for arm in ("champion", "challenger")}

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values, from which `from_dict` rebuilds it."""
        return asdict(self) | {"segments": list(self.segments)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Trial:
        """Rebuild a trial."""
        return cls(**{**fields, "segments": tuple(fields["segments"])})
