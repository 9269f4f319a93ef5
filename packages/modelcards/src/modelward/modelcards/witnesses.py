"""The evidence a card names, looked up once: records beside the card, runs in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelward.core.errors import EvidenceError, MissingPackageError, ServiceError
from modelward.core.evidence import Evidence
from modelward.modelcards.claims import ClaimStatus
from modelward.modelcards.runs import read_run


@dataclass(frozen=True, slots=True)
class Problem:
    """Why evidence does not carry a claim, and what the claim is for it."""

    status: ClaimStatus
    detail: str


@dataclass(slots=True)
class Witnesses:
    """Looks up records below `folder`, and never outside it, and runs in MLflow."""

    folder: Path
    tracking_uri: str | None = None
    _records: dict[str, Evidence | Problem] = field(default_factory=dict)
    _runs: dict[str, Mapping[str, float] | Problem] = field(default_factory=dict)

    def record(self, name: str, digest: object) -> Evidence | Problem:
        """Give the record of that name, if it is still the one with that digest."""
        if name not in self._records:
            self._records[name] = self._load(name)
        record = self._records[name]
        if isinstance(record, Problem) or record.digest == digest:
            return record
        if not digest:
            return Problem("unbacked", f"no digest is cited; the record's is {record.digest}")
        return Problem(
            "stale", f"the card cites {digest}, the record was made anew: {record.digest}"
        )

    def path(self, name: str) -> Path:
        """Give where a record lies."""
        return self.folder / name

    def run(self, run_id: str) -> Mapping[str, float] | Problem:
        """Give the metrics of a run."""
        if run_id not in self._runs:
            try:
                self._runs[run_id] = read_run(run_id, self.tracking_uri).metrics
            except (ServiceError, MissingPackageError) as error:
                self._runs[run_id] = Problem("unreachable", error.fact)
        return self._runs[run_id]

    def _load(self, name: str) -> Evidence | Problem:
        root = self.folder.resolve()
        try:
            path = (root / name).resolve()
            found = path.is_file()
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # too long, a NUL in it, a loop of links
            return Problem("unreachable", f"no file can be called {name[:60]!r}: {error}"[:160])
        if not path.is_relative_to(root):
            return Problem("unreachable", f"{name} lies outside the card's folder")
        if not found:
            return Problem("unreachable", f"there is no file {name}")
        try:
            return Evidence.load(path)
        except EvidenceError as error:
            return Problem("mismatch", f"{name} is broken: {error.fact}")
