"""Runs and results as tables."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError
from modelward.validation.client.run import Run, number

if TYPE_CHECKING:
    import pandas as pd

    from modelward.validation.client.objects import Job

_PAGE = 1_000


def runs_frame(job: Job, runs: Sequence[Run]) -> pd.DataFrame:
    """Give runs as a table of features, by number."""
    import pandas as pd

    names = [each["name"] for each in job.space["features"]]
    index = pd.Index([run.number for run in runs], name="run", dtype="int64")
    return pd.DataFrame([run.get_test_features() for run in runs], columns=names, index=index)


def send_frame(job: Job, frame: pd.DataFrame) -> None:
    """Tell results of runs, or field data, from a table."""
    if frame.index.name == "run":
        frame = frame.reset_index()
    numbered = "run" in frame.columns
    features = [each["name"] for each in job.space["features"]]
    needed = job.output_names if numbered else [*features, *job.output_names]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise DataError(
            f"expected the columns {needed}, got none of {missing}",
            hint="results of runs also need the index or a column 'run', as get_runs_frame gives it.",
        )
    rows = [_outcome(job, dict(row), place) for place, row in enumerate(_records(frame))]
    if not rows:
        return
    if numbered:
        outcomes = [
            {"number": int(n), **({"lease": job.leases[n]} if n in job.leases else {}), **row}
            for n, row in zip(frame["run"].tolist(), rows, strict=True)
        ]
        for start in range(0, len(outcomes), _PAGE):
            job.connection.tell_runs(job.id, outcomes[start : start + _PAGE])
        return
    points = frame[features].to_dict("records")
    field = [{"point": p, **row} for p, row in zip(points, rows, strict=True)]
    request = uuid.uuid4().hex[:20]
    for start in range(0, len(field), _PAGE):
        chunk = field[start : start + _PAGE]
        job.connection.add_field_data(job.id, chunk, request=f"{request}-{start}")


def results_frame(job: Job) -> pd.DataFrame:
    """Give all told runs as a table."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    after: int | None = -1
    while after is not None:
        page = job.connection.list_runs(job.id, after=after, limit=_PAGE, state="told")
        rows += page["runs"]
        after = page["next"]
    features = [each["name"] for each in job.space["features"]]
    more = ["kind", "failed", "late", "crash"]
    return pd.DataFrame(
        [{**r["point"], **(r["results"] or {}), **{name: r[name] for name in more}} for r in rows],
        columns=[*features, *job.output_names, *more],
        index=pd.Index([r["number"] for r in rows], name="run", dtype="int64"),
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _outcome(job: Job, row: dict[str, Any], place: int) -> dict[str, Any]:
    crash = row.get("crash")
    if isinstance(crash, str) and crash:
        return {"crash": crash}
    try:
        return {"results": {name: number(name, row[name]) for name in job.output_names}}
    except DataError as error:
        raise DataError(f"row {place}: {error.fact}", hint=error.hint) from error
