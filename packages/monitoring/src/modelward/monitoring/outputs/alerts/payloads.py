"""What a webhook is sent: an incident in the words of whoever listens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from modelward.monitoring.fleet.records import Event, Incident
from modelward.monitoring.outputs.alerts.webhook import Kind
from modelward.monitoring.outputs.rules import RETRAIN, RETRAINING

Happened = Literal["opened", "grown", "closed"]
SHOWN_MEMBERS = 20
_LONGEST = 300
_NEVER = "0001-01-01T00:00:00Z"  # as Alertmanager writes a moment that has not come


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: what happened to an incident.

    `key` is the same each time the same is told, so that a receiver can tell a repeat.
    """

    happened: Happened
    incident: Incident

    @property
    def key(self) -> str:
        """The incident, what happened, and how many models it had then."""
        size = len(self.incident.members) if self.happened == "grown" else 0
        return f"{self.incident.id}:{self.happened}:{size}"


def payload(kind: Kind, notice: Notice, *, at: datetime, link: str = "") -> dict[str, Any]:
    """Give the JSON content for a kind of webhook.

    >>> from modelward.monitoring.fleet.records import Window
    >>> day = Window.of("2026-03-01", hours=24)
    >>> found = Incident("i1", "'age' went bad in 2 models", ("age",), ("a", "<b>"), day, day, "q")
    >>> print(payload("slack", Notice("opened", found), at=day.end)["text"])
    Opened: 'age' went bad in 2 models
    Models: a, &lt;b&gt;
    Since 2026-03-01T00:00Z
    """
    if kind == "slack":
        return _slack(notice, link)
    return _retrain(notice, at, link) if kind == "retrain" else _generic(notice, at, link)


def _generic(notice: Notice, at: datetime, link: str) -> dict[str, Any]:
    incident = notice.incident
    return {
        "version": "1",
        "key": notice.key,
        "happened": notice.happened,
        "at": at.isoformat(),
        "incident": {
            "id": incident.id,
            "title": incident.title,
            "columns": list(incident.columns),
            "models": len(incident.members),
            "members": list(incident.members[:SHOWN_MEMBERS]),
            "first": incident.first.start.isoformat(),
            "last": incident.last.end.isoformat(),
            "rule": incident.rule,
            "suggestion": incident.suggestion,
            "expected_loss": incident.expected_loss,
            "before": [_event(event) for event in incident.before],
        },
        "link": link,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "at": event.at.isoformat(),
        "text": event.text,
        "model": event.model,
        "version": event.version,
    }


def _slack(notice: Notice, link: str) -> dict[str, Any]:
    incident = notice.incident
    members = ", ".join(incident.members[:5])
    more = len(incident.members) - 5
    lines = [f"{notice.happened.capitalize()}: {_safe(incident.title)}"]
    lines.append(f"Models: {_safe(members)}" + (f" and {more} more" if more > 0 else ""))
    lines.append(f"Since {incident.first}".partition(" to ")[0])
    if incident.expected_loss is not None:
        lines.append(f"Expected loss: {incident.expected_loss:,.4g} a day")
    if incident.before:
        event = incident.before[0]
        lines.append(f"Before it: {_safe(f'{event.kind}: {event.text}')}")
    if notice.happened != "closed" and incident.suggestion:
        lines.append(_safe(incident.suggestion))
    return {"text": "\n".join([*lines, *([link] if link else [])])}


def _safe(text: str) -> str:
    """Give a text in which nothing is a mention, a link or a new line."""
    line = " ".join(text.split())
    short = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _retrain(notice: Notice, at: datetime, link: str) -> dict[str, Any]:
    """Give the payload of a webhook of Alertmanager, version 4.

    Source: Prometheus, Alertmanager configuration, webhook_config
    (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
    """
    incident = notice.incident
    labels = {
        "alertname": RETRAINING,
        "model": incident.members[0],
        "incident": incident.id,
        "action": RETRAIN,
    }
    status = "resolved" if notice.happened == "closed" else "firing"
    began = incident.first.start.astimezone(UTC).isoformat().replace("+00:00", "Z")
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": incident.title, "description": incident.suggestion},
        "startsAt": began,
        "endsAt": at.isoformat() if status == "resolved" else _NEVER,
        "generatorURL": link,
        "fingerprint": _fingerprint(labels),
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{incident="{incident.id}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "modelward",
        "groupLabels": {"incident": incident.id},
        "commonLabels": labels,
        "commonAnnotations": alert["annotations"],
        "externalURL": link,
        "alerts": [alert],
    }


def _fingerprint(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(labels.items())).encode("utf-8", "replace")).hexdigest()[:16]
