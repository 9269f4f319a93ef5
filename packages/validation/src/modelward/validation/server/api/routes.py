"""The routes of the API: systems, scenarios, jobs, runs, and what is known of a job."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query

from modelward.validation.server.api import bodies
from modelward.validation.server.api.guard import Tenant
from modelward.validation.server.api.problems import documented

Json = dict[str, Any]
Id = Annotated[int, Path(ge=0, lt=2**31)]
IdQuery = Annotated[int | None, Query(ge=0, lt=2**31)]
RequestKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=64,
        description="The same key again, because an answer was lost, does nothing twice.",
    ),
]
NeededKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=64)]

router = APIRouter(prefix="/api/v1", responses=documented())
_missing = documented(404)
_both = documented(404, 409)


@router.post("/systems", tags=["systems"])
def get_or_create_system(body: bodies.Named, service: Tenant) -> Json:
    """Give the system of a name, made where there is none."""
    return service.get_or_create_system(
        body.name, description=body.description, metainfo=body.metainfo
    )


@router.get("/systems", tags=["systems"])
def list_systems(service: Tenant) -> list[Json]:
    """Give all systems."""
    return service.list_systems()


@router.get("/systems/{system}", tags=["systems"], responses=_missing)
def get_system(system: Id, service: Tenant) -> Json:
    """Give a system."""
    return service.get_system(system)


@router.post("/scenarios", tags=["scenarios"])
def get_or_create_scenario(body: bodies.Named, service: Tenant) -> Json:
    """Give the scenario of a name, made where there is none."""
    return service.get_or_create_scenario(
        body.name, description=body.description, metainfo=body.metainfo
    )


@router.get("/scenarios", tags=["scenarios"], responses=_missing)
def list_scenarios(service: Tenant, system: IdQuery = None) -> list[Json]:
    """Give all scenarios, or those in which a system has jobs."""
    return service.list_scenarios(system=system)


@router.get("/scenarios/{scenario}", tags=["scenarios"], responses=_missing)
def get_scenario(scenario: Id, service: Tenant) -> Json:
    """Give a scenario."""
    return service.get_scenario(scenario)


@router.put("/scenarios/{scenario}/features", tags=["scenarios"], responses=_both)
def configure_features(scenario: Id, body: bodies.FeaturesBody, service: Tenant) -> Json:
    """Say what a scenario varies. Locked once it has a job (409)."""
    return service.configure_features(
        scenario,
        [each.model_dump(exclude_none=True) for each in body.features],
        constraints=body.constraints,
        distribution=body.distribution,
    )


@router.put("/scenarios/{scenario}/outputs", tags=["scenarios"], responses=_both)
def configure_outputs(scenario: Id, body: bodies.OutputsBody, service: Tenant) -> Json:
    """Say what must hold. Locked once the scenario has a job (409)."""
    return service.configure_outputs(scenario, [each.model_dump() for each in body.outputs])


@router.post("/jobs", tags=["jobs"], responses=_both)
def get_or_create_job(body: bodies.JobBody, service: Tenant) -> Json:
    """Give the job of a name on a system and a scenario, made where there is none."""
    return service.get_or_create_job(
        body.system_id,
        body.scenario_id,
        body.name,
        settings=body.settings,
        stop=body.stop,
        description=body.description,
        metainfo=body.metainfo,
    )


@router.get("/jobs", tags=["jobs"])
def list_jobs(service: Tenant, system: IdQuery = None, scenario: IdQuery = None) -> list[Json]:
    """Give all jobs, or those of a system, a scenario, or both."""
    return service.list_jobs(system=system, scenario=scenario)


@router.get("/jobs/{job}", tags=["jobs"], responses=_missing)
def get_job(job: Id, service: Tenant) -> Json:
    """Give a job, with how many of its runs are ready, leased and told."""
    return service.get_job(job)


@router.post("/jobs/{job}/stop", tags=["jobs"], responses=_missing)
def stop_job(job: Id, body: bodies.StopBody, service: Tenant) -> Json:
    """Propose no more runs; those that are leased may still be told."""
    return service.stop_job(job, body.reason)


@router.post("/jobs/{job}/resume", tags=["jobs"], responses=_missing)
def resume_job(job: Id, body: bodies.ResumeBody, service: Tenant) -> Json:
    """Go on with a job, by another stop rule where one is given."""
    return service.resume_job(job, body.stop)


@router.post("/jobs/{job}/leases", tags=["runs"], responses=_missing)
def lease_runs(
    job: Id, body: bodies.LeaseBody, service: Tenant, request: RequestKey = None
) -> Json:
    """Give the next runs, leased to the caller: at once, and fewer or none where none are prepared."""
    return service.lease_runs(job, body.number, seconds=body.seconds, request=request)


@router.patch("/jobs/{job}/leases", tags=["runs"], responses=_missing)
def renew_lease(job: Id, body: bodies.RenewBody, service: Tenant) -> Json:
    """Keep leased runs for longer, or give them back."""
    return service.renew_lease(job, body.numbers, body.lease, seconds=body.seconds)


@router.put("/jobs/{job}/runs/{number}/outcome", tags=["runs"], responses=_both)
def tell_run(job: Id, number: Id, body: bodies.OutcomeBody, service: Tenant) -> Json:
    """Keep what a run gave. The same again changes nothing; late is kept; another is refused (409)."""
    return service.tell_run(job, number, body.model_dump(exclude_none=True))


@router.post("/jobs/{job}/outcomes", tags=["runs"], responses=_both)
def tell_runs(job: Id, body: bodies.OutcomesBody, service: Tenant) -> Json:
    """Keep what several runs gave: all, or none."""
    return service.tell_runs(job, [o.model_dump(exclude_none=True) for o in body.outcomes])


@router.post("/jobs/{job}/field-data", tags=["runs"], responses=_missing)
def add_field_data(
    job: Id, body: bodies.FieldDataBody, service: Tenant, request: NeededKey
) -> Json:
    """Keep results that were measured elsewhere: all, or none."""
    rows = [each.model_dump(exclude_none=True) for each in body.rows]
    return service.add_field_data(job, rows, request=request)


@router.get("/jobs/{job}/runs", tags=["runs"], responses=_missing)
def list_runs(
    job: Id,
    service: Tenant,
    *,
    after: Annotated[int, Query(ge=-1, lt=2**31)] = -1,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    state: Literal["ready", "leased", "told"] | None = None,
    kind: Annotated[str | None, Query(max_length=16, pattern="^[a-z]+$")] = None,
    failed: bool | None = None,
) -> Json:
    """Give runs in order, and the number after which the next page begins."""
    return service.list_runs(job, after=after, limit=limit, state=state, kind=kind, failed=failed)


@router.get("/jobs/{job}/runs/{number}", tags=["runs"], responses=_missing)
def get_run(job: Id, number: Id, service: Tenant) -> Json:
    """Give one run."""
    return service.get_run(job, number)


@router.get("/jobs/{job}/certainty", tags=["knowledge"], responses=_missing)
def certainty(job: Id, service: Tenant) -> Json:
    """Give how certain each output is, who leads, and whether the job has stopped."""
    return service.certainty(job)


@router.get("/jobs/{job}/history", tags=["knowledge"], responses=_missing)
def history(job: Id, service: Tenant) -> list[Json]:
    """Give how certainty and the models' competition went."""
    return service.history(job)


@router.get("/jobs/{job}/explanation", tags=["knowledge"], responses=_missing)
def explanation(job: Id, service: Tenant) -> Json:
    """Give where it fails: rules, slices, pairs, sensitivity, and what is not known."""
    return service.explanation(job)
