"""Samples of rows, kept only where somebody asked for it."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from modelward.core.errors import DataError
from modelward.core.optional import require
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.outputs.report_files import digest
from modelward.monitoring.sources.frames import columns

if TYPE_CHECKING:
    import pandas as pd

_REFERENCE = "reference"


class Samples:
    """Samples in one folder, one of each window of a model, as Parquet that its owner alone can read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def keep(
        self, model: str, window: Window | None, rows: pd.DataFrame, *, n: int, seed: int
    ) -> int:
        """Keep a random sample of at most `n` rows, and give how many; an earlier one is replaced."""
        require("pyarrow", feature="keeping a sample", install="'./packages/monitoring[parquet]'")
        if n < 1:
            raise DataError(f"expected to keep n >= 1 rows, got {n}")
        for _ in columns(rows):  # says what is wrong with a frame before anything is written
            pass
        if len(rows) == 0:
            raise DataError("expected rows to keep a sample of, got none")
        picked = np.arange(len(rows))
        if len(rows) > n:
            picked = np.sort(np.random.default_rng(seed).choice(len(rows), n, replace=False))
        path = self._path(model, window)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{uuid.uuid4().hex[:8]}.partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                kept = rows.iloc[picked].reset_index(drop=True)
                kept.columns = [str(name) for name in kept.columns]
                kept.to_parquet(file)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return int(picked.size)

    def rows(self, model: str, window: Window | None) -> pd.DataFrame:
        """Give the sample of a window. Raises `DataError` where none was kept, or it is broken."""
        import pandas as pd

        path, what = self._path(model, window), "the reference" if window is None else str(window)
        if not path.is_file():
            raise DataError(
                f"expected rows of '{model[:80]}', {what}: none were given, and no sample was kept",
                hint="hand in `current` and `reference`, or keep samples: reports.keep(model, window, "
                "rows).",
            )
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's own errors are both
            raise DataError(
                f"expected a sample that can be read, got a broken one: {path}"
            ) from error

    def _path(self, model: str, window: Window | None) -> Path:
        name = _REFERENCE if window is None else digest(str(window))
        return self.folder / digest(model) / f"{name}.sample.parquet"
