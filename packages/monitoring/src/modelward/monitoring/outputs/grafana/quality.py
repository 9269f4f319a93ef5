"""Data quality: what is not as it was expected, and what could not be judged at all."""

from __future__ import annotations

from typing import Any

from modelward.monitoring.outputs.families import PREFIX
from modelward.monitoring.outputs.grafana.fleet import GROUP, GROUPS, OWNERS, TO_MODEL
from modelward.monitoring.outputs.grafana.looks import BAD_ABOVE_0, WARN_ABOVE_0
from modelward.monitoring.outputs.grafana.panels import INFO, Panel, dashboard, most, stat


def quality_dashboard() -> dict[str, Any]:
    """Give the dashboard of data quality."""
    about = "Failed expectations, windows that cannot be judged, and models that fell silent."
    rows = {"": _glance(), "What failed": _failed(), "What is not known": _unknown()}
    return dashboard("quality", "Data quality", about, [GROUPS, OWNERS], rows)


def _chosen(name: str) -> str:
    """Give a number of each chosen model."""
    return f"{most(name, 'model')} * on (model) group_left (owner, group) {INFO}"


def _glance() -> list[Panel]:
    wide: dict[str, Any] = {"wide": 6}
    failing, unknown = f"{_chosen('model_failures')} > 0", f"{_chosen('features_unjudged')} > 0"
    silent = most("models", "group", "state", where=f'{GROUP}, state="silent"')
    return [
        stat(
            "Models with failed expectations",
            "In their newest window.",
            f"count({failing}) or vector(0)",
            defaults=BAD_ABOVE_0,
            **wide,
        ),
        stat(
            "Failed expectations",
            "In all newest windows.",
            f"sum({_chosen('model_failures')})",
            defaults=BAD_ABOVE_0,
            **wide,
        ),
        stat(
            "Models with features nothing can be said of",
            "Never taken for steady.",
            f"count({unknown}) or vector(0)",
            defaults=WARN_ABOVE_0,
            **wide,
        ),
        stat("Silent models", "Found by absence.", f"sum({silent})", defaults=WARN_ABOVE_0, **wide),
    ]


def _failed() -> list[Panel]:
    by_feature = f"max by (model, feature) ({PREFIX}feature_failures)"
    return [
        Panel(
            title="Models",
            about="Those with the most failed expectations.",
            series={"Failed": f"topk(50, {_chosen('model_failures')} > 0)"},
            kind="table",
            high=10,
            link=TO_MODEL,
        ),
        Panel(
            title="Columns",
            about="In how many models a column failed; no name stands for the whole table.",
            series={"Models": f"topk(50, count by (feature) ({by_feature} > 0))"},
            kind="table",
            high=10,
        ),
    ]


def _unknown() -> list[Panel]:
    silence = "model:modelward_monitoring_silence_seconds:min"
    return [
        Panel(
            title="Features nothing can be said of",
            about="By model: too few rows, another type, no reference.",
            series={"Features": f"topk(50, {_chosen('features_unjudged')} > 0)"},
            kind="table",
            link=TO_MODEL,
        ),
        Panel(
            title="Longest without a window",
            about="How long ago the newest judged window ended.",
            series={"Ago": f"topk(50, {silence} * on (model) group_left (owner, group) {INFO})"},
            kind="table",
            unit="s",
            link=TO_MODEL,
        ),
        Panel(
            title="Rows of the smallest windows",
            about="What little there is can hide much.",
            series={"{{model}}": f"bottomk(20, {_chosen('window_rows')})"},
            wide=24,
            link=TO_MODEL,
        ),
    ]
