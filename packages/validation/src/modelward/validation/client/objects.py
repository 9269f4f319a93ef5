"""Systems, scenarios and jobs, as the original tool names them."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelward.core.errors import ConfigError, DataError, ServiceError, StateError
from modelward.validation.client.connection import Connection, Json
from modelward.validation.client.run import Run
from modelward.validation.domain import Feature, Output
from modelward.validation.stopping import StopRule

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)
_LONGEST_PAUSE = 1.0
_MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class System:
    """A product under development, whose versions and variants are tested."""

    connection: Connection = field(repr=False, compare=False)
    id: int
    name: str
    description: str = ""
    metainfo: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict, repr=False, compare=False)

    def load_all_scenarios(self) -> list[Scenario]:
        """Give the scenarios in which this system has jobs."""
        rows = self.connection.list_scenarios(system=self.id)
        return [Scenario.of(self.connection, row, self.settings) for row in rows]

    def load_all_jobs(self) -> list[Job]:
        """Give the jobs of this system."""
        return [Job(self.connection, row) for row in self.connection.list_jobs(system=self.id)]

    def __add__(self, other: Scenario) -> SystemInScenario:
        """Put the system into a scenario; adding a name to that gives a job."""
        if not isinstance(other, Scenario):
            return NotImplemented
        return SystemInScenario(self, other)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A use case (day, night): what is varied, and what must hold.

    Configured once: locked as soon as it has a job, so that its jobs can be compared.
    """

    connection: Connection = field(repr=False, compare=False)
    id: int
    name: str
    description: str = ""
    metainfo: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, connection: Connection, row: Json, settings: Json) -> Scenario:
        """Make a scenario of what the other side gives."""
        fields = {name: row[name] for name in ("id", "name", "description", "metainfo")}
        return cls(connection, **fields, settings=settings)

    def configure_features(
        self,
        *features: Feature,
        constraints: Sequence[str] = (),
        distribution: Any = None,
    ) -> None:
        """Say what is varied; the same again changes nothing.

        Raises `ConfigError` for features that do not fit, `ConflictError` once there is a job.
        """
        wrong = [each for each in features if not hasattr(each, "to_dict")]
        if wrong:
            raise ConfigError(
                f"expected features, got {wrong}", hint="pass each by itself, not in a list."
            )
        self.connection.configure_features(
            self.id,
            [each.to_dict() for each in features],
            constraints=[str(each) for each in constraints],
            distribution=distribution if distribution is None else distribution.to_dict(),
        )

    def configure_output(self, *outputs: Output) -> None:
        """Say what must hold, for one output or several at once. Errors as `configure_features`."""
        if not all(isinstance(each, Output) for each in outputs):
            raise ConfigError(f"expected outputs, got {list(outputs)}")
        self.connection.configure_outputs(self.id, [each.to_dict() for each in outputs])

    def load_all_jobs(self) -> list[Job]:
        """Give the jobs in this scenario."""
        return [Job(self.connection, row) for row in self.connection.list_jobs(scenario=self.id)]


@dataclass(frozen=True, slots=True)
class SystemInScenario:
    """A system in a scenario, waiting for the name of a job."""

    system: System
    scenario: Scenario

    def __add__(self, name: str) -> Job:
        """Give the job of the name, made where there is none."""
        if not isinstance(name, str):
            return NotImplemented
        return make_job(self.system, self.scenario, name)


def make_job(
    system: System,
    scenario: Scenario,
    name: str,
    *,
    stop: StopRule | None = None,
    description: str = "",
    metainfo: Json | None = None,
    **settings: Any,
) -> Job:
    """Give the job of a name, made with the settings of the API and these where there is none."""
    row = system.connection.get_or_create_job(
        system.id,
        scenario.id,
        name,
        settings={**system.settings, **settings},
        stop=None if stop is None else stop.to_dict(),
        description=description,
        metainfo=metainfo,
    )
    return Job(system.connection, row)


class Job:
    """A validation job: gives runs to try, and takes what came back.

    >>> from modelward.validation import ValicyAPI
    >>> from modelward.validation.domain import FeatureContinuous, Output
    >>> api = ValicyAPI(store="sqlite://")
    >>> day = api.get_or_create_scenario("day")
    >>> day.configure_features(FeatureContinuous("x", 0, 1))
    >>> day.configure_output(Output("y", threshold=0.5))
    >>> job = api.get_or_create_system("brake") + day + "first"
    >>> for run in job.get_runs(number=10):
    ...     _ = run.send({"y": run.get_test_features()["x"] ** 2})
    >>> len(job.results_frame())
    10
    """

    def __init__(self, connection: Connection, row: Json) -> None:
        self.connection = connection
        self.id, self.name = int(row["id"]), str(row["name"])
        self.system_id, self.scenario_id = int(row["system_id"]), int(row["scenario_id"])
        self.leases: dict[int, str] = {}
        self._space: Json | None = None

    def __repr__(self) -> str:
        return f"Job(id={self.id}, name={self.name!r})"

    @property
    def space(self) -> Json:
        """The scenario's features and outputs, which no longer change."""
        if self._space is None:
            self._space = self.connection.get_scenario(self.scenario_id)
        return self._space

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return [each["name"] for each in self.space["outputs"]]

    @property
    def stopped(self) -> str | None:
        """Why no more runs are proposed, or None while they are."""
        reason = self.connection.get_job(self.id)["stopped"]
        return None if reason is None else str(reason)

    def get_runs(
        self, number: int, *, lease_seconds: float = 300.0, timeout: float = 600.0
    ) -> Iterator[Run]:
        """Give `number` runs, one after the other, or fewer when the job stops before (`stopped`).

        A run is this client's for `lease_seconds`; after that another may get it, too, and a late
        result is still kept. Waits up to `timeout` seconds for a run to be prepared. Runs that were
        leased and not given when the loop is left go back.

        Raises `DataError` for a number below 1, `ServiceError` when no run comes in time.
        """
        if number < 1:
            raise DataError(f"expected a number of runs >= 1, got {number}")
        return self._runs(number, lease_seconds, timeout)

    def get_next_run(self, *, lease_seconds: float = 300.0, timeout: float = 600.0) -> Run:
        """Give the next run. Raises `StateError` when the job has stopped, else as `get_runs`."""
        for run in self._runs(1, lease_seconds, timeout):
            return run
        raise StateError(f"expected a run of job '{self.name}', but it has stopped: {self.stopped}")

    def _runs(self, number: int, lease_seconds: float, timeout: float) -> Iterator[Run]:
        left, at_once = number, 1
        while left:
            runs = self._wait(min(at_once, left), lease_seconds, timeout)
            if not runs:
                return
            begun, given = time.monotonic(), 0
            try:
                for run in runs:
                    given += 1
                    yield run
            finally:
                self._give_back(runs[given:])
            left -= len(runs)
            # A second's worth at once, so that a fast system does not wait for the network.
            each = max(1e-4, (time.monotonic() - begun) / len(runs))
            at_once = max(1, min(_MOST_AT_ONCE, 2 * at_once, int(1.0 / each)))

    def _wait(self, number: int, lease_seconds: float, timeout: float) -> list[Run]:
        begun, pause, never = time.monotonic(), 0.02, threading.Event()
        warned = False
        while True:
            got = self.connection.lease_runs(
                self.id, number, seconds=lease_seconds, request=uuid.uuid4().hex
            )
            if got["runs"] or got["stopped"]:
                if got["stopped"]:
                    logger.info("job %r has stopped: %s", self.name, got["stopped"])
                return self._remember([Run(self, row) for row in got["runs"]])
            waited = time.monotonic() - begun
            if waited > timeout:
                raise ServiceError(
                    f"expected a run of job '{self.name}' within {timeout:g} s, got none",
                    hint="see that a worker runs: modelward validation worker.",
                )
            if waited > 10.0 and not warned:
                logger.warning("job %r has had no run to give for 10 s", self.name)
                warned = True
            never.wait(pause)
            pause = min(_LONGEST_PAUSE, 1.5 * pause)

    def _remember(self, runs: list[Run]) -> list[Run]:
        self.leases |= {run.number: run.lease for run in runs}
        return runs

    def _give_back(self, runs: Sequence[Run]) -> None:
        for lease in {run.lease for run in runs}:
            numbers = [run.number for run in runs if run.lease == lease]
            self.connection.renew_lease(self.id, numbers, lease, seconds=0.0)

    def get_runs_frame(self, n: int, *, lease_seconds: float = 300.0) -> pd.DataFrame:
        """Give up to n runs as a table: the features, and the run's number as index `run`.

        Waits for the first. Fill in the outputs (and `crash`, the reason, where there are none) and
        hand it to `send_frame`. Empty when the job has stopped.
        """
        from modelward.validation.client.frames import runs_frame

        return runs_frame(self, self._wait(min(n, 1_000), lease_seconds, 600.0))

    def send_frame(self, frame: pd.DataFrame) -> None:
        """Tell results from a table: all rows, or none.

        With an index or a column `run` these are results of runs; without, field data: points
        measured elsewhere, with features and outputs. A text in the column `crash` says why a row
        has no outputs. Raises `DataError` naming what does not fit.
        """
        from modelward.validation.client.frames import send_frame

        send_frame(self, frame)

    def results_frame(self) -> pd.DataFrame:
        """Give all told runs as a table: features, outputs, `kind`, `failed`, `late`, `crash`."""
        from modelward.validation.client.frames import results_frame

        return results_frame(self)

    def tell(self, run: int, outcome: Mapping[str, Any]) -> str:
        """Tell the outcome of a run by its number: `results` or `crash`; say what became of it."""
        content = {"lease": self.leases.get(run), **outcome}
        became = self.connection.tell_run(
            self.id, run, {k: v for k, v in content.items() if v is not None}
        )
        self.leases.pop(run, None)
        return str(became["became"])

    def certainty(self) -> Json:
        """Give how certain each output is, who leads, and whether the job has stopped."""
        return self.connection.certainty(self.id)

    def history(self) -> list[Json]:
        """Give how certainty and the models' competition went."""
        return self.connection.history(self.id)

    def explanation(self) -> Json:
        """Give where it fails: rules, slices, pairs, sensitivity, and what is not known."""
        return self.connection.explanation(self.id)

    def stop(self, reason: str = "stopped by hand") -> None:
        """Propose no more runs."""
        self.connection.stop_job(self.id, reason)

    def resume(self, stop: StopRule | None = None) -> None:
        """Go on, by another rule where one is given: `StopRule(certainty=False)` for no end."""
        self.connection.resume_job(self.id, None if stop is None else stop.to_dict())
