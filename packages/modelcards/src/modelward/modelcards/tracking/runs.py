"""What MLflow knows of a run: asked over HTTP within limits, or of a local store by MLflow itself."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from modelward.core.errors import DataError, ModelwardError, ServiceError
from modelward.core.optional import require

TIMEOUT_S = 10.0
MAX_BYTES = 16 << 20
HINT = "set the tracking URI by --mlflow or MLFLOW_TRACKING_URI."
_ROLE = "mlflow.data.context"
_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+))")


@dataclass(frozen=True, slots=True)
class RunData:
    """A data set a run was given: its name, MLflow's digest of it, and what it was for."""

    name: str
    digest: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run: the last value of each metric, its parameters and tags, and when it ended (ms).

    `models` are the ids of the models it has logged, `datasets` what it was given.
    """

    id: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    ended: int
    models: tuple[str, ...] = ()
    datasets: tuple[RunData, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version in the model registry: its run, and where the files of the model lie."""

    name: str
    version: str
    run_id: str
    source: str


def read_run(run_id: str, tracking_uri: str | None = None) -> Run:
    """Give an MLflow run. Raises `ServiceError` when it cannot be had.

    An HTTP server is asked once, with ten seconds to answer, 16 MiB at most and no redirect
    followed: a server that is down is told at once, and no answer can lead to another host.
    """
    if (server := _server(tracking_uri)) is None:
        found = _local(tracking_uri, lambda client: client.get_run(run_id), f"run {run_id}")
        data, ended = found.data, int(found.info.end_time or found.info.start_time or 0)
        outputs = found.outputs.model_outputs if found.outputs else ()
        models = tuple(output.model_id for output in outputs)
        given = found.inputs.dataset_inputs if found.inputs else ()
        datasets = tuple(
            RunData(
                d.dataset.name,
                d.dataset.digest,
                next((t.value for t in d.tags if t.key == _ROLE), ""),
            )
            for d in given
        )
        return Run(run_id, data.metrics, data.params, data.tags, ended, models, datasets)
    answer = _ask(server, "runs/get", {"run_id": run_id}, f"run {run_id}")
    try:
        info, data = answer["run"]["info"], answer["run"].get("data", {})
        metrics = {str(m["key"]): float(m["value"]) for m in data.get("metrics", [])}
        params, tags = (
            {str(p["key"]): str(p.get("value", "")) for p in data.get(kind, [])}
            for kind in ("params", "tags")
        )
        outputs = answer["run"].get("outputs", {}).get("model_outputs", [])
        models = tuple(str(output["model_id"]) for output in outputs)
        given = answer["run"].get("inputs", {}).get("dataset_inputs", [])
        datasets = tuple(
            RunData(
                str(d["dataset"]["name"]),
                str(d["dataset"]["digest"]),
                next((str(t["value"]) for t in d.get("tags", []) if t["key"] == _ROLE), ""),
            )
            for d in given
        )
        ended = int(info.get("end_time") or info.get("start_time") or 0)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unexpected(server, f"run {run_id}", answer) from error
    return Run(run_id, metrics, params, tags, ended, models, datasets)


def read_model(uri: str, tracking_uri: str | None = None) -> ModelVersion:
    """Give the version that `models:/name@alias` or `models:/name/version` names.

    Raises `DataError` for another form of URI, `ServiceError` when the version cannot be had.
    """
    match = _MODEL.fullmatch(uri)
    if match is None:
        raise DataError(
            f"expected a model as models:/name@alias or models:/name/version, got {uri!r}"
        )
    name, alias, version = match["name"], match["alias"], match["version"]
    if (server := _server(tracking_uri)) is None:
        found = _local(
            tracking_uri,
            lambda client: (
                client.get_model_version_by_alias(name, alias)
                if alias
                else client.get_model_version(name, version)
            ),
            f"model {uri}",
        )
        return ModelVersion(name, str(found.version), str(found.run_id), str(found.source))
    path = "registered-models/alias" if alias else "model-versions/get"
    query = {"name": name} | ({"alias": alias} if alias else {"version": version})
    answer = _ask(server, path, query, f"model {uri}")
    try:
        entry = answer["model_version"]
        return ModelVersion(
            name, str(entry["version"]), str(entry["run_id"]), str(entry.get("source", ""))
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _unexpected(server, f"model {uri}", answer) from error


def local_client(tracking_uri: str | None) -> Any:
    """Make MLflow's client. Raises `ServiceError` for a store that is not there.

    MLflow would make an empty store where none is, which reading must not do.
    """
    require("mlflow", feature="reading an MLflow run", install="'./packages/modelcards[mlflow]'")
    import mlflow
    from mlflow.tracking import MlflowClient

    uri = tracking_uri or mlflow.get_tracking_uri()
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    if uri.startswith("sqlite:///") and not Path(path).is_file():
        raise ServiceError(f"expected an MLflow store in {path}, got no such file", hint=HINT)
    return MlflowClient(tracking_uri=uri)


def _local(tracking_uri: str | None, ask: Any, wanted: str) -> Any:
    try:
        return ask(local_client(tracking_uri))
    except ModelwardError:
        raise
    except Exception as error:  # a store raises whatever its driver raises
        reason = " ".join(str(error).split())[:300]
        raise ServiceError(f"expected the MLflow {wanted}, got: {reason}", hint=HINT) from error


def _server(tracking_uri: str | None) -> str | None:
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri and (mlflow := sys.modules.get("mlflow")):
        uri = mlflow.get_tracking_uri()  # the notebook has set it
    return uri.rstrip("/") if urlsplit(uri).scheme in {"http", "https"} else None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: the answer then counts as an error."""


def _ask(server: str, path: str, query: Mapping[str, str], wanted: str) -> Any:
    parts = urlsplit(server)
    host, place = parts.hostname, parts.netloc.rpartition("@")[2]  # without user and password
    address = f"{parts.scheme}://{place}{parts.path}/api/2.0/mlflow/{path}?{urlencode(query)}"
    request = Request(address, headers=_credentials(parts))  # noqa: S310 - http(s) by _server
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as response:
            body = _read(response)
    except HTTPError as error:
        reason = f"{error.code} {error.reason}"
    except (OSError, HTTPException, ValueError) as error:
        reason = str(error) or type(error).__name__
    else:
        if len(body) > MAX_BYTES:
            reason = f"an answer of more than {MAX_BYTES} bytes"
        else:
            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                reason = f"no JSON: {body[:60]!r}"
    raise ServiceError(f"expected the MLflow {wanted} from {host}, got: {reason}", hint=HINT)


def _read(response: Any) -> bytes:
    """Read until the end, the limit or the deadline: a server may also dribble."""
    body, deadline = b"", time.monotonic() + TIMEOUT_S
    while len(body) <= MAX_BYTES and (block := response.read1(1 << 16)):
        body += block
        if time.monotonic() > deadline:
            raise TimeoutError(f"the answer took longer than {TIMEOUT_S:g} s")
    return body


def _credentials(server: SplitResult) -> dict[str, str]:
    """Give the header MLflow's own client would send: from the environment, or the address."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or unquote(server.username or "")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or unquote(server.password or "")
    if not user:
        return {}
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _unexpected(server: str, wanted: str, answer: Any) -> ServiceError:
    host = urlsplit(server).hostname
    return ServiceError(
        f"expected the MLflow {wanted} from {host}, got: {str(answer)[:80]}", hint=HINT
    )
