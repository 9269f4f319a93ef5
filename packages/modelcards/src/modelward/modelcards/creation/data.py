"""What can be known of data: rows, columns, and a digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.core.evidence import sha256_file


def describe_data(data: Mapping[str, Any], root: str | Path = ".") -> list[dict[str, Any]]:
    """Describe data by role: a file by its path and SHA-256, an array or table by its content.

    Raises `DataError` for a file that is not there, and for what is neither.
    """
    return [_describe(str(role), value, Path(root)) for role, value in data.items()]


def _describe(role: str, value: Any, root: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": role, "role": role, "description": "TODO: what is in it."}
    if isinstance(value, str | os.PathLike):
        path = Path(value)
        try:
            digest = sha256_file(path)
        except OSError as error:
            raise DataError(f"expected a readable file of {role} data, got: {error}") from error
        relative = os.path.relpath(path.resolve(), root.resolve())
        return entry | {"name": path.name, "path": Path(relative).as_posix(), "sha256": digest}
    if not hasattr(value, "shape"):
        raise DataError(
            f"expected a path, an array or a DataFrame as {role} data, got {type(value).__name__}"
        )
    entry["rows"] = int(value.shape[0])
    if hasattr(value, "columns"):
        entry["columns"] = [str(column) for column in value.columns]
    return entry | {"fingerprint": fingerprint(value)}


def fingerprint(value: Any) -> str:
    """Give the SHA-256 of an array's or table's columns, types and values, as they lie in memory.

    The same values in the same types give the same fingerprint on every machine of one byte order.
    """
    import numpy as np

    hasher = hashlib.sha256()
    if hasattr(value, "columns"):
        columns = [(str(name), value[name].to_numpy()) for name in value.columns]
    else:
        columns = [("", np.asarray(value))]
    for name, values in columns:
        hasher.update(f"{name}\0{values.dtype}\0{values.shape}\0".encode())
        if values.dtype.hasobject:
            for item in values.ravel():
                hasher.update(f"{item!r}\0".encode())
        else:
            hasher.update(np.ascontiguousarray(values).tobytes())
    return "sha256:" + hasher.hexdigest()
