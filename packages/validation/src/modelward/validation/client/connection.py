"""What a client needs of the other side, be it a server or a store of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Json = dict[str, Any]


class Connection(Protocol):
    """The operations of a validation server; `Service` describes each."""

    def get_or_create_system(
        self, name: str, *, description: str = "", metainfo: Json | None = None
    ) -> Json:
        """Give a system, made where there is none of the name."""

    def list_systems(self) -> list[Json]:
        """Give all systems."""

    def get_or_create_scenario(
        self, name: str, *, description: str = "", metainfo: Json | None = None
    ) -> Json:
        """Give a scenario, made where there is none of the name."""

    def list_scenarios(self, *, system: int | None = None) -> list[Json]:
        """Give all scenarios, or those in which a system has jobs."""

    def get_scenario(self, scenario: int) -> Json:
        """Give a scenario."""

    def configure_features(
        self,
        scenario: int,
        features: Sequence[Json],
        *,
        constraints: Sequence[str] = (),
        distribution: Json | None = None,
    ) -> Json:
        """Say what a scenario varies."""

    def configure_outputs(self, scenario: int, outputs: Sequence[Json]) -> Json:
        """Say what must hold."""

    def get_or_create_job(
        self,
        system: int,
        scenario: int,
        name: str,
        *,
        settings: Json | None = None,
        stop: Json | None = None,
        description: str = "",
        metainfo: Json | None = None,
    ) -> Json:
        """Give a job, made where there is none of the name."""

    def list_jobs(self, *, system: int | None = None, scenario: int | None = None) -> list[Json]:
        """Give all jobs, or those of a system, a scenario, or both."""

    def get_job(self, job: int) -> Json:
        """Give a job."""

    def stop_job(self, job: int, reason: str = "stopped by hand") -> Json:
        """Propose no more runs."""

    def resume_job(self, job: int, stop: Json | None = None) -> Json:
        """Go on with a job."""

    def lease_runs(
        self, job: int, number: int = 1, *, seconds: float = 300.0, request: str | None = None
    ) -> Json:
        """Give up to `number` runs."""

    def renew_lease(
        self, job: int, numbers: Sequence[int], lease: str, *, seconds: float = 300.0
    ) -> Json:
        """Keep runs for longer, or give them back."""

    def tell_run(self, job: int, number: int, outcome: Json) -> Json:
        """Keep what a run gave."""

    def tell_runs(self, job: int, outcomes: Sequence[Json]) -> Json:
        """Keep what several runs gave."""

    def add_field_data(self, job: int, rows: Sequence[Json], *, request: str) -> Json:
        """Keep results measured elsewhere."""

    def list_runs(
        self,
        job: int,
        *,
        after: int = -1,
        limit: int = 100,
        state: str | None = None,
        kind: str | None = None,
        failed: bool | None = None,
    ) -> Json:
        """Give runs in order."""

    def certainty(self, job: int) -> Json:
        """Give how certain each output is."""

    def history(self, job: int) -> list[Json]:
        """Give how certainty went."""

    def explanation(self, job: int) -> Json:
        """Give where it fails."""
