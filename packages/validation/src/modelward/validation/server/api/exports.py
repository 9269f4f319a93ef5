"""A job as files: all its runs as CSV or JSON lines, streamed page by page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import StreamingResponse

from modelward.validation.server.api.guard import Tenant
from modelward.validation.server.api.problems import documented
from modelward.validation.server.service import Service

router = APIRouter(prefix="/api/v1", responses=documented(404), tags=["runs"])
PAGE = 1_000


@router.get(
    "/jobs/{job}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
def export(
    job: Annotated[int, Path(ge=0, lt=2**31)],
    service: Tenant,
    format: Annotated[Literal["csv", "jsonl"], Query()] = "csv",  # noqa: A002 - the query's name
    failed: bool | None = None,
) -> StreamingResponse:
    """Give the told runs of a job as a file, or those alone that failed (or passed)."""
    service.get_job(job)  # before the answer begins: it is there, and the caller's
    found = pages(service, job, failed=failed)
    kind = "text/csv" if format == "csv" else "application/x-ndjson"
    lines = as_csv(service, job, found) if format == "csv" else as_json_lines(found)
    name = f'attachment; filename="job-{job}.{format}"'
    return StreamingResponse(lines, media_type=kind, headers={"Content-Disposition": name})


def pages(
    service: Service, job: int, *, failed: bool | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Give the told runs of a job, a thousand at a time."""
    after: int | None = -1
    while after is not None:
        page = service.list_runs(job, after=after, limit=PAGE, state="told", failed=failed)
        yield page["runs"]
        after = page["next"]


def as_json_lines(runs: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """Give each run as a line of JSON."""
    for page in runs:
        yield "".join(json.dumps(run) + "\n" for run in page)


def as_csv(service: Service, job: int, runs: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """Give a header and a line for each run: number, features, outputs, kind, failed, crash."""
    space = service.get_scenario(service.get_job(job)["scenario_id"])
    features = [each["name"] for each in space["features"]]
    outputs = [each["name"] for each in space["outputs"]]
    yield _line(["run", *features, *outputs, "kind", "failed", "late", "crash"])
    for page in runs:
        yield "".join(
            _line(
                [
                    run["number"],
                    *(run["point"].get(name) for name in features),
                    *((run["results"] or {}).get(name) for name in outputs),
                    run["kind"],
                    run["failed"],
                    run["late"],
                    run["crash"],
                ]
            )
            for run in page
        )


def _line(cells: list[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_inert(cell) for cell in cells])
    return buffer.getvalue()


def _inert(cell: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell
