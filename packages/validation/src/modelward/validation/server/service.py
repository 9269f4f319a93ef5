"""The operations of the validation server, for one tenant: what the API and the local client share.

All take and give what JSON can hold, so that a client cannot tell whether a network lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from modelward.core.errors import ConfigError, DataError
from modelward.validation.domain import Domain, Output, check_names
from modelward.validation.server import checks, shapes
from modelward.validation.server.errors import NotFoundError
from modelward.validation.server.store import catalogue, progress, queue, telling
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.names import checked
from modelward.validation.server.store.schema import jobs, scenarios, systems
from modelward.validation.settings import StudySettings
from modelward.validation.stopping import StopRule

Json = dict[str, Any]
LEASE_SECONDS = 300.0
MOST_FEATURES = 1_000


class Service:
    """What one tenant can do with a store.

    Each method raises `DataError` or `ConfigError` for what does not fit, `NotFoundError` for what is
    not there or another's, `ConflictError` for what contradicts what is there, and `ServiceError`
    when the database does not answer.

    >>> from modelward.validation.server.store.access import tenant_id
    >>> store = Database("sqlite://")
    >>> service = Service(store, tenant=tenant_id(store, "local"))
    >>> service.get_or_create_system("brake")["name"]
    'brake'
    """

    def __init__(self, database: Database, *, tenant: int, holder: str = "") -> None:
        self.database, self.tenant, self.holder = database, tenant, holder

    # Systems and scenarios

    def get_or_create_system(
        self, name: str, *, description: str = "", metainfo: Json | None = None
    ) -> Json:
        """Give a system, made where there is none of the name."""
        row = catalogue.get_or_create(
            self.database,
            systems,
            self.tenant,
            name,
            description=description,
            metainfo=metainfo,
        )
        return shapes.system(row)

    def list_systems(self) -> list[Json]:
        """Give all systems."""
        return [shapes.system(r) for r in catalogue.every(self.database, systems, self.tenant)]

    def get_system(self, system: int) -> Json:
        """Give a system."""
        with self.database.reading() as tx:
            return shapes.system(catalogue.find(tx, systems, self.tenant, system))

    def get_or_create_scenario(
        self, name: str, *, description: str = "", metainfo: Json | None = None
    ) -> Json:
        """Give a scenario, made where there is none of the name."""
        row = catalogue.get_or_create(
            self.database,
            scenarios,
            self.tenant,
            name,
            description=description,
            metainfo=metainfo,
            locked=False,
        )
        return shapes.scenario(row)

    def list_scenarios(self, *, system: int | None = None) -> list[Json]:
        """Give all scenarios, or those in which a system has jobs."""
        if system is None:
            rows = catalogue.every(self.database, scenarios, self.tenant)
        else:
            self.get_system(system)
            rows = catalogue.scenarios_of(self.database, self.tenant, system)
        return [shapes.scenario(row) for row in rows]

    def get_scenario(self, scenario: int) -> Json:
        """Give a scenario."""
        with self.database.reading() as tx:
            return shapes.scenario(catalogue.find(tx, scenarios, self.tenant, scenario))

    def configure_features(
        self,
        scenario: int,
        features: Sequence[Json],
        *,
        constraints: Sequence[str] = (),
        distribution: Json | None = None,
    ) -> Json:
        """Say what a scenario varies; locked once it has a job."""
        if len(features) > MOST_FEATURES:
            raise ConfigError(f"expected at most {MOST_FEATURES} features, got {len(features)}")
        content = {
            "features": list(features),
            "constraints": list(constraints),
            "distribution": distribution,
        }
        domain = checks.made(lambda: Domain.from_dict(content), "features")
        self._check_columns(scenario, features=domain.names)
        row = catalogue.configure(self.database, self.tenant, scenario, domain=domain.to_dict())
        return shapes.scenario(row)

    def configure_outputs(self, scenario: int, outputs: Sequence[Json]) -> Json:
        """Say what must hold; locked once the scenario has a job."""
        made = checks.made(lambda: [Output.from_dict(each) for each in outputs], "outputs")
        check_names("output", [output.name for output in made])
        self._check_columns(scenario, outputs=[output.name for output in made])
        content = [output.to_dict() for output in made]
        return shapes.scenario(
            catalogue.configure(self.database, self.tenant, scenario, outputs=content)
        )

    def _check_columns(
        self, scenario: int, *, features: Sequence[str] = (), outputs: Sequence[str] = ()
    ) -> None:
        there = self.get_scenario(scenario)
        features = features or [f["name"] for f in there["features"]]
        outputs = outputs or [o["name"] for o in there["outputs"]]
        both = sorted(set(features) & set(outputs))
        if both:
            raise ConfigError(f"expected other names for outputs than for features, got {both}")

    # Jobs

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
        """Give the job of a name on a system and a scenario, made where there is none."""
        row = catalogue.get_or_create_job(
            self.database,
            self.tenant,
            system,
            scenario,
            name,
            settings=checks.made(
                lambda: StudySettings.from_dict(settings or {}), "settings"
            ).to_dict(),
            stop_rule=_stop_rule(stop),
            description=description,
            metainfo=metainfo,
        )
        return self.get_job(row["id"])

    def list_jobs(self, *, system: int | None = None, scenario: int | None = None) -> list[Json]:
        """Give all jobs, or those of a system, a scenario, or both."""
        rows = catalogue.every(
            self.database, jobs, self.tenant, system_id=system, scenario_id=scenario
        )
        with self.database.reading() as tx:
            counts = queue.all_counts(tx, [row["id"] for row in rows])
        return [shapes.job(row, counts[row["id"]]) for row in rows]

    def get_job(self, job: int) -> Json:
        """Give a job, with how many of its runs are ready, leased and told."""
        with self.database.reading() as tx:
            row = catalogue.find(tx, jobs, self.tenant, job)
            return shapes.job(row, queue.counts(tx, job))

    def stop_job(self, job: int, reason: str = "stopped by hand") -> Json:
        """Propose no more runs; those that are leased may still be told."""
        why = checked(reason, what="the reason", longest=1_000)
        catalogue.set_stop(self.database, self.tenant, job, rule=None, stopped=why)
        return self.get_job(job)

    def resume_job(self, job: int, stop: Json | None = None) -> Json:
        """Go on with a job, by another stop rule where one is given."""
        rule = None if stop is None else _stop_rule(stop)
        catalogue.set_stop(self.database, self.tenant, job, rule=rule, stopped=None)
        return self.get_job(job)

    # Runs

    def lease_runs(
        self,
        job: int,
        number: int = 1,
        *,
        seconds: float = LEASE_SECONDS,
        request: str | None = None,
    ) -> Json:
        """Give up to `number` runs for `seconds`; fewer, or none, where no more are prepared yet."""
        self._space(job)
        if not 1 <= number <= queue.MOST:
            raise DataError(f"expected 1 to {queue.MOST} runs to lease, got {number}")
        checks.seconds(seconds, least=1.0)
        key = None if request is None else checked(request, what="a request key", longest=64)
        rows = queue.lease(
            self.database, job, number, seconds=seconds, holder=self.holder, request=key
        )
        stopped = None if rows else self.get_job(job)["stopped"]
        return {"runs": [shapes.leased(row) for row in rows], "stopped": stopped}

    def renew_lease(
        self, job: int, numbers: Sequence[int], lease: str, *, seconds: float = LEASE_SECONDS
    ) -> Json:
        """Keep runs for another `seconds`; 0 gives them back. Says how many were still held."""
        self._space(job)
        checks.seconds(seconds, least=0.0)
        if not 1 <= len(numbers) <= queue.MOST:
            raise DataError(f"expected 1 to {queue.MOST} runs, got {len(numbers)}")
        return {"held": queue.renew(self.database, job, numbers, lease, seconds=seconds)}

    def tell_run(self, job: int, number: int, outcome: Json) -> Json:
        """Keep what a run gave: `results` by output name, or why it gave none (`crash`)."""
        return {"became": self.tell_runs(job, [{"number": number, **outcome}])["became"][0]}

    def tell_runs(self, job: int, outcomes: Sequence[Json]) -> Json:
        """Keep what several runs gave, all or none; says of each what became of it."""
        _, outputs = self._space(job)
        checks.rows(outcomes)
        made = []
        for place, each in enumerate(outcomes):
            results, crash = checks.outcome(each, outputs, place)
            failed = checks.failed(results, outputs)
            made.append(
                telling.Outcome(int(each["number"]), results, crash, failed, each.get("lease"))
            )
        return {"became": telling.tell(self.database, job, made)}

    def add_field_data(self, job: int, rows: Sequence[Json], *, request: str) -> Json:
        """Keep results measured elsewhere: each row has `point` and `results` or `crash`."""
        domain, outputs = self._space(job)
        checks.rows(rows)
        checked(request, what="a request key", longest=64)
        made = []
        for place, each in enumerate(rows):
            point = each["point"]
            with checks.at(place):
                domain.check(point)
            results, crash = checks.outcome(each, outputs, place)
            row = {"point": {n: point[n] for n in domain.names}, "results": results, "crash": crash}
            made.append((row, checks.failed(results, outputs)))
        return {"kept": telling.enter(self.database, job, made, request=request)}

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
        """Give runs in order, and the number after which the next page begins (or None)."""
        self._space(job)
        if not 1 <= limit <= queue.MOST:
            raise DataError(f"expected a limit of 1 to {queue.MOST} runs, got {limit}")
        with self.database.reading() as tx:
            rows = queue.listed(
                tx, job, after=after, limit=limit + 1, state=state, kind=kind, failed=failed
            )
        page = rows[:limit]
        follows = page[-1].number if len(rows) > limit else None
        return {"runs": [shapes.run(row) for row in page], "next": follows}

    def get_run(self, job: int, number: int) -> Json:
        """Give one run."""
        return shapes.run(self._run(job, number))

    def _run(self, job: int, number: int) -> Any:
        self._space(job)
        with self.database.reading() as tx:
            rows = queue.listed(tx, job, after=number - 1, limit=1)
        if not rows or rows[0].number != number:
            raise NotFoundError(f"expected a run of this job, got none with the number {number}")
        return rows[0]

    # What is known

    def certainty(self, job: int) -> Json:
        """Give how certain each output is, as the worker saw it last, and the stop."""
        row = self.get_job(job)
        with self.database.reading() as tx:
            last = progress.latest(tx, job)
        return shapes.certainty(row, last)

    def history(self, job: int) -> list[Json]:
        """Give how certainty and the models' competition went, oldest first."""
        self._space(job)
        with self.database.reading() as tx:
            return [shapes.snapshot(row) for row in progress.history(tx, job)]

    def explanation(self, job: int) -> Json:
        """Give where it fails, as the worker saw it last: rules, slices, pairs, sensitivity."""
        self._space(job)
        with self.database.reading() as tx:
            row = progress.explanation(tx, job)
        return {"told": row["told"], **row["content"]} if row else {"told": 0}

    def _space(self, job: int) -> tuple[Domain, tuple[Output, ...]]:
        """Give the space of a job of this tenant. It is locked, so it may be remembered."""
        return _space(self.database, self.tenant, job)


def _stop_rule(stop: Json | None) -> Json:
    return checks.made(lambda: StopRule.from_dict(stop or {}), "a stop rule").to_dict()


@lru_cache(maxsize=1_024)
def _space(database: Database, tenant: int, job: int) -> tuple[Domain, tuple[Output, ...]]:
    with database.reading() as tx:
        row = catalogue.find(tx, jobs, tenant, job)
        space = catalogue.find(tx, scenarios, tenant, row["scenario_id"])
    outputs = tuple(Output.from_dict(each) for each in space["outputs"])
    return Domain.from_dict(space["domain"]), outputs
