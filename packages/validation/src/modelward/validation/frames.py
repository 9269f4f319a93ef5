"""Runs as pandas tables, out and in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelward.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from modelward.validation.study import Study


def to_frame(study: Study) -> pd.DataFrame:
    """Give all runs of a study; what is not known of pending ones is missing."""
    import pandas as pd

    outputs = [output.name for output in study.outputs]
    rows = [
        {
            **run.values,
            **(run.results or dict.fromkeys(outputs)),
            "kind": run.kind,
            "failed": run.failed(study.outputs) if run.told else None,
            "crash": run.crash,
        }
        for run in study.runs
    ]
    columns = [*study.domain.names, *outputs, "kind", "failed", "crash"]
    frame = pd.DataFrame(rows, columns=columns).rename_axis("run")
    return frame.astype({**dict.fromkeys(outputs, "float64"), "failed": "boolean"})


def tell_frame(study: Study, frame: pd.DataFrame) -> None:
    """Tell field data, a row a point. Raises `DataError` naming missing columns."""
    outputs = [output.name for output in study.outputs]
    missing = [c for c in [*study.domain.names, *outputs] if c not in frame.columns]
    if missing:
        raise DataError(
            f"expected columns of all features and outputs, missing {missing}",
            hint=f"the frame has {list(frame.columns)}.",
        )
    names = list(study.domain.names)
    points = [dict(zip(names, row, strict=True)) for row in frame[names].to_numpy().tolist()]
    results = [dict(zip(outputs, row, strict=True)) for row in frame[outputs].to_numpy().tolist()]
    study.tell(points, results)
