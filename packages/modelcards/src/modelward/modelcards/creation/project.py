"""What the folder a card is made in says: commit, repository, licence, environment."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

from modelward.core.evidence import Environment, git_commit

_LICENSES = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("AGPL-3.0-only", r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3"),
    ("LGPL-3.0-only", r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3"),
    ("GPL-3.0-only", r"GNU GENERAL PUBLIC LICENSE\s+Version 3"),
    ("MPL-2.0", r"Mozilla Public License Version 2\.0"),
    ("EUPL-1.2", r"European Union Public Licence\s+v\. 1\.2"),
    ("BSD-3-Clause", r"Redistribution and use in source and binary forms[\s\S]*Neither the name"),
    ("BSD-2-Clause", r"Redistribution and use in source and binary forms"),
    ("CC0-1.0", r"CC0 1\.0 Universal"),
)  # the more particular first
_SPDX = re.compile(r"""^\s*license\s*=\s*["']([A-Za-z0-9.+-]+)["']""", re.MULTILINE)


def details_of_project(folder: str | Path = ".") -> dict[str, Any]:
    """Give `licenses` and `code` as far as a folder tells them; nothing where it does not."""
    root = Path(folder)
    found: dict[str, Any] = {}
    if identifier := license_of(root):
        found["licenses"] = [{"identifier": identifier}]
    commit = git_commit(root)
    if commit:
        repository = _remote(root)
        found["code"] = ({"repository": repository} if repository else {}) | {
            "commit": commit.removesuffix("-dirty")
        }
    return found


def license_of(folder: Path) -> str:
    """Give the SPDX identifier of a folder's licence, by `pyproject.toml` or the licence's text."""
    for name in ("pyproject.toml", "LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"):
        path = folder / name
        try:
            text = path.read_text("utf-8")[: 1 << 16]
        except (OSError, UnicodeDecodeError):
            continue
        if name == "pyproject.toml":
            if found := _SPDX.search(text):
                return found[1]
            continue
        for identifier, pattern in _LICENSES:
            if re.search(pattern, text):
                return identifier
    return ""


def environment_of(*packages: str) -> dict[str, Any]:
    """Give the `environment` section: Python, packages, machine."""
    found = Environment.current(packages=packages)
    software = {"python": found.python} | {
        name: version for name, version in found.packages.items() if name in packages
    }
    return {"software": software, "training_hardware": f"{platform.system()} {platform.machine()}"}


def _remote(folder: Path) -> str:
    git = which("git")
    if git is None:
        return ""
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command on a path the caller chose
            [git, "-C", str(folder), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    address = answer.stdout.strip() if answer.returncode == 0 else ""
    return re.sub(r"//[^/@]*@", "//", address)  # a token in the address is nobody's business
