"""The tests of the rules, as `promtool test rules` runs them: each fires when it should, and only then."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelward.monitoring.outputs.families import PREFIX
from modelward.monitoring.outputs.rules import INCIDENT, RETRAINING, SILENCED, rules
from modelward.monitoring.outputs.rules_limits import NORMAL, Limits, Tier, checked_tiers, seconds

_STEPS = 20  # the longest wait of a file takes so many evaluations
_MORE = 6  # evaluations for which a condition lasts beyond what its rule asks for
_LATER = 10 * 365 * 86_400  # seconds: longer ago than any limit
_HOSTILE = r"<b>\"a\\b\"</b>"  # as the test file writes <b>"a\b"</b>


class _Case(NamedTuple):
    """One alert: the series under which it fires, changes that keep it quiet, and what it tells.

    Series are named without the prefix; values are in promtool's short form, held by `x`.
    """

    alert: str
    fires: Mapping[str, str]
    quiet: Sequence[Mapping[str, str]]
    labels: Mapping[str, str] = {}
    words: Mapping[str, str] = {}
    tier: str = ""


def rule_tests(
    limits: Limits | None = None, tiers: Sequence[Tier] = (NORMAL,)
) -> dict[str, dict[str, Any]]:
    """Give the test files for the rules made with these limits and tiers, by the rule files' names.

    >>> list(rule_tests())
    ['recorded', 'incidents', 'models', 'operations', 'monitor']
    """
    limits, tiers = limits or Limits(), checked_tiers(tiers)
    files = rules(limits, tiers)
    paces = {name: _Pace.of(file["groups"][0]["rules"]) for name, file in files.items()}
    cases = {
        "incidents": [*_incidents(tiers)],
        "models": [*_models(paces["models"], limits, tiers)],
        "operations": [*_operations(paces["operations"], limits)],
        "monitor": [*_monitor(paces["monitor"], limits)],
    }
    made: dict[str, list[dict[str, Any]]] = {"recorded": [_recorded(paces["recorded"])]}
    for name, those in cases.items():
        written = files[name]["groups"][0]["rules"]
        made[name] = [test for case in those for test in _tests(case, written, paces[name])]
    return {
        name: {
            "rule_files": sorted({f"{name}.yml", "recorded.yml"}),
            "evaluation_interval": paces[name].text,
            "tests": tests,
        }
        for name, tests in made.items()
    }


class _Pace(NamedTuple):
    """How far apart the evaluations of one file are, in minutes: a rule may wait for days."""

    minutes: int

    @classmethod
    def of(cls, written: Sequence[Mapping[str, Any]]) -> _Pace:
        """Give the pace at which the longest wait of these rules takes a score of evaluations."""
        longest = max(seconds(rule.get("for", "0s")) for rule in written)
        return cls(max(1, math.ceil(longest / 60 / _STEPS)))

    @property
    def text(self) -> str:
        """The time from one evaluation to the next."""
        return f"{self.minutes}m"

    @property
    def clock(self) -> str:
        """Values of a series that is the time."""
        return f"0+{60 * self.minutes}"

    def steps(self, hold: str) -> int:
        """How many evaluations until a rule has waited long enough, and some more."""
        return math.ceil(seconds(hold) / 60 / self.minutes) + _MORE

    def ago(self, hold: str) -> str:
        """Say how long ago the far past is when the test of such a rule looks."""
        return _duration(_LATER + 60 * self.minutes * self.steps(hold))


def _tests(
    case: _Case, written: Sequence[Mapping[str, Any]], pace: _Pace
) -> Iterator[dict[str, Any]]:
    rule = next(
        rule
        for rule in written
        if rule["alert"] == case.alert and rule["labels"].get("tier", "") == case.tier
    )
    labels = {**rule["labels"], **case.labels}
    told = {"exp_labels": labels, "exp_annotations": {**rule["annotations"], **case.words}}
    # promtool compares all alerts of one name: at the edge of a tier no other may fire.
    name = f"{case.alert} {case.tier}".strip()
    yield _test(f"{name} fires", case.fires, rule, [told], pace)
    for number, change in enumerate(case.quiet, start=1):
        series = {k: v for k, v in {**case.fires, **change}.items() if v}
        yield _test(f"{name} is quiet ({number})", series, rule, [], pace)


def _test(
    name: str,
    series: Mapping[str, str],
    rule: Mapping[str, Any],
    told: list[dict[str, Any]],
    pace: _Pace,
) -> dict[str, Any]:
    steps = pace.steps(rule["for"])
    return {
        "name": name,
        "interval": pace.text,
        "input_series": [*_input(series, steps)],
        "alert_rule_test": [
            {
                "eval_time": f"{steps * pace.minutes}m",
                "alertname": rule["alert"],
                "exp_alerts": told,
            }
        ],
    }


def _input(series: Mapping[str, str], steps: int) -> Iterator[dict[str, str]]:
    """Two exporters over one database tell the same: it must not count twice."""
    for key, value in series.items():
        name, _, labels = key.removesuffix("}").partition("{")
        for instance in ("a", "b"):
            inside = ",".join(filter(None, [labels, f'instance="{instance}"']))
            yield {"series": f"{PREFIX}{name}{{{inside}}}", "values": f"{value}x{steps}"}


def _recorded(pace: _Pace) -> dict[str, Any]:
    model, feature = 'model="m"', 'model="m",feature="f"'
    series = {
        'models{group="g",state="alarmed"}': "1+0",
        'models{group="g",state="steady"}': "3+0",
        'models{group="h",state="alarmed"}': "1+0",
        'group_expected_loss{group="g"}': "5+0",
        'group_expected_loss{group="h"}': "2+0",
        f"feature_change_ratio{{{feature}}}": "0.25+0",
        f'model_info{{{model},owner="o",group="g",version="1"}}': "1+0",
        f"model_expected_loss{{{model}}}": "5+0",
        f"model_window_end_timestamp_seconds{{{model}}}": "0+0",
        'workflow_runs{workflow="w",state="failed"}': "1+0",
        'workflow_runs{workflow="w",state="succeeded"}': "3+0",
    }
    p = "modelward_monitoring_"
    who = '{model="m",owner="o",group="g"}'
    expected = {
        f"fleet:{p}models:sum": {'{state="alarmed"}': 2.0, '{state="steady"}': 3.0},
        f"group:{p}models:sum": {'{group="g"}': 4.0, '{group="h"}': 1.0},
        f"group:{p}alarmed:ratio": {'{group="g"}': 0.25, '{group="h"}': 1.0},
        f"fleet:{p}alarmed:ratio": {"": 0.4},
        f"fleet:{p}expected_loss:sum": {"": 7.0},
        f"model:{p}feature_change_ratio:max": {'{model="m"}': 0.25},
        f"model:{p}info:max": {who: 1.0},
        f"model:{p}expected_loss:max": {who: 5.0},
        f"model:{p}silence_seconds:min": {'{model="m"}': 60.0 * pace.minutes * _MORE},
        f"workflow:{p}failed:ratio": {'{workflow="w"}': 0.25},
    }
    return {
        "name": "what is recorded",
        "interval": pace.text,
        "input_series": [*_input(series, _MORE)],
        "promql_expr_test": [
            {
                "expr": name,
                "eval_time": f"{_MORE * pace.minutes}m",
                "exp_samples": [
                    {"labels": f"{name}{labels}", "value": value} for labels, value in found.items()
                ],
            }
            for name, found in expected.items()
        ],
    }


def _incidents(tiers: Sequence[Tier]) -> Iterator[_Case]:
    one = 'incident="i"'
    models, criticality = f"incident_models{{{one}}}", f"incident_criticality{{{one}}}"
    info = (
        f'incident_info{{{one},title="{_HOSTILE}",columns="c",worst="w",rule="r",suggestion="s"}}'
    )
    told = {
        "summary": '<b>"a\\b"</b>',
        "columns": "c",
        "worst": "w",
        "rule": "r",
        "suggestion": "s",
        "models": "300",
    }
    for tier in tiers:
        fires = {models: "300+0", criticality: f"{tier.above!r}+0", info: "1+0"}
        quiet = [{models: "0+0"}, {models: ""}, {criticality: ""}]
        yield _Case(INCIDENT, fires, quiet, {"incident": "i"}, told, tier.name)
        without = {"summary": "An incident is open", "models": "300"}
        nothing = dict.fromkeys(("columns", "worst", "rule", "suggestion"), "")
        bare = {models: "300+0", criticality: f"{tier.above!r}+0"}
        yield _Case(INCIDENT, bare, [], {"incident": "i"}, without | nothing, tier.name)
    silenced = f"incident_silenced{{{one}}}"
    yield _Case(SILENCED, {silenced: "1+0"}, [{silenced: "0+0"}], {"incident": "i"})
    retrain, belongs = 'model_retrain{model="m"}', f'model_incident{{model="m",{one}}}'
    yield _Case(
        RETRAINING,
        {retrain: "1+0", belongs: "1+0", silenced: "0+0"},
        [{retrain: "0+0"}, {retrain: ""}, {silenced: "1+0"}],
        {"model": "m"},
        {"summary": "m got worse by more than chance, on sound data"},
    )


def _models(pace: _Pace, limits: Limits, tiers: Sequence[Tier]) -> Iterator[_Case]:
    one, who = 'model="m"', {"model": "m", "owner": "o", "group": "g"}
    info = {f'model_info{{{one},owner="o",group="g"}}': "1+0"}
    end, limit = (
        f"model_window_end_timestamp_seconds{{{one}}}",
        f"model_silent_after_seconds{{{one}}}",
    )
    criticality = f"model_criticality{{{one}}}"
    unknown, steady = (f'model_state{{{one},state="{s}"}}' for s in ("cannot say", "steady"))
    for tier in tiers:
        here = {criticality: f"{tier.above!r}+0", **info}
        yield _Case(
            "ModelwardModelSilent",
            {end: f"-{_LATER}+0", limit: "60+0", **here},
            [{end: pace.clock}, {limit: f"{_LATER * 2 / tier.silent:.0f}+0"}, {end: ""}],
            who,
            {"summary": f"m has had no judged window for {pace.ago(limits.hold)}"},
            tier.name,
        )
        yield _Case(
            "ModelwardModelUnjudged",
            {unknown: "1+0", **here},
            [{unknown: "", steady: "1+0"}],
            who,
            {"summary": "Nothing can be said of some features of m"},
            tier.name,
        )
    new = f'model_state{{{one},state="new"}}'
    yield _Case(
        "ModelwardModelNeverSeen",
        {new: "1+0", **info},
        [{new: ""}],
        who,
        {"summary": "m is in the catalogue, and no window was ever judged"},
    )


def _operations(pace: _Pace, limits: Limits) -> Iterator[_Case]:
    one, who = 'workflow="w"', {"workflow": "w"}
    failed = f"workflow_failed{{{one}}}"
    yield _Case(
        "ModelwardWorkflowFailed",
        {failed: "1+0"},
        [{failed: "0+0"}],
        who,
        {"summary": "The last run of w failed"},
    )
    last, every = (
        f"workflow_last_success_timestamp_seconds{{{one}}}",
        f"workflow_interval_seconds{{{one}}}",
    )
    yield _Case(
        "ModelwardWorkflowOverdue",
        {last: f"-{_LATER}+0", every: "60+0"},
        [{last: pace.clock}, {every: ""}, {every: f"{_LATER * 2}+0"}],
        who,
        {"summary": f"w has not succeeded for {pace.ago(limits.hold)}"},
    )
    queue, most = f"workflow_queue_seconds{{{one}}}", seconds(limits.queue)
    yield _Case(
        "ModelwardQueueLong",
        {queue: f"{most + 864_000}+0"},
        [{queue: f"{most}+0"}],
        who,
        {"summary": f"Runs of w wait {_duration(most + 864_000)}"},
    )
    for what, share in (("disk", limits.disk), ("memory", limits.memory)):
        used, size = (f'resource_{what}_{n}_bytes{{host="h"}}' for n in ("used", "size"))
        yield _Case(
            f"Modelward{what.capitalize()}Full",
            {used: "100+0", size: "100+0"},
            [{used: f"{100 * share:g}+0"}, {size: ""}],
            {"host": "h"},
            {"summary": f"100% of the {what} of h are used"},
        )
    seen = 'resource_timestamp_seconds{host="h"}'
    yield _Case(
        "ModelwardHostSilent",
        {seen: f"-{_LATER}+0"},
        [{seen: pace.clock}],
        {"host": "h"},
        {"summary": f"h was last seen {pace.ago(limits.hold)} ago"},
    )


def _monitor(pace: _Pace, limits: Limits) -> Iterator[_Case]:
    up, last, read = "store_up", "last_assessment_timestamp_seconds", "read_timestamp_seconds"
    yield _Case("ModelwardExporterGone", {}, [{up: "1+0"}, {up: "0+0"}])
    yield _Case("ModelwardStoreDown", {up: "0+0"}, [{up: "1+0"}, {up: ""}])
    ago = pace.ago(limits.hold)
    yield _Case(
        "ModelwardAssessmentLate",
        {last: f"-{_LATER}+0"},
        [{last: pace.clock}, {last: ""}],
        words={"summary": f"The fleet was last judged {ago} ago"},
    )
    models = 'models{group="g",state="new"}'
    yield _Case(
        "ModelwardNeverAssessed",
        {models: "7+0"},
        [{last: pace.clock}, {models: "0+0"}],
        words={"summary": "7 models are in the catalogue, and were never judged"},
    )
    yield _Case(
        "ModelwardFiguresOld",
        {read: f"-{_LATER}+0"},
        [{read: pace.clock}],
        words={"summary": f"The exporter last read the fleet {ago} ago"},
    )
    out = 'left_out{what="models"}'
    yield _Case(
        "ModelwardSeriesLeftOut",
        {out: "7+0"},
        [{out: "0+0"}],
        {"what": "models"},
        {"summary": "7 models are not exported: raise the limit on series"},
    )


def _duration(value: int) -> str:
    """Write a number of seconds, from a day on, as Prometheus' humanizeDuration does."""
    days, rest = divmod(value, 86_400)
    hours, rest = divmod(rest, 3_600)
    return f"{days}d {hours}h {rest // 60}m {rest % 60}s"
