"""The signature of a logged model: the columns or tensors that go in and come out."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from modelward.core.errors import MissingPackageError, ServiceError
from modelward.modelcards.tracking.runs import Run, local_client

logger = logging.getLogger(__name__)
_HISTORY = "mlflow.log-model.history"
Formats = dict[str, list[dict[str, str]]]


def signature_of(run: Run, tracking_uri: str | None, source: str = "") -> Formats:
    """Give `input_format_map` and `output_format_map` of the model a run has logged.

    `source` is where a registered version's files lie. A run without a model, or a model without a
    signature, gives nothing; files that cannot be had give nothing and a warning in the log.
    """
    places = [source] if source else _logged(run)
    try:
        for place in places:
            found = _read(place, tracking_uri)
            if found:
                return found
    except (ServiceError, MissingPackageError, OSError, ValueError, yaml.YAMLError) as error:
        logger.warning("no signature for run %s: %s", run.id, error)
    return {}


def _logged(run: Run) -> Sequence[str]:
    """Name the models of a run: those of MLflow 3, then those MLflow 2 wrote into a tag."""
    history = json.loads(run.tags.get(_HISTORY, "[]"))
    paths = [str(entry["artifact_path"]) for entry in history if "artifact_path" in entry]
    return [*(f"models:/{m}" for m in run.models), *(f"runs:/{run.id}/{path}" for path in paths)]


def _read(place: str, tracking_uri: str | None) -> Formats:
    client = local_client(tracking_uri)
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    try:
        if place.startswith("models:/m-"):
            place = client.get_logged_model(place.removeprefix("models:/")).artifact_location
        elif place.startswith("runs:/"):
            run_id, _, path = place.removeprefix("runs:/").partition("/")
            place = f"{client.get_run(run_id).info.artifact_uri}/{path}"
        _check_host(place, client.tracking_uri)
        with tempfile.TemporaryDirectory() as folder, _without_bar():
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{place}/MLmodel",
                dst_path=folder,
                tracking_uri=client.tracking_uri,
            )
            content = yaml.safe_load(Path(path).read_text("utf-8"))
    except MlflowException as error:
        raise ServiceError(f"expected the file MLmodel in {place}, got: {error}") from error
    signature = (content or {}).get("signature") or {}
    return {
        f"{side}_format_map": _formats(json.loads(signature[key]))
        for side, key in (("input", "inputs"), ("output", "outputs"))
        if signature.get(key)
    }


@contextmanager
def _without_bar() -> Iterator[None]:
    """Keep MLflow from drawing a bar for one small file; by a setting, there is no other way."""
    name = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _check_host(place: str, tracking_uri: str) -> None:
    """Raise `ServiceError` for an address that leads to another host than MLflow's own.

    Where files lie is what the server says; it must not make us ask others on its behalf.
    """
    parts = urlsplit(place)
    asks = parts.scheme in {"http", "https", "ftp", "sftp"}
    if asks and parts.hostname != urlsplit(tracking_uri).hostname:
        raise ServiceError(
            f"expected files on MLflow's own host, got {parts.scheme}://{parts.hostname}"
        )


def _formats(columns: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [
        {"key": str(column.get("name", f"#{number}")), "value": _kind(column)}
        for number, column in enumerate(columns)
    ]


def _kind(column: dict[str, Any]) -> str:
    if tensor := column.get("tensor-spec"):
        shape = ", ".join("any" if side == -1 else str(side) for side in tensor["shape"])
        return f"{tensor['dtype']} ({shape})"
    optional = "" if column.get("required", True) else ", may be absent"
    return f"{column['type']}{optional}"
