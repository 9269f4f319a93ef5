"""One model: how it performs, what of its data moved, and what happened around it."""

from __future__ import annotations

from typing import Any

from modelward.monitoring.outputs.families import PREFIX
from modelward.monitoring.outputs.grafana.fleet import GROUPS, OWNERS
from modelward.monitoring.outputs.grafana.looks import (
    BAD_ABOVE_0,
    DASHED,
    SHARE,
    TIMELINE,
    WARN_ABOVE_0,
    YES_NO,
    band,
    steps,
)
from modelward.monitoring.outputs.grafana.panels import Panel, choice, dashboard, most, stat

ONE = 'model="$model"'
MODELS = choice(
    "model",
    "Model",
    f'label_values({PREFIX}model_info{{group=~"$group", owner=~"$owner"}}, model)',
)


def model_dashboard() -> dict[str, Any]:
    """Give the dashboard of one model."""
    rows = {"": _glance(), "Performance": _performance(), "Data": _data()}
    about = "How one model performs, measured and estimated, and what of its data moved."
    variables = [GROUPS, OWNERS, MODELS]
    return dashboard("model", "Model", about, variables, rows, of_model=True)


def _of(name: str, *by: str, where: str = "") -> str:
    return most(name, *by, where=", ".join(filter(None, [ONE, where])))


def _glance() -> list[Panel]:
    end = _of("model_window_end_timestamp_seconds")
    named = {"textMode": "name", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return [
        Panel(
            title="State",
            about="As of its newest window.",
            series={"{{state}}": _of("model_state", "state")},
            kind="stat",
            wide=3,
            high=4,
            options=named,
        ),
        Panel(
            title="Version",
            about="As the catalogue knows it.",
            series={"{{version}}": _of("model_info", "version")},
            kind="stat",
            wide=3,
            high=4,
            options=named,
        ),
        stat("Expected loss", "A day.", _of("model_expected_loss"), defaults=steps((None, "blue"))),
        stat("Rows", "In its newest judged window.", _of("window_rows")),
        stat("Drifted", "Features.", _of("features_drifted"), defaults=BAD_ABOVE_0),
        stat("Cannot say", "Features.", _of("features_unjudged"), defaults=WARN_ABOVE_0),
        stat("Failed", "Expectations of quality.", _of("model_failures"), defaults=BAD_ABOVE_0),
        stat("Last window", "How long ago it ended.", f"time() - {end}", unit="s"),
    ]


def _performance() -> list[Panel]:
    by = ("kind",)
    series = {"{{kind}}": _of("model_performance", *by)}
    bands: dict[str, Any] = {"baseline": DASHED}
    for kind in ("realised", "estimated"):
        for end in ("low", "high"):
            series[f"{kind} {end}"] = _of(f"model_performance_{end}", where=f'kind="{kind}"')
        bands |= band(f"{kind} low", f"{kind} high")
    return [
        Panel(
            title="Performance",
            about="Realised (with labels) and estimated (without), with intervals, and the baseline.",
            series=series,
            overrides=bands,
            wide=16,
            high=10,
        ),
        Panel(
            title="Lost",
            about="How much worse than the baseline, in the unit of the metric.",
            series={"lost": _of("model_performance_lost")},
            defaults={"min": 0},
            wide=8,
            high=10,
        ),
    ]


def _data() -> list[Panel]:
    labels = ("feature",)
    return [
        Panel(
            title="Features",
            about="Those that failed or moved most; the others are not exported.",
            series={
                "Change": _of("feature_change_ratio", *labels),
                "q-value": _of("feature_q_value", *labels),
                "Drifted": _of("feature_drifted", *labels),
                "Failed": _of("feature_failures", *labels),
            },
            kind="table",
            high=10,
            overrides={"feature": _to_feature(), "Drifted": _yes_no()},
        ),
        Panel(
            title="Change of features",
            about="Change of a share, between 0 and 1.",
            series={"{{feature}}": _of("feature_change_ratio", *labels)},
            unit="percentunit",
            defaults=SHARE,
            high=10,
        ),
        Panel(
            title="Alarm",
            about="When the model had an alarm.",
            series={"alarmed": _of("model_alarmed", "model")},
            kind="state-timeline",
            defaults=YES_NO,
            options=TIMELINE,
            high=6,
        ),
        Panel(
            title="Rows of each window",
            about="How much there was to judge by.",
            series={"rows": _of("window_rows")},
            defaults={"min": 0},
            high=6,
        ),
    ]


def _to_feature() -> dict[str, Any]:
    url = (
        "/d/modelward-feature?${model:queryparam}&var-feature=${__data.fields.feature:percentencode}"
        "&${datasource:queryparam}&${__url_time_range}"
    )
    return {"links": [{"title": "Open the feature dashboard", "url": url}]}


def _yes_no() -> dict[str, Any]:
    return {"mappings": YES_NO["mappings"]}
