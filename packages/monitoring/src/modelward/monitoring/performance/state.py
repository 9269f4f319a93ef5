"""A fitted estimator on disk: settings as JSON and plain arrays in one file, no pickle."""

from __future__ import annotations

import json
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError

VERSION = 1
_SETTINGS = "settings"
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)
Arrays = dict[str, npt.NDArray[Any]]


def write_state(path: str | Path, settings: Mapping[str, Any], arrays: Arrays) -> Path:
    """Write settings and arrays of numbers as a compressed `.npz`, whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        text = np.array(json.dumps({"version": VERSION, **settings}, default=_plain))
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **{_SETTINGS: text}, **arrays)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _plain(value: Any) -> Any:
    """Turn a number of numpy into one of Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise DataError(f"expected settings of text and numbers, got {value!r}")


def read_state(path: str | Path) -> tuple[dict[str, Any], Arrays]:
    """Read what `write_state` wrote. Raises `DataError` for a file that is something else."""
    try:
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        settings = json.loads(str(arrays.pop(_SETTINGS)))
        version = settings.pop("version")
    except FileNotFoundError:
        raise
    except _UNREADABLE as error:
        raise DataError(
            f"expected the state of an estimator in {str(path)!r}, got {type(error).__name__}: {error}",
            hint="it is written by the estimator's save().",
        ) from error
    if version != VERSION:
        raise DataError(f"expected state version {VERSION} in {str(path)!r}, got {version!r}")
    return settings, arrays
