"""Attaching evidence: its numbers go to the section for their kind, each naming its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from modelward.core.evidence import Evidence, Metric
from modelward.modelcards.creation.printing import printed
from modelward.modelcards.schema.analysis import (
    Assessment,
    Fairness,
    Lifecycle,
    PerformanceMetric,
    QuantitativeAnalysis,
)
from modelward.modelcards.schema.source import EvidenceReference

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard

Card = TypeVar("Card", bound="ModelCard")
SECTIONS: dict[str, tuple[str, type[Assessment]]] = {
    "adversarial": ("robustness", Assessment),
    "monitoring": ("drift", Assessment),
    "validation": ("validation", Assessment),
    "pipeline": ("lifecycle", Lifecycle),
}
"""Which section a record's numbers go to, by the first word of its kind."""


def attach(card: Card, evidence: Evidence, record: str) -> Card:
    """Do what `ModelCard.attach` says."""
    card = _without(card, record)
    claims = [_claim(evidence, metric, record) for metric in evidence.metrics]
    reference = EvidenceReference(
        record=record, digest=evidence.digest, kind=evidence.kind, findings=list(evidence.findings)
    )
    name, kind = SECTIONS.get(evidence.kind.partition(".")[0], ("", Assessment))
    update: dict[str, Any] = {"evidence": [*card.evidence, reference]}
    if name:
        section = getattr(card, name) or kind()
        update[name] = section.model_copy(update={"metrics": [*section.metrics, *claims]})
    else:
        analysis = card.quantitative_analysis
        update["quantitative_analysis"] = analysis.model_copy(
            update={"performance_metrics": [*analysis.performance_metrics, *claims]}
        )
    return card.model_copy(update=update)


def _without(card: Card, record: str) -> Card:
    """Take out what an earlier record of that path has put in, wherever that was."""

    def kept(metrics: list[PerformanceMetric]) -> list[PerformanceMetric]:
        return [m for m in metrics if not (m.source and m.source.record == record)]

    def cleared(part: Assessment | Fairness) -> Any:
        return part.model_copy(update={"metrics": kept(part.metrics)})

    analysis: QuantitativeAnalysis = card.quantitative_analysis
    update: dict[str, Any] = {
        "evidence": [e for e in card.evidence if e.record != record],
        "quantitative_analysis": analysis.model_copy(
            update={"performance_metrics": kept(analysis.performance_metrics)}
        ),
        "fairness": [cleared(group) for group in card.fairness],
    }
    for name, _ in SECTIONS.values():
        if (section := getattr(card, name)) is not None:
            update[name] = cleared(section)
    return card.model_copy(update=update)


def _claim(evidence: Evidence, metric: Metric, record: str) -> PerformanceMetric:
    return PerformanceMetric.model_validate(
        {
            "type": f"{evidence.kind.split('.')[0]} {metric.name}".replace("_", " "),
            "value": printed(metric.value),
            "slice": metric.slice,
            "unit": metric.unit,
            "confidence_interval": _interval(metric),
            "higher_is_better": metric.higher_is_better,
            "limit": None if metric.limit is None else metric.limit,
            "passed": metric.passed,
            "source": {
                "record": record,
                "digest": evidence.digest,
                "metric": metric.name,
                "slice": metric.slice,
            },
        }
    )


def _interval(metric: Metric) -> dict[str, Any] | None:
    bounds = {"lower_bound": metric.low, "upper_bound": metric.high}
    found: dict[str, Any] = {k: printed(v) for k, v in bounds.items() if v is not None}
    if found and metric.level is not None:
        found["level"] = metric.level
    return found or None
