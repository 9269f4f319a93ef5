"""The alert rules of a loop, from which one starts a retraining."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from modelward.core.errors import ConfigError

RETRAIN = "retrain"
_DURATION = re.compile(r"(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_FAILED = '{status=~"error|5.."}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When an alert fires.

    `tolerance`: how far the champion's loss may lie above its reference, in units of the loss, and
    `labels` on how many labels that has to be seen. `missing` and `errors`: the largest share of
    requests without a label, and of those that fail; `latency`: the largest 99th percentile of the
    time to answer (seconds). `behind`: by how much joining may lag behind the clock (seconds).
    `hold`: how long each has to last, as Prometheus writes durations; `stuck`: how long the
    controller may read no label while some wait: longer than a training takes.

    Raises `ConfigError` for values out of range.
    """

    tolerance: float = 0.05
    labels: int = 30
    missing: float = 0.2
    errors: float = 0.01
    latency: float = 0.5
    behind: float = 600.0
    hold: str = "1m"
    stuck: str = "2h"

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1e9:
            raise ConfigError(f"expected tolerance >= 0 (and below 1e9), got {self.tolerance}")
        for name, value in {"latency": self.latency, "behind": self.behind}.items():
            if not 0 < value < 1e9:
                raise ConfigError(f"expected {name} above 0 (and below 1e9), got {value}")
        for name, value in {"missing": self.missing, "errors": self.errors}.items():
            if not 0 < value < 1:
                raise ConfigError(f"expected {name} as a share between 0 and 1, got {value}")
        if self.labels < 1:
            raise ConfigError(f"expected labels >= 1, got {self.labels}")
        for duration in (self.hold, self.stuck):
            seconds(duration)


def seconds(duration: str) -> float:
    """Give a duration as Prometheus writes it in seconds. Raises `ConfigError` for any other text.

    >>> seconds("1h30m"), seconds("500ms")
    (5400.0, 0.5)
    """
    if not _DURATION.fullmatch(duration):
        raise ConfigError(
            f"expected a duration as Prometheus writes it, got {duration!r}",
            hint="for example 30s, 5m or 1h30m.",
        )
    parts = re.findall(r"(\d+)(ms|[smhd])", duration)
    return float(sum(int(n) * _UNITS[unit] for n, unit in parts))


def rules(limits: Limits) -> dict[str, Any]:
    """Give the rule file: first what is worked out for rules and dashboard alike, then the alerts."""
    groups = {"modelward-recorded": _recorded(), "modelward-alerts": _alerts(limits)}
    return {"groups": [{"name": name, "rules": each} for name, each in groups.items()]}


def _recorded() -> list[dict[str, Any]]:
    """Work out one number for each model, from however many gateways tell of it."""
    missing, joined = (
        f'clamp_min(max by (model) (delta(modelward_pipeline_joins{{state="{state}"}}[1h])), 0)'
        for state in ("missing", "joined")
    )
    requests = "modelward_pipeline_requests_total"
    seconds = "modelward_pipeline_request_seconds_bucket"
    recorded = {
        "model:modelward_pipeline_loss:excess": (
            'max by (model, version) (modelward_pipeline_loss{segment=""})'
            " - max by (model, version) (modelward_pipeline_reference_loss)"
        ),
        "model:modelward_pipeline_missing:share1h": f"{missing} / ({missing} + {joined})",
        "model:modelward_pipeline_failed:share5m": (
            f"sum by (model) (rate({requests}{_FAILED}[5m]))"
            f" / sum by (model) (rate({requests}[5m]))"
        ),
        "model:modelward_pipeline_request_seconds:p99": (
            f"histogram_quantile(0.99, sum by (model, le) (rate({seconds}[5m])))"
        ),
    }
    return [{"record": name, "expr": expression} for name, expression in recorded.items()]


def _alerts(limits: Limits) -> list[dict[str, Any]]:
    seen = 'max by (model, version) (modelward_pipeline_loss_labels{segment=""})'
    backlog = 'max by (model) (modelward_pipeline_backlog{part="controller"})'
    lease = 'max by (model) (modelward_pipeline_lease_expires_seconds{part="controller"})'
    watermark = "max by (model) (modelward_pipeline_watermark_seconds)"
    hold = limits.hold
    return [
        _alert(
            "ModelLossHigh",
            f"model:modelward_pipeline_loss:excess > {limits.tolerance:g}"
            f" and on (model, version) {seen} >= {limits.labels}",
            'The loss of version {{ $labels.version }} is {{ printf "%.3g" $value }} above its reference',
            hold=hold,
            action=RETRAIN,
        ),
        _alert(
            "InputsShifted",
            "max by (model, column) (modelward_pipeline_drift_shown) == 1",
            "{{ $labels.column }} has shifted since the champion began",
            hold=hold,
        ),
        _alert(
            "LabelsMissing",
            f"model:modelward_pipeline_missing:share1h > {limits.missing:g}",
            "No label has come for {{ $value | humanizePercentage }} of the requests of the last hour",
            hold=hold,
        ),
        _alert(
            "RequestsFail",
            f"model:modelward_pipeline_failed:share5m > {limits.errors:g}",
            "{{ $value | humanizePercentage }} of the requests fail",
            hold=hold,
        ),
        _alert(
            "RequestsSlow",
            f"model:modelward_pipeline_request_seconds:p99 > {limits.latency:g}",
            'One request in a hundred takes longer than {{ printf "%.3g" $value }} seconds',
            hold=hold,
        ),
        _alert(
            "ChampionHangs",
            "max by (model) (modelward_pipeline_hung_calls) > 0",
            '{{ printf "%.0f" $value }} calls of the champion at one gateway have not ended in time',
            hold=hold,
        ),
        _alert(
            "GatewayDown",
            'up{job="modelward"} == 0',
            "The gateway at {{ $labels.instance }} does not answer",
            hold=hold,
            severity="critical",
        ),
        _alert(
            "StoreDown",
            "min by (model) (modelward_pipeline_store_up) == 0",
            "The store of the loop does not answer",
            hold=hold,
            severity="critical",
        ),
        _alert(
            "JoinerBehind",
            f"time() - {watermark} > {limits.behind:g}"
            " and on (model) sum by (model) (rate(modelward_pipeline_requests_total[5m])) > 0",
            'Requests come, and the joiner has seen none of the last {{ printf "%.0f" $value }} seconds',
            hold=hold,
        ),
        _alert(
            "ControllerGone",
            f"time() - {lease} > 60",
            "No controller is at work: nothing will be retrained, promoted or rolled back",
            hold=hold,
        ),
        _alert(
            "ControllerStuck",
            f"{backlog} > 0 and on (model) max by (model) "
            "(rate(modelward_pipeline_labels_read_total[5m])) == 0",
            '{{ printf "%.0f" $value }} labels wait, and the controller takes none',
            hold=limits.stuck,
        ),
    ]


def _alert(
    name: str,
    expression: str,
    summary: str,
    *,
    hold: str,
    severity: str = "warning",
    action: str = "look",
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": hold,
        "labels": {"severity": severity, "action": action},
        "annotations": {"summary": summary},
    }
