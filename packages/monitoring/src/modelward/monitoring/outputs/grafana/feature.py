"""One feature of one model, and the same feature elsewhere in the fleet."""

from __future__ import annotations

from typing import Any

from modelward.monitoring.outputs.families import PREFIX
from modelward.monitoring.outputs.grafana.fleet import GROUPS, OWNERS, TO_MODEL
from modelward.monitoring.outputs.grafana.looks import BAD_ABOVE_0, SHARE, TIMELINE, YES_NO, band
from modelward.monitoring.outputs.grafana.model import MODELS
from modelward.monitoring.outputs.grafana.panels import Panel, choice, dashboard, most, stat

FEATURES = choice(
    "feature",
    "Feature",
    f'label_values({PREFIX}feature_change_ratio{{model="$model"}}, feature)',
)


def feature_dashboard() -> dict[str, Any]:
    """Give the dashboard of one feature."""
    about = "How one feature moved, how sure that is, and where else in the fleet it did."
    variables = [GROUPS, OWNERS, MODELS, FEATURES]
    rows = {"": [*_glance(), *_over_time()], "In other models": _elsewhere()}
    return dashboard("feature", "Feature", about, variables, rows, of_model=True)


def _of(name: str) -> str:
    return most(name, where='model="$model", feature="$feature"')


def _glance() -> list[Panel]:
    small: dict[str, Any] = {"wide": 6}
    return [
        stat(
            "Change",
            "Of a share, 0 to 1.",
            _of("feature_change_ratio"),
            unit="percentunit",
            **small,
        ),
        stat("q-value", "Of the decision.", _of("feature_q_value"), unit="sci", **small),
        stat(
            "Drifted",
            "Decided for the whole fleet.",
            _of("feature_drifted"),
            defaults=YES_NO,
            **small,
        ),
        stat(
            "Models in which it drifted",
            "Among the exported features.",
            f"count({most('feature_drifted', 'model', where=_SAME)} == 1) or vector(0)",
            defaults=BAD_ABOVE_0,
            **small,
        ),
    ]


_SAME = 'feature="$feature"'


def _over_time() -> list[Panel]:
    return [
        Panel(
            title="Change",
            about="Change of a share, with its interval.",
            series={
                "change": _of("feature_change_ratio"),
                "low": _of("feature_change_low_ratio"),
                "high": _of("feature_change_high_ratio"),
            },
            unit="percentunit",
            defaults=SHARE,
            overrides=band("low", "high"),
        ),
        Panel(
            title="q-value",
            about="The smallest rate of false alarms at which it would be one.",
            series={"q-value": _of("feature_q_value")},
            defaults={"custom": {"scaleDistribution": {"type": "log", "log": 10}}},
        ),
        Panel(
            title="Shift of the mean",
            about="In standard deviations of the reference; of numbers only.",
            series={"shift": _of("feature_mean_shift")},
        ),
        Panel(
            title="Decision",
            about="When it was found to have drifted.",
            series={"drifted": _of("feature_drifted")},
            kind="state-timeline",
            defaults=YES_NO,
            options=TIMELINE,
        ),
    ]


def _elsewhere() -> list[Panel]:
    change = most("feature_change_ratio", "model", where=_SAME)
    return [
        Panel(
            title="The same name in other models",
            about="Many at once point to a source they share.",
            series={"Change": f"topk(100, {change})"},
            kind="table",
            unit="percentunit",
            wide=24,
            high=10,
            link=TO_MODEL,
        )
    ]
