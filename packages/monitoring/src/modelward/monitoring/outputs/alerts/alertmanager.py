"""The configuration of Alertmanager: an incident is one message, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelward.core.errors import ConfigError
from modelward.monitoring.outputs.alerts.webhook import Webhook
from modelward.monitoring.outputs.rules import INCIDENT, RETRAIN, RETRAINING, SILENCED
from modelward.monitoring.outputs.rules_limits import seconds

NOBODY, PEOPLE = "nobody", "people"
_SAFE = 'reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;"'


def alertmanager_config(
    webhooks: Sequence[Webhook] = (),
    *,
    group_wait: str = "30s",
    group_interval: str = "5m",
    repeat: str = "7d",
) -> dict[str, Any]:
    """Give the configuration, with the webhooks as its receivers.

    Alerts of one incident are one group, others are grouped by their name and the group of models.
    A silenced incident is held back (its own alert inhibits it). Wishes for retraining go to the
    `retrain` hooks of their model and to nobody else. URLs and secrets stay in their files: a
    webhook whose secret is in the environment is refused, as Alertmanager does not read it, and so
    is a secret URL of a webhook other than Slack's.

    Raises `ConfigError` then, and for durations that are none.

    >>> alertmanager_config()["route"]["group_by"]
    ['alertname', 'incident', 'group']
    """
    for duration in (group_wait, group_interval, repeat):
        seconds(duration)
    people = [hook for hook in webhooks if hook.kind != "retrain"]
    retraining = [hook for hook in webhooks if hook.kind == "retrain"]
    return {
        "route": {
            "receiver": PEOPLE,
            "group_by": ["alertname", "incident", "group"],
            "group_wait": group_wait,
            "group_interval": group_interval,
            "repeat_interval": repeat,
            "routes": [
                {"receiver": NOBODY, "matchers": [matcher("alertname", SILENCED)]},
                {
                    "receiver": NOBODY,
                    "matchers": [matcher("action", RETRAIN)],
                    "group_by": ["alertname", "model"],
                    "group_wait": "0s",
                    "routes": [*_retraining(retraining)],
                },
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [matcher("alertname", SILENCED)],
                "target_matchers": [matcher("alertname", INCIDENT)],
                "equal": ["incident"],
            },
            # When the monitoring itself stands still, that no model reports is no news.
            {
                "source_matchers": [
                    'alertname=~"ModelwardStoreDown|ModelwardAssessmentLate|ModelwardNeverAssessed"'
                ],
                "target_matchers": ['alertname=~"ModelwardModelSilent|ModelwardModelNeverSeen"'],
            },
        ],
        "receivers": [
            {"name": NOBODY},
            {"name": PEOPLE, **_receiver(people)},
            *(
                {"name": f"retraining-{number}", **_receiver([hook])}
                for number, hook in enumerate(retraining, 1)
            ),
        ],
    }


def matcher(label: str, value: str) -> str:
    r"""Write a matcher of Alertmanager, with whatever the value holds.

    >>> print(matcher("model", 'a "b" \\ \n'))
    model="a \"b\" \\ \n"
    """
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}="{text}"'


def _retraining(hooks: Sequence[Webhook]) -> Iterator[dict[str, Any]]:
    for number, hook in enumerate(hooks, 1):
        receiver = f"retraining-{number}"
        base = {"receiver": receiver, "continue": True}
        if not hook.models:
            yield {**base, "matchers": [matcher("alertname", RETRAINING)]}
        for model in hook.models:
            yield {**base, "matchers": [matcher("model", model)]}


def _receiver(hooks: Sequence[Webhook]) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {}
    for hook in hooks:
        if hook.secret_env is not None or hook.url_env is not None:
            raise ConfigError(
                f"expected the secret of the webhook '{hook.name}' in a file, got an environment "
                "variable, which Alertmanager does not read",
                hint="use secret_file or url_file, or our own Notifier.",
            )
        if hook.kind == "slack":
            found.setdefault("slack_configs", []).append(_slack(hook))
        else:
            found.setdefault("webhook_configs", []).append(_plain(hook))
    return dict(found)


def _plain(hook: Webhook) -> dict[str, Any]:
    if hook.url_file is not None:
        raise ConfigError(
            f"expected the URL of the webhook '{hook.name}', got the file it lies in, which "
            "Alertmanager reads from 0.26 on only",
            hint="keep the secret out of the URL: secret_file becomes a bearer token.",
        )
    made: dict[str, Any] = {
        "url": hook.url,
        "send_resolved": hook.kind != "retrain",
        "max_alerts": 100,
    }
    return made | _http(hook)


def _slack(hook: Webhook) -> dict[str, Any]:
    place = {"api_url": hook.url} if hook.url else {"api_url_file": str(hook.url_file)}
    title = "{{ .Status | toUpper }} {{ .CommonLabels.severity }}"
    each = (
        f"{{{{ range .Alerts }}}}{{{{ .Annotations.summary | {_SAFE} }}}}\n"
        f"{{{{ .Annotations.suggestion | {_SAFE} }}}}\n{{{{ end }}}}"
    )
    shown = {"title": title, "text": each, "fallback": title, "send_resolved": True}
    return {**place, **shown, **_http(hook)}


def _http(hook: Webhook) -> dict[str, Any]:
    how: dict[str, Any] = {"follow_redirects": False}
    if hook.secret_file is not None:
        how["authorization"] = {"type": "Bearer", "credentials_file": str(hook.secret_file)}
    return {"http_config": how}
