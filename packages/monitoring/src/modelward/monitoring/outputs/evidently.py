"""Evidently: the full report on one chosen model, where a person asks for it.

Evidently is imported only in here and only when a report is made, because that takes seconds; its
usage statistics are turned off before.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.evidence import Artifact, Evidence, Metric, Subject
from modelward.core.optional import require
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.outputs.evidently_columns import Roles, definition, usable
from modelward.monitoring.outputs.report_files import ReportFile, ReportFiles
from modelward.monitoring.outputs.samples import Samples

if TYPE_CHECKING:
    import pandas as pd

    from modelward.monitoring.fleet.fleet import Fleet


@dataclass(frozen=True, slots=True)
class FullReport:
    """A report of Evidently that was kept: the page, the figures, and what it is of.

    `left_out` names columns that it is not about, with the reason. `artifact` is where MLflow has
    it, None where it was not logged.
    """

    model: str
    window: str
    made: datetime
    html: Path
    json: Path
    drifted: float | None
    left_out: Mapping[str, str]
    artifact: str | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """Everything Evidently computed, as it gave it."""
        found: dict[str, Any] = json.loads(self.json.read_text("utf-8"))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        return {
            "model": self.model,
            "window": self.window,
            "made": self.made.isoformat(),
            "html": str(self.html),
            "json": str(self.json),
            "drifted": self.drifted,
            "left_out": dict(self.left_out),
            "artifact": self.artifact,
        }

    def to_evidence(self) -> Evidence:
        """Give the evidence record, kind `monitoring.report`; both files are its artifacts.

        Save it in the folder of the report: the paths are relative to that.
        """
        kinds = ((self.html, "text/html"), (self.json, "application/json"))
        return Evidence.create(
            kind="monitoring.report",
            subject=Subject(name=self.model),
            tool="modelward-monitoring",
            config={"window": self.window, "report": "evidently"},
            metrics=[]
            if self.drifted is None
            else [Metric.of("columns_drifted_by_evidently", self.drifted, unit="share")],
            findings=[f"{name} is left out: {why}" for name, why in self.left_out.items()],
            artifacts=[
                Artifact.of(path, root=self.html.parent, media_type=kind) for path, kind in kinds
            ],
        )


class Reports:
    """Full reports of Evidently, kept in a folder that the dashboard shows (`serve --reports`).

    A report needs rows, and the fleet keeps none: give them, or `keep` a sample of a window (and of
    the reference) beforehand, in the same folder, readable by its owner alone. With a `fleet` the
    model's task and training run are known; with a `tracking_uri` the report is logged to that run.

    >>> import tempfile
    >>> reports = Reports(tempfile.mkdtemp())
    >>> reports.of("fraud")
    ()
    """

    def __init__(
        self, folder: str | Path, *, fleet: Fleet | None = None, tracking_uri: str | None = None
    ) -> None:
        self.files = ReportFiles(folder)
        self.samples = Samples(folder)
        self.fleet = fleet
        self.tracking_uri = tracking_uri

    def keep(
        self,
        model: str,
        window: Window | None,
        rows: pd.DataFrame,
        *,
        n: int = 5_000,
        seed: int = 0,
    ) -> int:
        """Keep a random sample of at most `n` rows of a window (None: of the reference).

        Gives how many were kept. Raises `DataError` for a frame without rows or with doubled names,
        and for n < 1; `MissingPackageError` without pyarrow.
        """
        return self.samples.keep(model, window, rows, n=n, seed=seed)

    def report(
        self,
        model: str,
        window: Window,
        *,
        current: pd.DataFrame | None = None,
        reference: pd.DataFrame | None = None,
        target: str | None = None,
        prediction: str | None = None,
        probability: str | Mapping[Any, str] | None = None,
        positive: Any = 1,
        run_id: str | None = None,
    ) -> FullReport:
        """Make the full report of a model's window: drift, a summary of the data, performance.

        `current` and `reference` are the rows, or those that `keep` kept. `target` and `prediction`
        name columns (of labels, or of numbers for a regression); `probability` that of the positive
        class, or for several classes one of each. Without them the report is about the data alone.
        A column that cannot be used (nothing in it, on either side) is left out, and named. An
        earlier report of the same window is replaced. `run_id` is the MLflow run to log to where
        the fleet does not say.

        Raises `DataError` for rows that are not there or cannot be used, `MissingPackageError`
        without Evidently, `ServiceError` when MLflow does not answer (the report is kept then).
        """
        entry = self._entry(model)
        now = self.samples.rows(model, window) if current is None else _pandas(current)
        before = self.samples.rows(model, None) if reference is None else _pandas(reference)
        roles = Roles(
            task=entry.task,
            target=target,
            prediction=prediction,
            probability=probability,
            positive=positive,
        )
        now, before, left_out = usable(now, before, roles)
        page, figures = _made(now, before, roles)
        made = datetime.now(UTC)
        kept = self.files.keep(
            model, str(window), made.isoformat(timespec="seconds"), page, figures
        )
        run = run_id or entry.run_id
        artifact = None
        if self.tracking_uri is not None and run is not None:
            artifact = _log(self.tracking_uri, run, kept)
        return FullReport(
            model=model,
            window=str(window),
            made=made,
            html=kept.html,
            json=kept.json,
            drifted=_share_drifted(figures),
            left_out=left_out,
            artifact=artifact,
        )

    def of(self, model: str) -> tuple[ReportFile, ...]:
        """Give the kept reports of a model, the newest first."""
        return tuple(self.files.of(model))

    def _entry(self, model: str) -> Model:
        return Model(model) if self.fleet is None else self.fleet.model(model)


def _made(current: pd.DataFrame, reference: pd.DataFrame, roles: Roles) -> tuple[str, str]:
    """Run Evidently; give its page and its figures."""
    with _quietly():
        install = "'./packages/monitoring[evidently]'"
        require("evidently", feature="a full report", install=install)
        from evidently import Dataset, Report
        from evidently.presets import (
            ClassificationPreset,
            DataDriftPreset,
            DataSummaryPreset,
            RegressionPreset,
        )

        presets: list[Any] = [DataSummaryPreset(), DataDriftPreset()]
        if roles.performance:
            numbers = roles.task == "regression"
            presets.append(RegressionPreset() if numbers else ClassificationPreset())
        said = definition(current, reference, roles)
        sides = [Dataset.from_pandas(side, data_definition=said) for side in (current, reference)]
        try:
            snapshot = Report(presets).run(*sides)
            return snapshot.get_html_str(as_iframe=False), snapshot.json()
        except Exception as error:
            raise DataError(
                f"expected rows that Evidently can report on, got: {type(error).__name__}: "
                f"{str(error)[:300]}",
                hint="see that target, prediction and probability name the right columns.",
            ) from error


def _pandas(table: Any) -> pd.DataFrame:
    """Give a table of Arrow or Polars as the frame that Evidently takes."""
    found: pd.DataFrame = table.to_pandas() if hasattr(table, "to_pandas") else table
    return found


def _share_drifted(figures: str) -> float | None:
    """Give the share of columns that Evidently calls drifted."""
    for metric in json.loads(figures).get("metrics", ()):
        value = metric.get("value")
        if "DriftedColumnsCount" in str(metric.get("metric_name")) and isinstance(value, dict):
            return float(value["share"])
    return None


def _log(tracking_uri: str, run_id: str, kept: ReportFile) -> str:
    """Log both files with a run, and give the folder they have there."""
    from modelward.monitoring.outputs.mlflow import FOLDER, asked

    there = f"{FOLDER}/evidently/{kept.id}"
    with asked(tracking_uri) as client:
        for path in (kept.html, kept.json):
            client.log_artifact(run_id, str(path), artifact_path=there)
        client.set_tag(run_id, f"modelward.evidently.{kept.id}", f"{kept.window}, made {kept.made}")
    return there


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Evidently from sending statistics, and its libraries' warnings to itself."""
    before = os.environ.get("DO_NOT_TRACK")
    os.environ["DO_NOT_TRACK"] = "1"
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            os.environ.pop("DO_NOT_TRACK")
        else:
            os.environ["DO_NOT_TRACK"] = before
