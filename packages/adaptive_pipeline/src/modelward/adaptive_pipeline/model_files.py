"""The files of a model: how they are written, what tells them apart, how their answers look."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.core.evidence import sha256_file


def save_sklearn(model: Any, path: Path, requirements: Sequence[str]) -> None:
    """Write a scikit-learn model in the skops format, which holds no code that runs on loading.

    Raises `DataError` for anything else, and for a model that holds types that are not its own.
    """
    from sklearn.base import BaseEstimator

    if not isinstance(model, BaseEstimator):
        raise DataError(
            f"expected a scikit-learn estimator, got {type(model).__name__}",
            hint="pass Registry(save=...) with a function that writes an MLflow model.",
        )
    import mlflow.sklearn
    import skops.io  # type: ignore[import-untyped]

    # skops lists the types it does not know to be safe. Those of scikit-learn itself come from
    # the live object at hand, and the digest vouches for the file from here on.
    unknown = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    strange = [name for name in unknown if not name.startswith("sklearn.")]
    if strange:
        raise DataError(
            f"expected a model of scikit-learn's own types, got one that holds {strange}",
            hint="pass Registry(save=...) if you trust them.",
        )
    mlflow.sklearn.save_model(
        model,
        str(path),
        serialization_format="skops",
        skops_trusted_types=unknown,
        pip_requirements=list(requirements),
    )


def digest(folder: Path) -> str:
    """Digest the names and bytes of all files below a folder."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(f"{path.relative_to(folder).as_posix()}\0{sha256_file(path)}\n".encode())
    return whole.hexdigest()


def column(answers: Any) -> Any:
    """Give the answers of a model that answers with a table of one column as a sequence."""
    if getattr(answers, "ndim", 1) == 2 and answers.shape[1] == 1 and hasattr(answers, "iloc"):
        return answers.iloc[:, 0]
    return answers
