"""Keeping a record with the MLflow run it belongs to."""

from __future__ import annotations

import re

from modelward.core.evidence.record import Evidence
from modelward.core.optional import require


def log_to_mlflow(record: Evidence, run_id: str, *, tracking_uri: str | None = None) -> str:
    """Do what `Evidence.log_to_mlflow` says."""
    require("mlflow", feature="logging evidence to MLflow", install="'./packages/core[mlflow]'")
    from mlflow.entities import Metric, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri)
    at = int(record.created.timestamp() * 1000)
    metrics = [
        Metric(_safe("/".join(filter(None, (record.kind, m.name, m.slice)))), m.value, at, 0)
        for m in record.metrics
    ]
    tag = RunTag(f"modelward.evidence.{record.kind}", record.digest)
    for start in range(0, max(len(metrics), 1), 1000):  # MLflow takes at most 1000 in a batch
        client.log_batch(run_id, metrics=metrics[start : start + 1000], tags=[tag])
    path = f"evidence/{record.kind}-{record.id}.json"
    client.log_text(run_id, record.to_json(), path)
    return path


def _safe(name: str) -> str:
    """Replace what MLflow does not allow in the name of a metric."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]
