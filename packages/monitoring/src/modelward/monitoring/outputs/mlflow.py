"""MLflow: references as artifacts of training runs, results as tags and metrics of versions.

MLflow is imported only inside the functions, because that takes more than a second.
"""

from __future__ import annotations

import http.client
import logging
import os
import socket
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelward.core.errors import DataError, ModelwardError, ServiceError
from modelward.core.optional import require
from modelward.monitoring.fleet.records import ModelStatus
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PREFIX = "modelward."
FOLDER, FILE = "modelward", "reference.sketch.json"
DIGEST, ROWS = f"{PREFIX}reference.digest", f"{PREFIX}reference.rows"
LONGEST_TAG = 5_000
"""Characters of a tag's value: what every MLflow server of the last years takes."""
_SECONDS = "5"
_DOWN = {502, 503, 504}
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def log_reference(run_id: str, sketch: Sketch, *, tracking_uri: str) -> str:
    """Log a reference sketch as an artifact of the training run, and give its digest.

    `Fleet.sync_mlflow` finds it there, by the run's tag `modelward.reference.digest`. Logging again
    replaces it. Raises `ServiceError` when MLflow does not answer, `DataError` for an unknown run.
    """
    with asked(tracking_uri) as client, tempfile.TemporaryDirectory() as folder:
        with _known(run_id):
            client.get_run(run_id)
        path = sketch.save(Path(folder) / FILE)
        client.log_artifact(run_id, str(path), artifact_path=FOLDER)
        client.set_tag(run_id, ROWS, str(sketch.rows))
        client.set_tag(run_id, DIGEST, sketch.digest)  # last: where it is, the file is whole
    return sketch.digest


def load_reference(run_id: str, *, tracking_uri: str) -> Sketch:
    """Load the reference sketch of a training run.

    Raises `DataError` where the run has none, or where it is not the one whose digest was noted;
    `ServiceError` when MLflow does not answer.
    """
    with asked(tracking_uri) as client:
        with _known(run_id):
            tags = client.get_run(run_id).data.tags
        if DIGEST not in tags:
            raise DataError(
                f"expected a reference sketch with the run {run_id}, got none",
                hint="log_reference(run_id, sketch) keeps one.",
            )
        return fetch_reference(client, run_id, tags[DIGEST])


def fetch_reference(client: MlflowClient, run_id: str, digest: str) -> Sketch:
    """Fetch the sketch with a known digest. Raises `DataError` where another is there."""
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run_id, f"{FOLDER}/{FILE}", folder)
        sketch = Sketch.load(path)
    if sketch.digest != digest:
        raise DataError(
            f"expected the reference of run {run_id} with the digest {digest}, got {sketch.digest}",
            hint="the file was changed after it was logged: log the reference again.",
        )
    return sketch


def log_statuses(statuses: Iterable[ModelStatus], *, tracking_uri: str) -> int:
    """Write what is known of models to MLflow, and give how many versions were told.

    Of each model with a registered version: tags of the version (`modelward.state`, `.window`,
    `.drifted`, `.expected_loss`, `.incident`, …), and where it has a training run, metrics of the
    run, at the end of the window, so that they draw a line over time. The same again changes
    nothing. Raises `ServiceError` when MLflow does not answer; what was told stays.
    """
    count = 0
    with asked(tracking_uri) as client:
        for status in statuses:
            model = status.model
            if model.registered is None or model.version is None or status.window is None:
                continue
            for name, value in version_tags(status).items():
                client.set_model_version_tag(model.registered, model.version, name, value)
            if model.run_id is not None:
                _log_metrics(client, model.run_id, status)
            count += 1
    return count


def version_tags(status: ModelStatus) -> dict[str, str]:
    """Give the tags of a version, each short enough for MLflow.

    >>> from modelward.monitoring.fleet.records import Model
    >>> version_tags(ModelStatus(Model("fraud"), "alarmed", drifted=("age",)))["modelward.drifted"]
    'age'
    """
    loss = status.expected_loss
    tags = {
        "state": status.state,
        "window": "" if status.window is None else str(status.window),
        "drifted": ", ".join(status.drifted),
        "cannot_say": ", ".join(status.cannot_say),
        "failures": "; ".join(status.failures),
        "expected_loss": "" if loss is None else f"{loss:.6g}",
        "incident": status.incident or "",
    }
    return {f"{PREFIX}{name}": _short(value) for name, value in tags.items()}


def run_metrics(status: ModelStatus) -> Mapping[str, float]:
    """Give the metrics of a training run: what of a status is a number."""
    found: dict[str, float | None] = {
        "features_drifted": float(len(status.drifted)),
        "features_unjudged": float(len(status.cannot_say)),
        "largest_change": status.largest_change,
        "rows": float(status.rows),
        "expected_loss": status.expected_loss,
    }
    performance = status.performance
    if performance is not None:
        for name, value in (
            ("realised", performance.realised),
            ("estimated", performance.estimated),
        ):
            found[f"{name}_performance"] = None if value is None else value.value
    return {f"{PREFIX}{name}": value for name, value in found.items() if value is not None}


def _log_metrics(client: MlflowClient, run_id: str, status: ModelStatus) -> None:
    from mlflow.entities import Metric

    if status.window is None:
        return
    at = int(status.window.end.timestamp() * 1000)
    step = at // 60_000  # minutes: later windows lie further right
    metrics = [Metric(name, value, at, step) for name, value in run_metrics(status).items()]
    client.log_batch(run_id, metrics=metrics)


def _short(value: str) -> str:
    return (
        value if len(value) <= LONGEST_TAG else value[: LONGEST_TAG - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )


@contextmanager
def _known(run_id: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise DataError(f"expected a run of MLflow, got {run_id!r}") from error
        raise


@contextmanager
def asked(tracking_uri: str, *, registry_uri: str | None = None) -> Iterator[Any]:
    """Give a client; what is told on the way of MLflow not answering becomes a `ServiceError`.

    MLflow itself tries for minutes, by settings that hold for the whole process: during the block
    they are seconds, unless they were set before. Its notices and warnings are kept quiet.
    """
    require("mlflow", feature="the MLflow bridge", install="'./packages/monitoring[mlflow]'")
    from mlflow.tracking import MlflowClient

    with _quiet():
        reach(tracking_uri)
        try:
            yield MlflowClient(tracking_uri, registry_uri=registry_uri)
        except ModelwardError:
            raise
        except Exception as error:
            if not _is_away(error):
                raise
            raise ServiceError(
                f"expected an answer of MLflow at {_public(tracking_uri)}, got: {str(error)[:300]}",
                hint="see that it runs; the next call goes on from there.",
            ) from error


def reach(uri: str, *, timeout: float = float(_SECONDS)) -> None:
    """See that somebody is there. Raises `ServiceError` where nobody is."""
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    try:
        if scheme in {"http", "https"}:
            _greet(uri.rstrip("/") + "/health", timeout)
        elif parts.hostname and (port := parts.port or _PORTS.get(scheme)):
            socket.create_connection((parts.hostname, port), timeout).close()
    except (OSError, http.client.HTTPException) as error:
        raise ServiceError(
            f"expected MLflow at {_public(uri)} to answer within {timeout:g} seconds, got: {error}",
            hint="see that it runs; the next call goes on from there.",
        ) from error


def _greet(url: str, timeout: float) -> None:
    try:
        urllib.request.urlopen(url, timeout=timeout).close()  # noqa: S310 - http(s), see the caller
    except urllib.error.HTTPError as error:  # an answer, even if it wants to know who asks
        error.close()
        if error.code in _DOWN:
            raise ConnectionError(f"status {error.code}") from error


def _is_away(error: BaseException) -> bool:
    from requests.exceptions import RequestException
    from sqlalchemy.exc import DBAPIError

    if getattr(error, "error_code", None) in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}:
        return True
    return isinstance(error, RequestException | DBAPIError | OSError)


@contextmanager
def _quiet() -> Iterator[None]:
    names = ("mlflow", "alembic", "mlflow.store.db.utils")
    levels = {name: logging.getLogger(name).level for name in names}
    settings = {
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"),
        "MLFLOW_HTTP_REQUEST_TIMEOUT": os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "30"),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _public(uri: str) -> str:
    """Give a URI without its password."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}").geturl()
