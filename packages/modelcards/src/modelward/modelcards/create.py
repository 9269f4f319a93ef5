"""Filling a card with what tools know; what only a person knows is left as TODO."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from modelward.core.evidence import Evidence
from modelward.modelcards.runs import ModelVersion, Run, read_model, read_run
from modelward.modelcards.signature import signature_of

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard

_EXACT = 1e16  # from here on, floats are written with an exponent
_EVIDENCE = "modelward.evidence."
Card = TypeVar("Card", bound="ModelCard")


def content_of_run(run: str, tracking_uri: str | None) -> dict[str, Any]:
    """Ask MLflow for a run, and write what it knows as a card's content.

    `run` is a run's id, or a registered model as `models:/name@alias` or `models:/name/version`.
    Raises `ServiceError` when it cannot be had, `DataError` for another form of model URI.
    """
    model = read_model(run, tracking_uri) if run.startswith("models:/") else None
    found = read_run(model.run_id if model else run, tracking_uri)
    formats = signature_of(found, tracking_uri, model.source if model else "")
    parameters = {"parameters": dict(sorted(found.params.items()))}
    return {
        "schema_version": "modelward/1",
        "model_details": _details(found, model),
        "model_parameters": (parameters if found.params else {}) | formats,
        "quantitative_analysis": {"performance_metrics": _metrics(found)},
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
        details["references"] = [{"reference": f"git:{commit}"}]
    return details


def _metrics(run: Run) -> list[dict[str, Any]]:
    # Numbers that evidence records logged to the run come in with their records (`attach`).
    kinds = [tag.removeprefix(_EVIDENCE) for tag in run.tags if tag.startswith(_EVIDENCE)]
    logged = tuple(f"{kind}/" for kind in kinds)
    return [
        {"type": name, "value": printed(value), "source": {"run": run.id, "metric": name}}
        for name, value in sorted(run.metrics.items())
        if not name.startswith(logged)
    ]


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


def printed(value: float) -> float | int | str:
    """Round a number to what a card shows: four digits, and never coarser than a whole number.

    What is not finite is written as text.

    >>> printed(0.069325), printed(8.0), printed(1510.25), printed(float("nan"))
    (0.06933, 8, 1510, 'nan')
    """
    if not math.isfinite(value):
        return str(float(value))
    if abs(value) < _EXACT and (abs(value) >= 1000 or value == int(value)):
        return round(value)
    rounded = float(f"{value:.4g}")
    return rounded if math.isfinite(rounded) else value  # the largest round up to infinity


def _interval(low: float | None, high: float | None, level: float | None) -> dict[str, Any] | None:
    if low is None and high is None:
        return None
    bounds = {"lower_bound": low, "upper_bound": high}
    found: dict[str, Any] = {k: printed(v) for k, v in bounds.items() if v is not None}
    return found | ({"level": level} if level is not None else {})
