"""A card of an MLflow run: metrics with their source, parameters, signature, commit, data digests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelward.modelcards.creation.printing import printed
from modelward.modelcards.schema import SCHEMA_VERSION
from modelward.modelcards.tracking.runs import ModelVersion, Run, read_model, read_run
from modelward.modelcards.tracking.signature import signature_of

_EVIDENCE = "modelward.evidence."


def content_of_run(run: str, tracking_uri: str | None) -> dict[str, Any]:
    """Ask MLflow for a run, and write what it knows as a card's content.

    `run` is a run's id, or a registered model as `models:/name@alias` or `models:/name/version`.
    Raises `ServiceError` when it cannot be had, `DataError` for another form of model URI.
    """
    model = read_model(run, tracking_uri) if run.startswith("models:/") else None
    found = read_run(model.run_id if model else run, tracking_uri)
    formats = signature_of(found, tracking_uri, model.source if model else "")
    parameters = {"parameters": dict(sorted(found.params.items()))}
    metrics = _metrics(found)
    listed = {"run": found.id, "kind": "mlflow.run", "metrics": [m["type"] for m in metrics]}
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": _details(found, model),
        "model_parameters": (parameters if found.params else {}) | formats | _data(found),
        "quantitative_analysis": {"performance_metrics": metrics},
        "evidence": [listed] if metrics else [],
    }


def _details(run: Run, model: ModelVersion | None) -> dict[str, Any]:
    date = {"date": f"{datetime.fromtimestamp(run.ended / 1000, UTC):%Y-%m-%d}"}
    details: dict[str, Any] = {
        "name": model.name if model else run.tags.get("mlflow.runName", run.id),
        "description": "TODO: what the model does, in two sentences.",
        "version": ({"name": model.version} if model else {}) | (date if run.ended else {}),
        "owners": [{"name": "TODO"}],
        "run": {"type": "mlflow", "id": run.id},
    }
    if commit := run.tags.get("mlflow.source.git.commit"):
        repository = run.tags.get("mlflow.source.git.repoURL")
        details["code"] = ({"repository": repository} if repository else {}) | {"commit": commit}
    return details


def _data(run: Run) -> dict[str, Any]:
    given = [
        {"name": data.name}
        | ({"role": data.role} if data.role else {})
        | {"mlflow_digest": data.digest}
        for data in run.datasets
    ]
    return {"data": given} if given else {}


def _metrics(run: Run) -> list[dict[str, Any]]:
    # Numbers that evidence records logged to the run come in with their records (`attach`).
    kinds = [tag.removeprefix(_EVIDENCE) for tag in run.tags if tag.startswith(_EVIDENCE)]
    logged = tuple(f"{kind}/" for kind in kinds)
    return [
        {"type": name, "value": printed(value), "source": {"run": run.id, "metric": name}}
        for name, value in sorted(run.metrics.items())
        if not name.startswith(logged)
    ]
