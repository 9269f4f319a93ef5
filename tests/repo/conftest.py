"""The distributions of all packages, built as they would be released."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Source archive and wheel of each package; the wheel is built from what the archive holds."""
    folder = tmp_path_factory.mktemp("distributions")
    built = {}
    for package in sorted((ROOT / "packages").iterdir()):
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / package.name,
             "-q", package],
            check=True,
            capture_output=True,
        )  # fmt: skip
        (archive,) = (folder / package.name).glob("*.tar.gz")
        (wheel,) = (folder / package.name).glob("*.whl")
        built[package.name] = (archive, wheel)
    return built
