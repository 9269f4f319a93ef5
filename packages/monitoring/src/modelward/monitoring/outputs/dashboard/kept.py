"""Reports that were kept: found for a model's page, and shown shut off from everything else."""

from __future__ import annotations

from pathlib import Path

from fastapi import Response

from modelward.monitoring.outputs.dashboard.addresses import address
from modelward.monitoring.outputs.dashboard.problems import NotFoundError
from modelward.monitoring.outputs.dashboard.views.model import Kept
from modelward.monitoring.outputs.report_files import ReportFiles

SHUT_OFF = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Evidently's pages draw themselves by scripts of their own: these run without an origin, a network,
or a way to read the dashboard."""


class KeptReports:
    """The reports in a folder; none where there is no folder."""

    def __init__(self, folder: Path | None) -> None:
        self.files = None if folder is None else ReportFiles(folder)

    def of(self, model: str) -> list[Kept]:
        """Give the reports of a model, the newest first."""
        if self.files is None:
            return []
        return [
            Kept(r.window, r.made, address("/report", model=model, id=r.id))
            for r in self.files.of(model)
        ]

    def answer(self, model: str, number: str) -> Response:
        """Give the page of a report. Raises `NotFoundError` where there is none."""
        found = (
            next((r for r in self.files.of(model) if r.id == number), None) if self.files else None
        )
        if found is None:
            raise NotFoundError("expected a report that was kept, got another")
        return Response(
            found.html.read_bytes(),
            headers={"Content-Security-Policy": SHUT_OFF},
            media_type="text/html; charset=utf-8",
        )
