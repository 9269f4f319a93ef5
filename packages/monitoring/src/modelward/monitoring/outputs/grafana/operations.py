"""Workflows and resources, and how the monitoring itself is doing."""

from __future__ import annotations

from typing import Any

from modelward.monitoring.outputs.families import PREFIX
from modelward.monitoring.outputs.grafana.looks import BAD_ABOVE_0, SHARE, YES_NO, steps
from modelward.monitoring.outputs.grafana.panels import Panel, choice, dashboard, most, stat

W, H = 'workflow=~"$workflow"', 'host=~"$host"'
WORKFLOWS = choice(
    "workflow", "Workflow", f"label_values({PREFIX}workflow_runs, workflow)", several=True
)
HOSTS = choice(
    "host", "Host", f"label_values({PREFIX}resource_timestamp_seconds, host)", several=True
)
FULL = steps((None, "green"), (0.8, "orange"), (0.95, "red"))


def operations_dashboard() -> dict[str, Any]:
    """Give the dashboard of workflows and resources."""
    about = "Runs of workflows, machines, and the cost and lag of the monitoring itself."
    rows = {"Workflows": _workflows(), "Machines": _machines(), "The monitoring itself": _itself()}
    variables = [WORKFLOWS, HOSTS]
    return dashboard("operations", "Workflows and resources", about, variables, rows)


def _of_workflow(name: str) -> str:
    return most(f"workflow_{name}", "workflow", where=W)


def _of_host(name: str, *by: str) -> str:
    return most(f"resource_{name}", "host", *by, where=H)


def _workflows() -> list[Panel]:
    last = _of_workflow("last_success_timestamp_seconds")
    return [
        Panel(
            title="Workflows",
            about="When each last succeeded, how long it took, and whether it is late or failed.",
            series={
                "Success, ago": f"time() - {last}",
                "Duration": _of_workflow("duration_seconds"),
                "Waits": _of_workflow("queue_seconds"),
                "Retries": _of_workflow("retries"),
                "Overdue": _of_workflow("overdue"),
                "Failed": _of_workflow("failed"),
            },
            kind="table",
            unit="s",
            wide=24,
            overrides={
                "Retries": {"unit": "short"},
                "Overdue": {"mappings": YES_NO["mappings"], "unit": "short"},
                "Failed": {"mappings": YES_NO["mappings"], "unit": "short"},
            },
        ),
        Panel(
            title="Runs by state",
            about="Of the runs that are known.",
            series={"{{workflow}} {{state}}": most("workflow_runs", "workflow", "state", where=W)},
        ),
        Panel(
            title="Duration",
            about="Of the last success, and the median.",
            series={
                "{{workflow}}": _of_workflow("duration_seconds"),
                "{{workflow}} (median)": _of_workflow("duration_median_seconds"),
            },
            unit="s",
        ),
        Panel(
            title="Share of failed runs",
            about="Of the runs that are known.",
            series={"{{workflow}}": f"workflow:modelward_monitoring_failed:ratio{{{W}}}"},
            unit="percentunit",
            defaults=SHARE,
        ),
        Panel(
            title="Time in the queue",
            about="From being asked for to the start, the median.",
            series={"{{workflow}}": _of_workflow("queue_seconds")},
            unit="s",
        ),
    ]


def _machines() -> list[Panel]:
    def used(what: str) -> str:
        return f"{_of_host(f'{what}_used_bytes')} / {_of_host(f'{what}_size_bytes')}"

    def rate(what: str) -> str:
        return f"max by (host) (rate({PREFIX}resource_{what}_bytes_total{{{H}}}[$__rate_interval]))"

    share: dict[str, Any] = {"unit": "percentunit", "defaults": {**SHARE, **FULL}}
    third: dict[str, Any] = {"wide": 8, "high": 7}
    return [
        Panel(
            title="Processors",
            about="Share of their time in use.",
            series={"{{host}}": _of_host("cpu_ratio")},
            unit="percentunit",
            defaults=SHARE,
            **third,
        ),
        Panel(
            title="Memory",
            about="Share in use.",
            series={"{{host}}": used("memory")},
            **share,
            **third,
        ),
        Panel(
            title="Disk", about="Share in use.", series={"{{host}}": used("disk")}, **share, **third
        ),
        Panel(
            title="Network",
            about="Bytes a second.",
            series={
                "{{host}} received": rate("network_received"),
                "{{host}} sent": rate("network_sent"),
            },
            unit="Bps",
            **third,
        ),
        Panel(
            title="Graphics processors",
            about="Share of time they worked.",
            series={"{{host}} {{gpu}}": _of_host("gpu_ratio", "gpu")},
            unit="percentunit",
            defaults=SHARE,
            **third,
        ),
        Panel(
            title="Last seen",
            about="How long ago a machine was looked at.",
            series={"{{host}}": f"time() - {_of_host('timestamp_seconds')}"},
            unit="s",
            **third,
        ),
    ]


def _itself() -> list[Panel]:
    small: dict[str, Any] = {"wide": 4}
    return [
        stat(
            "Database",
            "Whether it answers.",
            most("store_up"),
            defaults=steps((None, "red"), (1, "green")),
            **small,
        ),
        stat("Judged", "Models in the newest assessment.", most("assessment_models"), **small),
        stat(
            "Lag",
            "From the end of the window to the decision.",
            most("assessment_lag_seconds"),
            unit="s",
            **small,
        ),
        stat(
            "Figures read",
            "How long ago.",
            f"time() - {most('read_timestamp_seconds')}",
            unit="s",
            **small,
        ),
        stat(
            "Series",
            "Of those there may be.",
            f"{most('series')} / {most('series_limit')}",
            unit="percentunit",
            defaults=FULL,
            **small,
        ),
        stat(
            "Left out",
            "Subjects that the limit leaves out.",
            f"sum({most('left_out', 'what')})",
            defaults=BAD_ABOVE_0,
            **small,
        ),
        Panel(
            title="Cost",
            about="How long an assessment and the exporter's look take.",
            series={
                "assessment": most("assessment_duration_seconds"),
                "look": most("read_duration_seconds"),
            },
            unit="s",
        ),
        Panel(
            title="Assessment, ago",
            about="How old the newest decisions are.",
            series={"ago": f"time() - {most('last_assessment_timestamp_seconds')}"},
            unit="s",
        ),
    ]
