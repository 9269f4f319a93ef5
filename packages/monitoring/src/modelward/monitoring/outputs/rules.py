"""Recording and alerting rules of a fleet, made from its catalogue.

No rule names a model: what is told of models comes from labels, so that no name can break a rule and
a new model needs no new rule. Decisions are read as they were made; no rule decides about drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelward.monitoring.outputs.families import PREFIX as P
from modelward.monitoring.outputs.rules_limits import (
    NORMAL,
    Limits,
    Tier,
    checked_tiers,
    seconds,
)

RETRAIN = "retrain"
INCIDENT, SILENCED = "ModelwardIncident", "ModelwardIncidentSilenced"
RETRAINING = "ModelwardRetrain"
RECORDED = {
    "fleet:modelward_monitoring_models:sum": f"sum by (state) (max by (group, state) ({P}models))",
    "group:modelward_monitoring_models:sum": f"sum by (group) (max by (group, state) ({P}models))",
    "group:modelward_monitoring_alarmed:ratio": (
        f'max by (group) ({P}models{{state="alarmed"}}) / group:modelward_monitoring_models:sum'
    ),
    "fleet:modelward_monitoring_alarmed:ratio": (
        'sum(fleet:modelward_monitoring_models:sum{state="alarmed"})'
        " / sum(fleet:modelward_monitoring_models:sum)"
    ),
    "fleet:modelward_monitoring_expected_loss:sum": (
        f"sum(max by (group) ({P}group_expected_loss))"
    ),
    "model:modelward_monitoring_feature_change_ratio:max": (
        f"max by (model) ({P}feature_change_ratio)"
    ),
    "model:modelward_monitoring_info:max": f"max by (model, owner, group) ({P}model_info)",
    "model:modelward_monitoring_expected_loss:max": (
        f"max by (model) ({P}model_expected_loss)"
        " * on (model) group_left (owner, group) model:modelward_monitoring_info:max"
    ),
    "model:modelward_monitoring_silence_seconds:min": (
        f"time() - max by (model) ({P}model_window_end_timestamp_seconds)"
    ),
    "workflow:modelward_monitoring_failed:ratio": (
        f'sum by (workflow) (max by (workflow, state) ({P}workflow_runs{{state=~"failed|lost"}}))'
        f" / (sum by (workflow) (max by (workflow, state) ({P}workflow_runs)) > 0)"
    ),
}
"""What rules and dashboards both ask for: one number whatever the number of exporters."""


def rules(
    limits: Limits | None = None, tiers: Sequence[Tier] = (NORMAL,)
) -> dict[str, dict[str, Any]]:
    """Give the rule files by their names, without an ending.

    >>> list(rules())
    ['recorded', 'incidents', 'models', 'operations', 'monitor']
    """
    limits, tiers = limits or Limits(), checked_tiers(tiers)
    groups = {
        "recorded": [{"record": name, "expr": text} for name, text in RECORDED.items()],
        "incidents": [*_incidents(tiers)],
        "models": [*_models(limits, tiers)],
        "operations": [*_operations(limits)],
        "monitor": [*_monitor(limits)],
    }
    return {
        name: {"groups": [{"name": f"modelward-monitoring-{name}", "rules": those}]}
        for name, those in groups.items()
    }


def _incidents(tiers: Sequence[Tier]) -> Iterator[dict[str, Any]]:
    """One alert an incident, however many models it has; silences keep it from being sent."""
    words = {
        "summary": _of_incident("title", "An incident is open"),
        "columns": _of_incident("columns", ""),
        "worst": _of_incident("worst", ""),
        "rule": _of_incident("rule", ""),
        "suggestion": _of_incident("suggestion", ""),
        "models": "{{ $value }}",
    }
    for tier, where in _where(tiers, "incident", f"{P}incident_criticality"):
        yield _alert(
            INCIDENT,
            f"max by (incident) ({P}incident_models) > 0{where}",
            words,
            hold=tier.hold,
            severity=tier.severity,
            tier=tier.name,
        )
    silenced = f"max by (incident) ({P}incident_silenced) == 1"
    words = {"summary": "The incident is silenced"}
    yield _alert(SILENCED, silenced, words, hold="0s", severity="none", action="none")
    hidden = f"(max by (model, incident) ({P}model_incident) and on (incident) ({silenced}))"
    yield _alert(
        RETRAINING,
        f"max by (model) ({P}model_retrain) == 1 unless on (model) {hidden}",
        {"summary": "{{ $labels.model }} got worse by more than chance, on sound data"},
        hold="0s",
        severity="warning",
        action=RETRAIN,
    )


def _models(limits: Limits, tiers: Sequence[Tier]) -> Iterator[dict[str, Any]]:
    info = (
        f" * on (model) group_left (owner, group) {RECORDED['model:modelward_monitoring_info:max']}"
    )
    silence = RECORDED[
        "model:modelward_monitoring_silence_seconds:min"
    ]  # now, not when it was recorded
    for tier, where in _where(tiers, "model", f"{P}model_criticality"):
        most = f"{tier.silent:g} * max by (model) ({P}model_silent_after_seconds)"
        yield _alert(
            "ModelwardModelSilent",
            f"({silence} > {most}{where}){info}",
            {
                "summary": "{{ $labels.model }} has had no judged window for {{ $value | humanizeDuration }}"
            },
            hold=limits.hold,
            severity=tier.severity,
            tier=tier.name,
        )
        unknown = f'max by (model) ({P}model_state{{state="cannot say"}}) == 1'
        yield _alert(
            "ModelwardModelUnjudged",
            f"({unknown}{where}){info}",
            {"summary": "Nothing can be said of some features of {{ $labels.model }}"},
            hold=tier.unjudged,
            severity=tier.severity,
            tier=tier.name,
        )
    yield _alert(
        "ModelwardModelNeverSeen",
        f'(max by (model) ({P}model_state{{state="new"}}) == 1){info}',
        {"summary": "{{ $labels.model }} is in the catalogue, and no window was ever judged"},
        hold=limits.never,
    )


def _operations(limits: Limits) -> Iterator[dict[str, Any]]:
    last, every = (
        f"max by (workflow) ({P}workflow_{name})"
        for name in ("last_success_timestamp_seconds", "interval_seconds")
    )
    yield _alert(
        "ModelwardWorkflowFailed",
        f"max by (workflow) ({P}workflow_failed) == 1",
        {"summary": "The last run of {{ $labels.workflow }} failed"},
        hold="0s",
    )
    yield _alert(
        "ModelwardWorkflowOverdue",
        f"time() - {last} > {limits.patience:g} * {every}",
        {"summary": "{{ $labels.workflow }} has not succeeded for {{ $value | humanizeDuration }}"},
        hold=limits.hold,
    )
    yield _alert(
        "ModelwardQueueLong",
        f"max by (workflow) ({P}workflow_queue_seconds) > {seconds(limits.queue)}",
        {"summary": "Runs of {{ $labels.workflow }} wait {{ $value | humanizeDuration }}"},
        hold=limits.hold,
    )
    for what, most in (("disk", limits.disk), ("memory", limits.memory)):
        used, size = (f"max by (host) ({P}resource_{what}_{n}_bytes)" for n in ("used", "size"))
        yield _alert(
            f"Modelward{what.capitalize()}Full",
            f"{used} / {size} > {most:g}",
            {"summary": f"{{{{ $value | humanizePercentage }}}} of the {what} of {_HOST} are used"},
            hold=limits.hold,
        )
    yield _alert(
        "ModelwardHostSilent",
        f"time() - max by (host) ({P}resource_timestamp_seconds) > {seconds(limits.host)}",
        {"summary": f"{_HOST} was last seen {{{{ $value | humanizeDuration }}}} ago"},
        hold=limits.hold,
    )


_HOST = "{{ $labels.host }}"


def _monitor(limits: Limits) -> Iterator[dict[str, Any]]:
    """Watch the monitoring itself: what it does not say must not look like good news."""
    critical = {"hold": limits.hold, "severity": "critical"}
    last = f"max({P}last_assessment_timestamp_seconds)"
    yield _alert(
        "ModelwardExporterGone",
        f"absent({P}store_up)",
        {"summary": "No figures of the fleet come: no exporter answers"},
        **critical,
    )
    yield _alert(
        "ModelwardStoreDown",
        f"max({P}store_up) == 0",
        {"summary": "The fleet's database does not answer; the figures are old"},
        **critical,
    )
    yield _alert(
        "ModelwardAssessmentLate",
        f"time() - {last} > {seconds(limits.assessed)}",
        {"summary": "The fleet was last judged {{ $value | humanizeDuration }} ago"},
        **critical,
    )
    yield _alert(
        "ModelwardNeverAssessed",
        f"sum(max by (group, state) ({P}models)) > 0 unless on () {last}",
        {"summary": "{{ $value }} models are in the catalogue, and were never judged"},
        hold=limits.never,
    )
    yield _alert(
        "ModelwardFiguresOld",
        f"time() - max({P}read_timestamp_seconds) > {2 * seconds('5m')}",
        {"summary": "The exporter last read the fleet {{ $value | humanizeDuration }} ago"},
        hold=limits.hold,
    )
    yield _alert(
        "ModelwardSeriesLeftOut",
        f"max by (what) ({P}left_out) > 0",
        {"summary": "{{ $value }} {{ $labels.what }} are not exported: raise the limit on series"},
        hold=limits.hold,
        severity="info",
    )


def _where(tiers: Sequence[Tier], by: str, criticality: str) -> Iterator[tuple[Tier, str]]:
    """Give each tier with the condition that something is of it, by its label."""
    value = f"max by ({by}) ({criticality})"
    for tier, after in zip(tiers, (*tiers[1:], None), strict=True):
        low = f" and on ({by}) {value} >= {tier.above!r}"
        yield tier, low + ("" if after is None else f" and on ({by}) {value} < {after.above!r}")


def _of_incident(label: str, otherwise: str) -> str:
    """Ask for a word about the incident: words change while it lasts, and labels must not."""
    asked = f'printf "max by ({label}) ({P}incident_info{{incident=%q}})" $labels.incident'
    return f'{{{{ with query ({asked}) }}}}{{{{ . | first | label "{label}" }}}}{{{{ else }}}}{otherwise}{{{{ end }}}}'


def _alert(
    name: str,
    expression: str,
    words: dict[str, str],
    *,
    hold: str,
    severity: str = "warning",
    action: str = "look",
    tier: str = "",
) -> dict[str, Any]:
    labels = {"severity": severity, "action": action, "service": "modelward-monitoring"}
    return {
        "alert": name,
        "expr": expression,
        "for": hold,
        "labels": labels | ({"tier": tier} if tier else {}),
        "annotations": words,
    }
