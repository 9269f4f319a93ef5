"""The evidence a card names, looked up once: records and files beside the card, runs in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modelward.core.errors import EvidenceError, MissingPackageError, ServiceError
from modelward.core.evidence import Evidence, sha256_file
from modelward.modelcards.tracking.runs import Run, read_run
from modelward.modelcards.verification.claims import ClaimStatus

MAX_FAILURES = 3
"""After so many runs in a row that could not be had, the server is not asked again."""
MAX_FILE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Why evidence does not carry a claim, and what the claim is for it."""

    status: ClaimStatus
    detail: str


@dataclass(slots=True)
class Witnesses:
    """Looks up records and files below `folder`, and never outside it, and runs in MLflow."""

    folder: Path
    tracking_uri: str | None = None
    _records: dict[str, Evidence | Problem] = field(default_factory=dict)
    _runs: dict[str, Run | Problem] = field(default_factory=dict)
    _digests: dict[str, str | Problem] = field(default_factory=dict)
    _failures: int = 0

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

    def records(self) -> Iterator[Evidence]:
        """Give the records that were looked up and could be had."""
        yield from (record for record in self._records.values() if isinstance(record, Evidence))

    def run(self, run_id: str) -> Run | Problem:
        """Give a run."""
        if run_id not in self._runs:
            self._runs[run_id] = self._ask(run_id)
        return self._runs[run_id]

    def digest(self, name: str) -> str | Problem:
        """Give the SHA-256 of a file's bytes."""
        if name not in self._digests:
            path = self.path(name)
            try:
                self._digests[name] = path if isinstance(path, Problem) else sha256_file(path)
            except OSError as error:
                self._digests[name] = Problem("unreachable", f"{name}: {error.strerror}")
        return self._digests[name]

    def path(self, name: str) -> Path | Problem:
        """Give where a file lies: below the card's folder, an ordinary file, or not at all."""
        root = self.folder.resolve()
        try:
            path = (root / name).resolve()
            found = path.is_file()
        except (OSError, ValueError, RuntimeError) as error:
            # Too long, a NUL in it, a loop of links.
            return Problem("unreachable", f"no file can be called {name[:60]!r}: {error}"[:160])
        if not path.is_relative_to(root):
            return Problem("unreachable", f"{name} lies outside the card's folder")
        return path if found else Problem("unreachable", f"there is no file {name}")

    def _ask(self, run_id: str) -> Run | Problem:
        if self._failures >= MAX_FAILURES:
            return Problem(
                "unreachable", f"not asked: {MAX_FAILURES} runs in a row could not be had"
            )
        try:
            run = read_run(run_id, self.tracking_uri)
        except (ServiceError, MissingPackageError) as error:
            self._failures += 1
            return Problem("unreachable", error.fact)
        self._failures = 0
        return run

    def _load(self, name: str) -> Evidence | Problem:
        path = self.path(name)
        if isinstance(path, Problem):
            return path
        try:
            return Evidence.load(path)
        except EvidenceError as error:
            return Problem("mismatch", f"{name} is broken: {error.fact}")
