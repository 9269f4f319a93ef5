"""Where a measurement was made: Python, packages, commit, device."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from shutil import which
from typing import Self

from pydantic import BaseModel, ConfigDict

from modelward.core.optional import installed_version

PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "torch", "torchvision", "mlflow", "river")
"""Packages whose versions can change a measured number, recorded where they are installed."""


class Environment(BaseModel):
    """Python, package versions, git commit and device of a measurement.

    `git_commit` is of the working folder's repository, with `-dirty` when files were changed;
    None outside a repository. `device` is the compute device, e.g. `cpu` or `cuda:0`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: str
    packages: dict[str, str] = {}
    git_commit: str | None = None
    device: str = "cpu"

    @classmethod
    def current(cls, *, device: str = "cpu", packages: Sequence[str] = PACKAGES) -> Self:
        """Describe the environment of this process.

        >>> Environment.current(packages=["numpy"]).packages.keys() >= {"numpy"}
        True
        """
        found = {name: installed_version(name) for name in packages} | _own_distributions()
        return cls(
            python=platform.python_version(),
            packages={name: version for name, version in sorted(found.items()) if version},
            git_commit=git_commit(),
            device=device,
        )


@cache
def _own_distributions() -> dict[str, str | None]:
    names = {d.name for d in distributions() if d.name and d.name.startswith("modelward-")}
    return {name: installed_version(name) for name in names}


def git_commit(folder: str | Path = ".") -> str | None:
    """Give the commit checked out in a folder, `-dirty` added when tracked files differ from it.

    None where there is no repository, no commit yet, or no git.
    """
    git = which("git")
    if git is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command on a path the caller chose
            [
                git,
                "-C",
                str(folder),
                "describe",
                "--always",
                "--abbrev=40",
                "--dirty",
                "--exclude=*",
            ],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
