"""Alerts: an incident told once, by Alertmanager or by a notifier of our own."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.monitoring.outputs.alerts.alertmanager import alertmanager_config
    from modelward.monitoring.outputs.alerts.notifier import Notifier, Telling
    from modelward.monitoring.outputs.alerts.webhook import Webhook

__all__ = ["Notifier", "Telling", "Webhook", "alertmanager_config"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Notifier": "notifier",
        "Telling": "notifier",
        "Webhook": "webhook",
        "alertmanager_config": "alertmanager",
    },
)
