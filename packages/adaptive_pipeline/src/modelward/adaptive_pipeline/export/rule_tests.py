"""The tests of the alert rules, as `promtool test rules` runs them: each fires when it should only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from modelward.adaptive_pipeline.export.rules import Limits, rules, seconds

_MINUTES = 30  # how long a condition lasts beyond what its rule asks for


class _Case(NamedTuple):
    """One alert: the series under which it fires, and each change that keeps it quiet.

    Series are named without the prefix they all have; values are in Prometheus's short form. `value`
    and `labels` are what the alert then tells.
    """

    alert: str
    fires: Mapping[str, str]
    quiet: tuple[Mapping[str, str], ...]
    value: float = 0.0
    labels: Mapping[str, str] = {}


def rule_tests(limits: Limits) -> dict[str, Any]:
    """Give the test file for the rules made with these limits."""
    alerts = {rule["alert"]: rule for rule in rules(limits)["groups"][1]["rules"]}
    made = []
    for case in _cases(limits):
        rule = alerts[case.alert]
        made.append(_test(f"{case.alert} fires", case.fires, rule, [_told(case, rule)]))
        for number, change in enumerate(case.quiet, start=1):
            name = f"{case.alert} is quiet ({number})"
            made.append(_test(name, {**case.fires, **change}, rule, []))
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": made}


def _test(
    name: str, series: Mapping[str, str], rule: Mapping[str, Any], told: list[dict[str, Any]]
) -> dict[str, Any]:
    length = _length(rule["for"])
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": one, "values": f"{values}x{length}"}
            for key, values in series.items()
            for one in _of_two_gateways(key)
        ],
        "alert_rule_test": [
            {"eval_time": f"{length}m", "alertname": rule["alert"], "exp_alerts": told}
        ],
    }


def _length(hold: str) -> int:
    return int(seconds(hold) / 60) + _MINUTES


def _of_two_gateways(key: str) -> Iterator[str]:
    """Two gateways over one store tell the same: it must not count twice."""
    name, _, labels = key.rstrip("}").partition("{")
    full = name if name == "up" else f"modelward_pipeline_{name}"
    for instance in ["a"] if name == "up" else ["a", "b"]:
        places = f'model="m",job="modelward",instance="{instance}"'
        yield f"{full}{{{','.join(each for each in (places, labels) if each)}}}"


def _told(case: _Case, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the alert tells, its words filled in."""
    labels = {"model": "m", **case.labels}
    text = rule["annotations"]["summary"]
    text = text.replace("{{ $value | humanizePercentage }}", f"{100 * case.value:.4g}%")
    text = re.sub(r'\{\{ printf "(\S+)" \$value \}\}', lambda m: m[1] % case.value, text)
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: labels[m[1]], text)
    return {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": {"summary": text}}


def _cases(limits: Limits) -> list[_Case]:
    return [*_of_the_model(limits), *_of_the_service(limits)]


def _of_the_model(limits: Limits) -> Iterator[_Case]:
    high = 2 * limits.tolerance + 1
    loss, labels = 'loss{version="1",segment=""}', 'loss_labels{version="1",segment=""}'
    reference = 'reference_loss{version="1"}'
    yield _Case(
        "ModelLossHigh",
        {loss: f"{high:.9f}", labels: str(limits.labels), reference: "0"},
        (
            {loss: f"{limits.tolerance / 2:.9f}"},
            {labels: str(limits.labels - 1)},
            {reference: f"{high:.9f}"},
        ),
        value=high,
        labels={"version": "1"},
    )
    shown = 'drift_shown{column="x"}'
    yield _Case("InputsShifted", {shown: "1"}, ({shown: "0"},), labels={"column": "x"})
    missing, joined = 'joins{state="missing"}', 'joins{state="joined"}'
    yield _Case(
        "LabelsMissing",
        {missing: "0+9", joined: "5"},
        ({missing: "9", joined: "5+9"}, {missing: "9"}),
        value=1.0,
    )


def _of_the_service(limits: Limits) -> Iterator[_Case]:
    ok, failed, away = (
        f'requests_total{{version="1",status="{status}"}}' for status in ("ok", "error", "503")
    )
    yield _Case("RequestsFail", {failed: "0+9"}, ({ok: "0+9000000"}, {failed: "9"}), value=1.0)
    yield _Case("RequestsFail", {away: "0+9"}, ({away: "9"},), value=1.0)
    fast, slow, all_ = (
        f'request_seconds_bucket{{le="{bound}"}}'
        for bound in (f"{limits.latency:.9f}", f"{4 * limits.latency:.9f}", "+Inf")
    )
    yield _Case(
        "RequestsSlow",
        {fast: "0", slow: "0+9", all_: "0+9"},
        ({fast: "0+9"}, {slow: "0", all_: "0"}),
        value=limits.latency * (1 + 3 * 0.99),
    )
    yield _Case("ChampionHangs", {"hung_calls": "2"}, ({"hung_calls": "0"},), value=2.0)
    where = {"job": "modelward", "instance": "a"}
    yield _Case("GatewayDown", {"up": "0"}, ({"up": "1"},), labels=where)
    yield _Case("StoreDown", {"store_up": "0"}, ({"store_up": "1"},))
    lag = limits.behind + 1
    yield _Case(
        "JoinerBehind",
        {"watermark_seconds": f"-{lag:.0f}", ok: "0+9"},
        ({"watermark_seconds": "0+60"}, {ok: "9"}),
        value=60 * _length(limits.hold) + lag,
    )
    lease = 'lease_expires_seconds{part="controller"}'
    yield _Case("ControllerGone", {lease: "-100"}, ({lease: "0+60"},))
    backlog = 'backlog{part="controller"}'
    yield _Case(
        "ControllerStuck",
        {backlog: "7", "labels_read_total": "3"},
        ({backlog: "0"}, {"labels_read_total": "0+3"}),
        value=7.0,
    )
