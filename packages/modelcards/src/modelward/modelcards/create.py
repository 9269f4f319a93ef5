"""Filling a card with what tools know; what only a person knows is left as TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from modelward.core.errors import ServiceError
from modelward.core.evidence import Evidence
from modelward.core.optional import require

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard

_EVIDENCE = "modelward.evidence."
Card = TypeVar("Card", bound="ModelCard")


def content_of_run(run_id: str, tracking_uri: str | None) -> dict[str, Any]:
    """Ask MLflow for a run, and write what it knows as a card's content.

    Raises `ServiceError` when the run cannot be had.
    """
    run = mlflow_run(run_id, tracking_uri)
    tags, commit = run.data.tags, run.data.tags.get("mlflow.source.git.commit")
    # Numbers that evidence records logged to the run come in with their records (`attach`).
    logged = tuple(f"{k.removeprefix(_EVIDENCE)}/" for k in tags if k.startswith(_EVIDENCE))
    details: dict[str, Any] = {
        "name": tags.get("mlflow.runName", run_id),
        "description": "TODO: what the model does, in two sentences.",
        "version": {"date": _day(run.info.end_time or run.info.start_time)},
        "owners": [{"name": "TODO"}],
        "run": {"type": "mlflow", "id": run_id},
    }
    if commit:
        details["references"] = [{"reference": f"git:{commit}"}]
    return {
        "schema_version": "modelward/1",
        "model_details": details,
        "model_parameters": {"parameters": dict(sorted(run.data.params.items()))},
        "quantitative_analysis": {
            "performance_metrics": [
                {
                    "type": name,
                    "value": printed(value),
                    "source": {"run": run_id, "metric": name},
                }
                for name, value in sorted(run.data.metrics.items())
                if not name.startswith(logged)
            ]
        },
    }


def mlflow_run(run_id: str, tracking_uri: str | None) -> Any:
    """Give an MLflow run. Raises `ServiceError` when it cannot be had."""
    require("mlflow", feature="reading an MLflow run", install="'./packages/modelcards[mlflow]'")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        return MlflowClient(tracking_uri=tracking_uri).get_run(run_id)
    except (MlflowException, OSError) as error:
        raise ServiceError(
            f"expected the MLflow run {run_id}, got: {error}",
            hint="set the tracking URI by --mlflow or MLFLOW_TRACKING_URI.",
        ) from error


def attach(card: Card, evidence: Evidence, record: str) -> Card:
    """Do what `ModelCard.attach` says."""
    from modelward.modelcards.card import EvidenceReference, PerformanceMetric

    claims = [
        PerformanceMetric.model_validate(
            {
                "type": f"{evidence.kind.split('.')[0]} {metric.name}".replace("_", " "),
                "value": printed(metric.value),
                "slice": metric.slice,
                "unit": metric.unit,
                "confidence_interval": _interval(metric.low, metric.high, metric.level),
                "source": {
                    "record": record,
                    "digest": evidence.digest,
                    "metric": metric.name,
                    "slice": metric.slice,
                },
            }
        )
        for metric in evidence.metrics
    ]
    reference = EvidenceReference(
        record=record, digest=evidence.digest, kind=evidence.kind, findings=list(evidence.findings)
    )
    analysis = card.quantitative_analysis
    kept = [m for m in analysis.performance_metrics if not (m.source and m.source.record == record)]
    others = [e for e in card.evidence if e.record != record]
    return card.model_copy(
        update={
            "quantitative_analysis": analysis.model_copy(
                update={"performance_metrics": [*kept, *claims]}
            ),
            "evidence": [*others, reference],
        }
    )


def printed(value: float) -> float | int:
    """Round a number to what a card shows: four digits, and never coarser than a whole number.

    >>> printed(0.069325), printed(8.0), printed(1510.25)
    (0.06933, 8, 1510)
    """
    if abs(value) >= 1000 or value == int(value):
        return round(value)
    return float(f"{value:.4g}")


def _interval(low: float | None, high: float | None, level: float | None) -> dict[str, Any] | None:
    if low is None and high is None:
        return None
    bounds = {"lower_bound": low, "upper_bound": high}
    found: dict[str, Any] = {k: printed(v) for k, v in bounds.items() if v is not None}
    return found | ({"level": level} if level is not None else {})


def _day(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"
