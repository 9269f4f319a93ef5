"""Rule `sources`: each number says where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import Finding


def sources(document: Document) -> Iterator[Finding]:
    """Find metrics without a source, in a card that names no training run either."""
    details = document.content.get("model_details")
    if isinstance(details, dict) and details.get("run"):
        return
    analysis = document.content.get("quantitative_analysis")
    metrics = analysis.get("performance_metrics") if isinstance(analysis, dict) else None
    for i, metric in enumerate(metrics if isinstance(metrics, list) else []):
        if isinstance(metric, dict) and not metric.get("source"):
            yield Finding.at(
                document,
                ("quantitative_analysis", "performance_metrics", i),
                rule="sources",
                severity="hint",
                message="names no source, so that it cannot be verified",
            )
