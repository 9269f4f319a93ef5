"""Rule `naming`: a number is called what its source calls it."""

from __future__ import annotations

from collections.abc import Iterator

from modelward.modelcards.agreement import holds
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import Finding


def naming(document: Document) -> Iterator[Finding]:
    """Find numbers whose name does not hold the name of the metric they come from.

    Verifying compares numbers; a verified number under another name can still mislead.
    """
    analysis = document.content.get("quantitative_analysis")
    metrics = analysis.get("performance_metrics") if isinstance(analysis, dict) else None
    for i, metric in enumerate(metrics if isinstance(metrics, list) else []):
        source = metric.get("source") if isinstance(metric, dict) else None
        if not isinstance(source, dict) or metric.get("type") is None:
            continue
        if not holds(metric["type"], source.get("metric")):
            yield Finding.at(
                document,
                ("quantitative_analysis", "performance_metrics", i, "type"),
                rule="naming",
                severity="warning",
                message=f"is called {metric['type']!r}; its source calls it {source.get('metric')!r}",
            )
