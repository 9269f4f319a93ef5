"""Checking a record against the files it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from modelward.core.evidence.seal import sha256_file

if TYPE_CHECKING:
    from modelward.core.evidence.record import Evidence

Status = Literal["verified", "mismatch", "unreachable", "unbacked"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: `status` is verified, mismatch, unreachable or unbacked.

    *mismatch*: the content differs from its digest. *unreachable*: the file is not there, or the
    URI is not a file. *unbacked*: the record gives no digest to check against.
    """

    item: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """The checks of one record. True when the seal holds and no file is missing or changed.

    An input without a file or digest is *unbacked*: listed, and no failure of the record.
    """

    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        return all(c.status in {"verified", "unbacked"} for c in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(c for c in self.checks if c.status in {"mismatch", "unreachable"})


def verify(
    record: Evidence, *, root: str | Path = ".", within: str | Path | None = None
) -> Verification:
    """Do what `Evidence.verify` says."""
    return Verification(
        tuple(_checks(record, Path(root), None if within is None else Path(within)))
    )


def _checks(record: Evidence, root: Path, within: Path | None) -> Iterator[Check]:
    if record.sealed:
        yield Check("record", "verified")
    else:
        yield Check("record", "mismatch", f"digest is {record.digest}, content gives another")
    for artifact in record.artifacts:
        yield _file(f"artifact {artifact.name}", root / artifact.path, artifact.sha256, within)
    for given in record.inputs:
        item = f"input {given.name}"
        if given.sha256 is None or given.uri is None:
            yield Check(item, "unbacked", "no file and digest to check")
            continue
        path = local_path(given.uri, root)
        if path is None:
            yield Check(item, "unreachable", f"{given.uri} is not a file")
        else:
            yield _file(item, path, given.sha256, within)


def local_path(uri: str, root: Path) -> Path | None:
    """Give the file a URI or relative path names, or None when it names none."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    # A one-letter scheme is a Windows drive.
    return root / uri if len(parts.scheme) <= 1 else None


def _file(item: str, path: Path, expected: str, within: Path | None) -> Check:
    try:
        real = path.resolve()
        if within is not None and not real.is_relative_to(within.resolve()):
            return Check(item, "unreachable", f"{path.name} lies outside the folder it may lie in")
        if not real.is_file():  # a device or a pipe would be read for ever
            return Check(item, "unreachable", f"{path.name}: there is no such file")
        found = sha256_file(real)
    except (OSError, ValueError) as error:
        return Check(item, "unreachable", f"{path.name}: {getattr(error, 'strerror', error)}")
    if found == expected:
        return Check(item, "verified")
    return Check(item, "mismatch", f"{path.name} is not the file of sha256 {expected}")
