"""Trained weights kept on disk, by the digest of everything they were trained with."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import uuid
import zipfile
from pathlib import Path

import torch
from torch import nn

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Give the folder trained detectors are kept in.

    `MODELWARD_CACHE` where it is set; else the user's cache folder of the system (`XDG_CACHE_HOME`
    or `~/.cache`, `~/Library/Caches` on macOS, `LOCALAPPDATA` on Windows), in `modelward`. It need
    not exist yet.
    """
    if chosen := os.environ.get("MODELWARD_CACHE"):
        return Path(chosen).expanduser() / "adversarial"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "modelward" / "adversarial"


def restore(network: nn.Module, path: Path) -> bool:
    """Load weights into a network; False when the file is absent or not whole.

    Only tensors are read (`weights_only`): a file that holds anything else is refused, unrun.
    """
    if not path.exists():
        return False
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except (
        RuntimeError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        logger.warning("the cached weights %s cannot be used (%s); training anew", path, error)
        return False
    return True


def keep(network: nn.Module, path: Path) -> None:
    """Write the weights whole or not at all: two processes may train at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    torch.save(network.state_dict(), partial)
    partial.replace(path)
