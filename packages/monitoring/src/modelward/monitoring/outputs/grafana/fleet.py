"""The fleet at a glance: how many models are in trouble, which, and why."""

from __future__ import annotations

from typing import Any

from modelward.monitoring.outputs.families import PREFIX
from modelward.monitoring.outputs.grafana.looks import (
    BAD_ABOVE_0,
    SHARE,
    TIMELINE,
    WARN_ABOVE_0,
    YES_NO,
    steps,
)
from modelward.monitoring.outputs.grafana.panels import (
    INFO,
    Panel,
    alert_list,
    choice,
    dashboard,
    most,
    stat,
)

GROUP = 'group=~"$group"'
GROUPS = choice("group", "Group", f"label_values({PREFIX}models, group)", several=True)
OWNERS = choice(
    "owner",
    "Owner",
    f'label_values({PREFIX}model_info{{group=~"$group"}}, owner)',
    several=True,
)
TO_MODEL = ("model", ("model",))


def fleet_dashboard() -> dict[str, Any]:
    """Give the dashboard of the whole fleet."""
    rows = {
        "": _glance(),
        "Incidents and alerts": _incidents(),
        "Models": _models(),
        "Over time": _time(),
    }
    about = (
        "Which models are in trouble, ranked by what it costs. Alarms are decided for all together."
    )
    return dashboard("fleet", "Fleet", about, [GROUPS, OWNERS], rows)


def _count(state: str = "") -> str:
    where = f'{GROUP}, state="{state}"' if state else GROUP
    return f"sum({most('models', 'group', 'state', where=where)})"


def _glance() -> list[Panel]:
    last = most("last_assessment_timestamp_seconds")
    return [
        stat("Models", "Models in the catalogue.", _count()),
        stat(
            "Alarmed",
            "Models with an alarm in their newest window.",
            _count("alarmed"),
            defaults=BAD_ABOVE_0,
        ),
        stat(
            "Cannot say",
            "Models of which some feature could not be judged.",
            _count("cannot say"),
            defaults=WARN_ABOVE_0,
        ),
        stat(
            "Silent",
            "Models without a window for longer than they should be.",
            _count("silent"),
            defaults=WARN_ABOVE_0,
        ),
        stat("New", "Models that were never judged.", _count("new")),
        stat(
            "Open incidents", "Alarms by their cause.", most("incidents_open"), defaults=BAD_ABOVE_0
        ),
        stat(
            "False alarms at most",
            "Largest expected share of false alarms in the list.",
            most("false_alarm_rate"),
            unit="percentunit",
        ),
        stat("Judged", "How long ago the fleet was last judged.", f"time() - {last}", unit="s"),
    ]


def _incidents() -> list[Panel]:
    labels = ("incident", "title", "columns", "worst", "suggestion")
    info = most("incident_info", *labels)
    models = most("incident_models", "incident")
    return [
        Panel(
            title="Open incidents",
            about="Alarms that have one cause are one incident.",
            series={
                "Models": f"{models} * on (incident) group_right () {info}",
                "Expected loss": f"{most('incident_expected_loss', 'incident')}"
                f" * on (incident) group_right () {info}",
            },
            kind="table",
            wide=16,
            overrides={"worst": _to_model("worst")},
        ),
        alert_list("Alerts", "What fires now, of this monitoring.", wide=8),
    ]


def _to_model(label: str) -> dict[str, Any]:
    url = (
        f"/d/modelward-model?var-model=${{__data.fields.{label}:percentencode}}"
        "&${datasource:queryparam}&${__url_time_range}"
    )
    return {"links": [{"title": "Open the model dashboard", "url": url}]}


def _models() -> list[Panel]:
    loss = most("model_expected_loss", "model")
    change = most("model_largest_change_ratio", "model")
    alarmed = f"{most('model_alarmed', 'model')} == 1"
    return [
        Panel(
            title="Ranked by expected loss",
            about="Performance lost x traffic x criticality, a day: where to look first.",
            series={
                "Expected loss": f"topk(100, {loss} * on (model) group_left (owner, group) {INFO})"
            },
            kind="table",
            high=12,
            link=TO_MODEL,
        ),
        Panel(
            title="Alarmed, by the largest change",
            about="Models with an alarm, and how far their data moved.",
            series={
                "Largest change": f"topk(100, ({change} and on (model) {alarmed})"
                f" * on (model) group_left (owner, group) {INFO})"
            },
            kind="table",
            unit="percentunit",
            high=12,
            link=TO_MODEL,
        ),
    ]


def _time() -> list[Panel]:
    worst = f"topk(20, {most('model_expected_loss', 'model')})"
    return [
        Panel(
            title="Models by state",
            about="How many models were in which state.",
            series={
                "{{state}}": f"sum by (state) ({most('models', 'group', 'state', where=GROUP)})"
            },
            defaults={"custom": {"stacking": {"mode": "normal"}, "fillOpacity": 40}},
        ),
        Panel(
            title="Share alarmed by group",
            about="When which group of models was in trouble.",
            series={"{{group}}": f"group:modelward_monitoring_alarmed:ratio{{{GROUP}}}"},
            kind="status-history",
            unit="percentunit",
            defaults={**SHARE, **steps((None, "green"), (0.1, "orange"), (0.5, "red"))},
        ),
        Panel(
            title="Alarms of the costliest models",
            about="The twenty models with the largest expected loss, and when they had an alarm.",
            series={"{{model}}": f"{most('model_alarmed', 'model')} and on (model) {worst}"},
            kind="state-timeline",
            defaults=YES_NO,
            options=TIMELINE,
            wide=24,
            high=10,
            link=TO_MODEL,
        ),
    ]
