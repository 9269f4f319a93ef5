"""Alerts as Alertmanager and Grafana send them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError

from modelward.adaptive_pipeline.triggers.signal import Signal, told
from modelward.core.errors import DataError


class _Sent(BaseModel):
    """One alert of a payload; what is not used here is passed over."""

    status: str
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: str = Field(min_length=1)
    fingerprint: str = ""


class _Payload(BaseModel):
    alerts: list[_Sent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: its name, what it says, and whether it is firing (or resolved).

    `key` is the same each time the same firing is told: it is made of the fingerprint (of the
    labels) and the time it began.

    >>> sent = {"status": "firing", "labels": {"alertname": "LossHigh"}, "startsAt": "2026-01-05T03:00Z"}
    >>> [alert.signal.reason for alert in Alert.read({"alerts": [sent]})]
    ['LossHigh is firing since 2026-01-05T03:00Z']

    Source: the webhook payloads of Alertmanager (version 4) and Grafana Alerting, which share these
    fields: prometheus.io/docs/alerting/latest/configuration and
    grafana.com/docs/grafana/latest/alerting/configure-notifications (webhook notifier).
    """

    name: str
    summary: str
    began: str
    firing: bool
    key: str

    @classmethod
    def read(cls, payload: Any) -> list[Self]:
        """Give the alerts of a payload. Raises `DataError` for anything else."""
        try:
            return [cls._of(sent) for sent in _Payload.model_validate(payload).alerts]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            raise DataError(
                f"expected an alert payload of Alertmanager or Grafana, got at {place}: {first['msg']}"
            ) from error

    @classmethod
    def _of(cls, sent: _Sent) -> Self:
        notes = sent.annotations
        which = sent.fingerprint or repr(sorted(sent.labels.items()))
        digest = hashlib.sha256(f"{which} {sent.startsAt}".encode()).hexdigest()
        return cls(
            name=told(sent.labels.get("alertname", "an alert"), 100),
            summary=told(notes.get("summary") or notes.get("description") or "", 300),
            began=told(sent.startsAt, 40),
            firing=sent.status == "firing",
            key=f"alert:{digest}",
        )

    @property
    def signal(self) -> Signal:
        """The wish it stands for."""
        why = f": {self.summary}" if self.summary else ""
        return Signal(trigger="alert", reason=f"{self.name} is firing since {self.began}{why}")
