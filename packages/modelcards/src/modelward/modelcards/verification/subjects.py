"""Whether the model, the data and the code a card is about are still those it was written for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from modelward.modelcards.codecs.document import Place
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.claimant import Claimant
from modelward.modelcards.verification.claims import Claim
from modelward.modelcards.verification.witnesses import Problem, Witnesses

_FILES: tuple[tuple[Place, str], ...] = (
    (("model_details", "files"), "model file"),
    (("model_parameters", "data"), "data"),
)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class SubjectCheck:
    """Checks digests of model and data files, and the commit of the code."""

    claimant: Claimant
    witnesses: Witnesses
    run: str | None

    def claims(self) -> Iterator[Claim]:
        """Check them all."""
        content = self.claimant.document.content
        for place, title in _FILES:
            for at, entry in layout.entries(content, place):
                yield from self.file(at, title, entry)
        code = layout.mapping(content, "model_details", "code")
        if code.get("commit") is not None:  # 0000000 reads as the number 0
            yield self.code(("model_details", "code", "commit"), code)

    def file(self, place: Place, title: str, entry: dict[str, Any]) -> Iterator[Claim]:
        """Check one file: only a digest is a claim."""
        name = str(entry.get("name") or entry.get("path") or entry.get("uri") or "")
        title = f"{title} {name}".rstrip()
        if entry.get("mlflow_digest"):
            yield self.dataset((*place, "mlflow_digest"), title, entry)
        cited = entry.get("sha256")
        if not cited:
            if entry.get("path"):
                detail = f"no sha256 is given for {entry['path']}"
                yield self.claimant.claim(place, title, "unbacked", detail)
            return
        at, wanted = (*place, "sha256"), str(cited).removeprefix("sha256:").lower()
        if not entry.get("path"):
            yield self.by_record(at, title, wanted)
            return
        found = self.witnesses.digest(str(entry["path"]))
        if isinstance(found, Problem):
            yield self.claimant.claim(at, title, found.status, found.detail)
        elif found == wanted:
            yield self.claimant.claim(
                at, title, "verified", f"{entry['path']} is the file of that sha256"
            )
        else:
            detail = f"{entry['path']} has changed: its sha256 is {found}"
            yield self.claimant.claim(at, title, "stale", detail)

    def by_record(self, place: Place, title: str, wanted: str) -> Claim:
        """Check a digest without a file: a record the card cites may have measured with it."""
        for record in self.witnesses.records():
            known = [record.subject.sha256, *(given.sha256 for given in record.inputs)]
            if wanted in known:
                return self.claimant.claim(place, title, "verified", f"named by {record.kind}")
        return self.claimant.claim(
            place, title, "unbacked", "no path is given, and no record names it"
        )

    def dataset(self, place: Place, title: str, entry: dict[str, Any]) -> Claim:
        """Check the digest MLflow has for a data set of the training run."""
        run = self.witnesses.run(self.run) if self.run else Problem("unbacked", "no run is named")
        if isinstance(run, Problem):
            return self.claimant.claim(place, title, run.status, run.detail)
        said, name = str(entry["mlflow_digest"]), str(entry.get("name"))
        digests = [data.digest for data in run.datasets if data.name == name]
        if said in digests:
            return self.claimant.claim(place, title, "verified", f"the run has {name} with it")
        if not digests:
            return self.claimant.claim(
                place, title, "unbacked", f"the run has no data called {name}"
            )
        return self.claimant.claim(place, title, "stale", f"the run has it as {', '.join(digests)}")

    def code(self, place: Place, code: dict[str, Any]) -> Claim:
        """Check the commit: by the training run, by the repository, by the paths that matter."""
        said = str(self.claimant.document.said(place[:-1], code, "commit"))
        if not _COMMIT.fullmatch(said):
            return self.claimant.claim(place, "code", "unbacked", "that is no git commit")
        run = self.witnesses.run(self.run) if self.run else None
        measured = (
            ""
            if run is None or isinstance(run, Problem)
            else run.tags.get("mlflow.source.git.commit", "")
        )
        if measured and not measured.startswith(said):
            return self.claimant.claim(
                place, "code", "mismatch", f"the run was made by commit {measured}"
            )
        paths = [str(path) for path in code.get("paths") or [] if isinstance(path, str)]
        if measured and not paths:
            return self.claimant.claim(place, "code", "verified", "the run was made by this commit")
        status, detail = _in_repository(self.witnesses.folder, said, paths)
        return self.claimant.claim(place, "code", status, detail)


def _in_repository(folder: Path, commit: str, paths: list[str]) -> Any:
    """Tell how a commit stands in the repository around a folder, by git."""
    known = _git(folder, "cat-file", "-e", f"{commit}^{{commit}}")
    if known is None:
        return "unreachable", "git is not installed, or does not answer"
    if known:
        return "unreachable", "the commit is not in the repository the card lies in"
    if not paths:
        return "verified", "the repository the card lies in has it"
    changed = _git(
        folder,
        "diff",
        "--quiet",
        "--no-ext-diff",
        "--no-textconv",
        commit,
        "--",
        *(f":(top,literal){p}" for p in paths),
    )
    if changed is None or changed > 1:
        return "unreachable", "git cannot compare the paths"
    if changed:
        return "stale", f"changed since that commit: {', '.join(paths)}"
    return "verified", f"unchanged since that commit: {', '.join(paths)}"


def _git(folder: Path, *arguments: str) -> int | None:
    git = which("git")
    if git is None:
        return None
    command = [git, "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    try:
        answer = subprocess.run(  # noqa: S603 - a commit of hexadecimal digits, and literal paths
            command, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.returncode
