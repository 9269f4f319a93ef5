"""Where full reports and samples lie: a folder a model, named by digests, so that any name will do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from modelward.core.files import write_whole

ABOUT, HTML, JSON = "about.json", "report.html", "report.json"
_DIGEST = 16


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that was kept: of which window, when it was made (ISO 8601), and where it lies."""

    id: str
    model: str
    window: str
    made: str
    folder: Path

    @property
    def html(self) -> Path:
        """The page."""
        return self.folder / HTML

    @property
    def json(self) -> Path:
        """The figures."""
        return self.folder / JSON


class ReportFiles:
    """The reports in one folder. A report is there once `about.json` is, which is written last."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def of(self, model: str) -> list[ReportFile]:
        """Give the reports of a model, the newest first; what is broken is passed over."""
        found = []
        for about in self.home(model).glob(f"*/{ABOUT}"):
            try:
                said = json.loads(about.read_text("utf-8"))
                found.append(
                    ReportFile(
                        id=about.parent.name,
                        model=str(said["model"]),
                        window=str(said["window"]),
                        made=str(said["made"]),
                        folder=about.parent,
                    )
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue
        mine = [report for report in found if report.model == model and report.html.is_file()]
        return sorted(mine, key=lambda report: report.made, reverse=True)

    def keep(self, model: str, window: str, made: str, html: str, figures: str) -> ReportFile:
        """Keep a report; one of the same window replaces the one before."""
        folder = self.home(model) / digest(window)
        (folder / ABOUT).unlink(missing_ok=True)
        for name, content in ((HTML, html), (JSON, figures)):
            write_whole(folder / name, content)
        about = {"model": model, "window": window, "made": made}
        write_whole(folder / ABOUT, json.dumps(about))
        return ReportFile(folder.name, model, window, made, folder)

    def home(self, model: str) -> Path:
        """Give the folder of a model."""
        return self.folder / digest(model)


def digest(text: str) -> str:
    """Give the name of a folder for a text.

    >>> digest("../../etc") == digest("../../etc"), "/" in digest("../../etc")
    (True, False)
    """
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGEST]
