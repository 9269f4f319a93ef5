"""The house: one catalogue of fifty models, ours among them, and what happens around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import modelward.monitoring as mon
from lifecycle_parts.neighbours import Neighbour, neighbours
from lifecycle_parts.world import A_DAY, NAME, Camera
from modelward.adaptive_pipeline import Registry
from modelward.core.metrics import Estimate


@dataclass(frozen=True)
class House:
    """The fleet with all that is looked at in it; `baseline` is our model's accuracy when it came."""

    fleet: mon.Fleet
    others: list[Neighbour]
    camera: Camera
    baseline: Estimate

    @classmethod
    def open(cls, registry: Registry, camera: Camera, baseline: Estimate, folder: Path) -> House:
        """Put all models into one catalogue: ours comes from MLflow, with the reference kept there."""
        fleet = mon.Fleet(f"sqlite:///{folder / 'fleet.db'}", now=lambda: camera.when(camera.at))
        fleet.sync_mlflow(tracking_uri=registry.tracking_uri)
        ours = replace(fleet.model(NAME), owner="camera team", group="cameras", metric="accuracy")
        fleet.add(replace(ours, traffic=float(A_DAY), criticality=2.0))
        others = list(neighbours())
        fleet.add_many((one.about, mon.Sketch.fit(one.reference())) for one in others)
        return cls(fleet, others, camera, baseline)

    def look(self, rows: range) -> mon.FleetResult:
        """Record what came while the camera asked about `rows`, and judge all models together."""
        window = mon.Window(self.camera.when(rows.start), self.camera.when(rows.stop))
        for one in self.others:
            frame, performance = one.day(rows.start // A_DAY)
            self.fleet.record(one.about.name, window, frame, performance=performance)
        seen = self.camera.scenes.stream.iloc[rows.start : rows.stop]
        realised = self.camera.accuracy(rows)
        ours = mon.Performance("accuracy", baseline=self.baseline, realised=realised)
        self.fleet.record(NAME, window, seen, performance=ours)
        return self.fleet.assess(window)


def workshop(fleet: mon.Fleet, at: datetime) -> None:
    """Tell the fleet what was done around it that day; only one entry has to do with our camera."""
    fleet.tell(mon.Event("data", at, "a grey filter was put on the camera", model=NAME))
    fleet.tell(mon.Event("deployment", at, "new release of the reader", model="post/02"))
    fleet.tell(mon.Event("data", at, "new laboratory", model="clinic/08"))
