"""What the panels of the dashboard show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MODEL = 'model="$model"'
EVENTS = {"promotions": "green", "rollbacks": "red", "retrainings": "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: `series` are expressions by legend; `unit` is Grafana's name; `wide` of 24 columns."""

    title: str
    about: str
    series: Mapping[str, str]
    kind: str = "timeseries"
    unit: str = "short"
    wide: int = 12
    high: int = 8
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def panels() -> list[Panel]:
    """Give the panels, in the order they are laid out."""
    return [*_at_a_glance(), *_of_the_model(), *_of_the_labels(), *_of_the_service()]


def _most(name: str, *by: str, where: str = "") -> str:
    """Ask for a number of the store, which every gateway on it tells."""
    chosen = ",".join(each for each in (MODEL, where) if each)
    return f"max by ({', '.join(by)}) (modelward_pipeline_{name}{{{chosen}}})"


def _at_a_glance() -> list[Panel]:
    small: dict[str, Any] = {"kind": "stat", "wide": 6, "high": 4}
    last = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"}
    return [
        Panel(
            title="Champion",
            about="The version that serves.",
            series={"version {{version}}": _most("champion", "version")},
            options={**last, "textMode": "name"},
            **small,
        ),
        Panel(
            title="Decisions",
            about="Retrainings, promotions and rollbacks since the loop began; entries of its ledger.",
            series={
                **{event: _most(f"{event}_total") for event in reversed(EVENTS)},
                "ledger entries": _most("ledger_entries"),
            },
            options=last,
            **(small | {"wide": 12}),
        ),
        Panel(
            title="Last decision",
            about="How long ago the last entry was made in the ledger.",
            series={"ago": f"time() - {_most('ledger_last_seconds')}"},
            unit="s",
            options=last,
            **small,
        ),
    ]


def _of_the_model() -> list[Panel]:
    dashed = {"custom.lineStyle": {"fill": "dash", "dash": [8, 8]}}
    whole, parts = 'segment=""', 'segment!=""'
    return [
        Panel(
            title="Loss",
            about="Mean loss of each version in the newest window for which no label is to come in "
            "time any more, and the champion's reference: the mean of its first labels.",
            series={
                "version {{version}}": _most("loss", "version", where=whole),
                "reference": _most("reference_loss"),
            },
            overrides={"reference": dashed},
        ),
        Panel(
            title="Gain on trial",
            about="Loss the challenger saves per request, with its confidence sequence, which holds "
            "at every look. It is promoted when the lower end is above 0.",
            series={
                "gain of version {{challenger}}": _most("gain", "challenger", "trial"),
                "lower end": _most("gain_low"),
                "upper end": _most("gain_high"),
            },
            overrides={
                "lower end": dashed,
                "upper end": dashed | {"custom.fillBelowTo": "lower end"},
            },
        ),
        Panel(
            title="Phase",
            about="What the controller is doing.",
            series={"{{phase}}": _most("phase", "phase")},
            kind="state-timeline",
            defaults={"mappings": [_words({"0": ("", "transparent"), "1": ("now", "blue")})]},
            options={"showValue": "never", "mergeValues": True, "legend": {"showLegend": False}},
        ),
        Panel(
            title="Loss by segment",
            about="Mean loss in each declared segment, in the same window.",
            series={
                "{{segment}} (version {{version}})": _most(
                    "loss", "segment", "version", where=parts
                )
            },
        ),
        Panel(
            title="Drift of inputs and outputs",
            about="Largest change of a share of each column since the champion began, at the last look "
            "of the drift trigger: an early warning, before labels come.",
            series={
                "{{column}}": _most("drift", "column"),
                "shown for {{column}}": f"{_most('drift_shown', 'column')} == 1",
            },
            unit="percentunit",
            defaults={"min": 0, "max": 1},
        ),
    ]


def _of_the_labels() -> list[Panel]:
    return [
        Panel(
            title="Labels",
            about="How requests and labels stand: each request is joined, late, waiting, missing or "
            "failed; labels without a request are parked or orphans.",
            series={"{{state}}": _most("joins", "state")},
        ),
        Panel(
            title="Requests without a label",
            about="Share of the requests whose time was up in the last hour for which no label came.",
            series={"missing": f"model:modelward_pipeline_missing:share1h{{{MODEL}}}"},
            unit="percentunit",
            defaults={"min": 0, "max": 1},
        ),
        Panel(
            title="Labels behind each loss",
            about="Labels in the window of each loss, and those the trial has compared.",
            series={
                "version {{version}}": _most("loss_labels", "version", where='segment=""'),
                "trial": _most("gain_labels"),
            },
        ),
        Panel(
            title="Behind the clock",
            about="Age of the newest request the joiner has seen, and of the window of each loss.",
            series={
                "joiner": f"time() - {_most('watermark_seconds')}",
                "loss of version {{version}}": f"time() - {_most('loss_until_seconds', 'version')}",
            },
            unit="s",
        ),
        Panel(
            title="Waiting",
            about="Requests the joiner, labels and outside wishes the controller has yet to take.",
            series={"{{part}}": _most("backlog", "part")},
        ),
        Panel(
            title="At work",
            about="Labels the controller takes a second, and for how long the parts still hold their "
            "leases: below 0 nobody does the work.",
            series={
                "labels a second": f"max(rate(modelward_pipeline_labels_read_total{{{MODEL}}}[5m]))",
                "lease of the {{part}}": f"{_most('lease_expires_seconds', 'part')} - time()",
            },
            overrides={
                f"lease of the {part}": {"unit": "s", "min": -60}
                for part in ("controller", "joiner")
            },
        ),
    ]


def _of_the_service() -> list[Panel]:
    requests = f"modelward_pipeline_requests_total{{{MODEL}}}[5m]"
    answered = "modelward_pipeline_request_seconds"
    buckets = f"sum by (le) (rate({answered}_bucket{{{MODEL}}}[5m]))"
    mean = " / ".join(f"sum(rate({answered}_{of}{{{MODEL}}}[5m]))" for of in ("sum", "count"))
    up = {"0": ("down", "red"), "1": ("up", "green")}
    return [
        Panel(
            title="Requests",
            about="Requests a second, by the version that answered and how they ended.",
            series={"{{version}} {{status}}": f"sum by (version, status) (rate({requests}))"},
            unit="reqps",
        ),
        Panel(
            title="Failed requests",
            about="Share of the requests that ended in an error.",
            series={"failed": f"model:modelward_pipeline_failed:share5m{{{MODEL}}}"},
            unit="percentunit",
            defaults={"min": 0},
        ),
        Panel(
            title="Time to answer",
            about="From a request's arrival to its answer.",
            series={
                "median": f"histogram_quantile(0.5, {buckets})",
                "99 %": f"model:modelward_pipeline_request_seconds:p99{{{MODEL}}}",
                "mean": mean,
            },
            unit="s",
        ),
        Panel(
            title="Fallbacks",
            about="Requests a second that the champion answered because the challenger failed.",
            series={"fallbacks": f"sum(rate(modelward_pipeline_fallbacks_total{{{MODEL}}}[5m]))"},
            unit="reqps",
        ),
        Panel(
            title="Hung calls",
            about="Calls of the champion that have not ended in time.",
            series={"{{instance}}": f"modelward_pipeline_hung_calls{{{MODEL}}}"},
            defaults={"min": 0},
        ),
        Panel(
            title="Gateways and store",
            about="Whether each gateway answers, and whether the store answers it.",
            series={
                "{{instance}}": f'up{{job="modelward",{MODEL}}}',
                "store of {{instance}}": _most("store_up", "instance"),
            },
            kind="state-timeline",
            wide=24,
            high=6,
            defaults={"mappings": [_words(up)]},
            options={"showValue": "never", "mergeValues": True, "legend": {"showLegend": False}},
        ),
    ]


def _words(looks: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    words = {value: {"text": text, "color": colour} for value, (text, colour) in looks.items()}
    return {"type": "value", "options": words}
