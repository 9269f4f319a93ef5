"""Every family of metrics a fleet exports: its name, its labels and what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

PREFIX = "modelward_monitoring_"
LONGEST_LABEL = 200
LONGEST_WORDS = 240  # at four bytes a sign within the limit of prometheus.yml
_DIGEST = 12


class FamilyOf(NamedTuple):
    """One family: the name without the prefix, the help text, the labels and the type."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


MODEL = {
    "window_rows": "Rows in the window.",
    "features_tested": "Features that were tested.",
    "features_drifted": "Features that have drifted.",
    "features_unjudged": "Features that could not be judged.",
}
FEATURE = {
    "feature_change_ratio": "Change of a share, between 0 and 1, of the features that changed most.",
    "feature_q_value": "q-value of the decision on the feature.",
    "feature_drifted": "Whether the feature has drifted, 0 or 1.",
}
_MODEL_MORE = {
    "model_alarmed": "1 for a model with an alarm in its newest window.",
    "model_largest_change_ratio": "Largest change of a share of any feature, between 0 and 1.",
    "model_smallest_q_value": "Smallest q-value of any feature.",
    "model_failures": "Expectations of the data's quality that failed.",
    "model_performance_lost": "How much worse than its baseline, in the unit of its metric.",
    "model_expected_loss": "Performance lost x traffic x criticality, a day.",
    "model_retrain": "1 for a model whose own loss of performance, on sound data, asks for retraining.",
    "model_traffic": "Predictions a day.",
    "model_criticality": "Cost of one lost unit of performance on one prediction.",
    "model_window_end_timestamp_seconds": "When the newest judged window ended, in Unix seconds.",
    "model_silent_after_seconds": "How long the model may go without a window.",
}
_FEATURE_MORE = {
    "feature_change_low_ratio": "Lower end of the interval of the feature's change.",
    "feature_change_high_ratio": "Upper end of the interval of the feature's change.",
    "feature_mean_shift": "Shift of the mean, in standard deviations of the reference.",
    "feature_unjudged": "1 for a feature that could not be judged.",
    "feature_failures": "Failed expectations of the feature's quality.",
}
_INCIDENT = {
    "incident_models": "Models of an open incident.",
    "incident_criticality": "Largest criticality of the models of an open incident.",
    "incident_expected_loss": "Sum of the expected losses of the models of an open incident, a day.",
    "incident_silenced": "1 for an open incident that is not to be told now.",
    "incident_first_timestamp_seconds": "Start of the first bad window, in Unix seconds.",
    "incident_last_timestamp_seconds": "End of the newest bad window, in Unix seconds.",
}
_WORKFLOW = {
    "workflow_last_start_timestamp_seconds": "When the workflow last started, in Unix seconds.",
    "workflow_last_success_timestamp_seconds": "When the workflow last succeeded, in Unix seconds.",
    "workflow_duration_seconds": "How long its last success took.",
    "workflow_duration_median_seconds": "How long a success takes, the median.",
    "workflow_queue_seconds": "How long a run waits before it starts, the median.",
    "workflow_interval_seconds": "Time between two starts, the median.",
    "workflow_retries": "Tries after the first, of the runs that are known.",
    "workflow_failed": "1 for a workflow whose last run failed or was lost.",
    "workflow_overdue": "1 for a workflow whose last success is older than three of its intervals.",
}
_FLEET = {
    "incidents_open": "Open incidents.",
    "false_alarm_rate": "Largest expected share of false alarms in the list of alarms: its q.",
    "last_assessment_timestamp_seconds": "When the fleet was last judged, in Unix seconds.",
    "last_assessment_window_end_timestamp_seconds": "End of the window that was last judged.",
    "assessment_duration_seconds": "How long the newest assessment took.",
    "assessment_lag_seconds": "From the end of the window to the end of its assessment.",
    "assessment_models": "Models in the newest assessment.",
}
_SELF = {
    "store_up": "1 when the fleet's database answered the exporter's last look.",
    "read_timestamp_seconds": "When the exporter last read the fleet, in Unix seconds.",
    "read_duration_seconds": "How long the exporter's last look at the fleet took.",
    "series": "Series that are exported, these of the exporter's own not among them.",
    "series_limit": "Largest number of series that the exporter exports.",
}
RESOURCES = {
    "cpu_ratio": ("resource_cpu_ratio", "Share of the processors' time in use."),
    "cpu_count": ("resource_cpus", "Processors."),
    "load_1m": ("resource_load_1m", "Processes that run or wait to, over one minute."),
    "memory_used_bytes": ("resource_memory_used_bytes", "Memory in use."),
    "memory_total_bytes": ("resource_memory_size_bytes", "Memory there is."),
    "swap_used_bytes": ("resource_swap_used_bytes", "Swap space in use."),
    "disk_used_bytes": ("resource_disk_used_bytes", "Disk space in use."),
    "disk_total_bytes": ("resource_disk_size_bytes", "Disk space there is."),
    "network_received_bytes": ("resource_network_received_bytes_total", "Bytes received."),
    "network_sent_bytes": ("resource_network_sent_bytes_total", "Bytes sent."),
    "disk_read_bytes": ("resource_disk_read_bytes_total", "Bytes read from disks."),
    "disk_written_bytes": ("resource_disk_written_bytes_total", "Bytes written to disks."),
}
"""The names in a `ResourceSample`, and what each is called here."""
GPU = {
    "ratio": ("resource_gpu_ratio", "Share of time the graphics processor worked."),
    "memory_used_bytes": ("resource_gpu_memory_used_bytes", "Graphics memory in use."),
    "memory_total_bytes": ("resource_gpu_memory_size_bytes", "Graphics memory there is."),
}


def _families() -> Iterator[FamilyOf]:
    model, feature = ("model",), ("model", "feature")
    for name, about in (MODEL | _MODEL_MORE).items():
        yield FamilyOf(name, about, model)
    info = ("model", "owner", "group", "version", "task", "metric")
    yield FamilyOf("model_info", "What the catalogue says of a model; always 1.", info)
    yield FamilyOf("model_state", "1 for the state a model is in.", ("model", "state"))
    of = ("model", "kind")
    yield FamilyOf("model_performance", "Baseline, realised and estimated performance.", of)
    yield FamilyOf("model_performance_low", "Lower end of the performance's interval.", of)
    yield FamilyOf("model_performance_high", "Upper end of the performance's interval.", of)
    yield FamilyOf(
        "model_incident", "1 for the incident a model belongs to.", ("model", "incident")
    )
    for name, about in (FEATURE | _FEATURE_MORE).items():
        yield FamilyOf(name, about, feature)
    yield FamilyOf("models", "Models by group and state.", ("group", "state"))
    yield FamilyOf("group_expected_loss", "Sum of the known expected losses, a day.", ("group",))
    for name, about in _INCIDENT.items():
        yield FamilyOf(name, about, ("incident",))
    words = ("incident", "title", "columns", "worst", "rule", "suggestion")
    yield FamilyOf("incident_info", "What is known of an open incident; always 1.", words)
    event = ("kind", "model", "version", "text")
    yield FamilyOf("event_timestamp_seconds", "When something happened, in Unix seconds.", event)
    yield FamilyOf("workflow_runs", "Runs that are known, by state.", ("workflow", "state"))
    for name, about in _WORKFLOW.items():
        yield FamilyOf(name, about, ("workflow",))
    yield FamilyOf("resource_timestamp_seconds", "When the machine was last looked at.", ("host",))
    for name, about in RESOURCES.values():
        yield FamilyOf(name, about, ("host",), _kind(name))
    for name, about in GPU.values():
        yield FamilyOf(name, about, ("host", "gpu"))
    for name, about in (_FLEET | _SELF).items():
        yield FamilyOf(name, about)
    yield FamilyOf(
        "left_out", "What the limit on series left out, counted by what it is.", ("what",)
    )


def _kind(name: str) -> Literal["gauge", "counter"]:
    return "counter" if name.endswith("_total") else "gauge"


FAMILIES = {family.name: family for family in _families()}


def label(text: str | None) -> str:
    r"""Give a text as the value of a label: valid UTF-8, and at most 200 characters.

    A longer one is cut and ends in a digest of the whole, so that two stay two.

    >>> label("fraud"), len(label("x" * 10_000)), label("\ud800")
    ('fraud', 200, '\\ud800')
    """
    whole = "" if text is None else text.encode("utf-8", "backslashreplace").decode()
    if len(whole) <= LONGEST_LABEL:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST]
    return f"{whole[: LONGEST_LABEL - _DIGEST - 1]}~{digest}"


def words(text: str) -> str:
    """Give a sentence as the value of a label: valid UTF-8, at most 240 characters.

    >>> len(words("so " * 200)), words("Repair it.")
    (240, 'Repair it.')
    """
    whole = text.encode("utf-8", "backslashreplace").decode()
    return whole if len(whole) <= LONGEST_WORDS else f"{whole[: LONGEST_WORDS - 1]}…"


def families_table() -> str:
    """Give all families as a table in Markdown, for the guide.

    >>> print(families_table().splitlines()[2])
    | `window_rows` | `model` | Rows in the window. |
    """
    rows = [
        f"| `{family.name}` | {', '.join(f'`{label}`' for label in family.labels)} | {family.about} |"
        for family in FAMILIES.values()
    ]
    return "\n".join(["| name | labels | what it says |", "|---|---|---|", *rows]) + "\n"
