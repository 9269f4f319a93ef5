"""The rules: promtool runs the tests that are made beside them, and finds faults that are put in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.monitoring.watching import HOSTILE, tool

from modelward.core.errors import ConfigError
from modelward.monitoring.fleet.records import Model
from modelward.monitoring.outputs.families import FAMILIES, PREFIX
from modelward.monitoring.outputs.rules import RECORDED, rules
from modelward.monitoring.outputs.rules_limits import (
    NORMAL,
    Limits,
    Tier,
    limits_of,
    seconds,
    tiers_of,
)
from modelward.monitoring.outputs.rules_tests import rule_tests

CRITICAL = Tier(name="critical", above=2.5, severity="critical", hold="0s", silent=1.0)
TOP = Tier(name="top", above=1e6, severity="page", hold="1m", silent=0.5, unjudged="10m")


def written(folder: Path, files: dict[str, Any], tests: dict[str, Any]) -> Path:
    for name, content in files.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content), "utf-8")
    for name, content in tests.items():
        (folder / f"{name}_test.yml").write_text(yaml.safe_dump(content), "utf-8")
    return folder


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    return promtool(folder, "test", "rules", *sorted(p.name for p in folder.glob("*_test.yml")))


@pytest.mark.parametrize("tiers", [(NORMAL,), (NORMAL, CRITICAL), (TOP, NORMAL, CRITICAL)], ids=len)
@pytest.mark.parametrize(
    "limits",
    [Limits(), Limits(assessed="90s", never="1m", hold="0s", queue="10m", patience=5.5, disk=0.5)],
    ids=["default", "other"],
)
def test_the_rules_pass_the_tests_that_are_made_with_them(
    tmp_path: Path, limits: Limits, tiers: tuple[Tier, ...]
) -> None:
    folder = written(tmp_path, rules(limits, tiers), rule_tests(limits, tiers))
    checked = promtool(folder, "check", "rules", *(f"{name}.yml" for name in rules()))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = run_tests(folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tested() -> None:
    files, tests = rules(), rule_tests()
    for name, content in files.items():
        for rule in content["groups"][0]["rules"]:
            if "alert" in rule:
                of_it = [
                    check["exp_alerts"]
                    for test in tests[name]["tests"]
                    for check in test["alert_rule_test"]
                    if check["alertname"] == rule["alert"]
                ]
                assert [] in of_it, f"no test keeps {rule['alert']} quiet"
                assert any(of_it), f"no test lets {rule['alert']} fire"
    (recorded,) = tests["recorded"]["tests"]
    assert {each["expr"] for each in recorded["promql_expr_test"]} == set(RECORDED)


@pytest.mark.slow
def test_a_fault_in_any_alert_is_found(tmp_path: Path) -> None:
    """Turn each comparison round, and take each silence away: promtool must see it."""
    files, tests = rules(Limits(), (NORMAL, CRITICAL)), rule_tests(Limits(), (NORMAL, CRITICAL))
    faults = 0
    for name, content in files.items():
        for number, rule in enumerate(content["groups"][0]["rules"]):
            for was, now in (
                (" > ", " < "),
                (" == 1", " == 0"),
                (" >= ", " > "),
                (" unless ", " and "),
            ):
                if was not in rule["expr"] or "alert" not in rule:
                    continue
                folder = tmp_path / f"{name}{number}{was.split()[0].strip('=<>') or faults}"
                folder.mkdir()
                broken = yaml.safe_load(yaml.safe_dump(files))
                changed = broken[name]["groups"][0]["rules"][number]
                changed["expr"] = changed["expr"].replace(was, now, 1)
                of_it = [
                    test
                    for test in tests[name]["tests"]
                    if test["alert_rule_test"][0]["alertname"] == rule["alert"]
                ]
                written(folder, broken, {name: {**tests[name], "tests": of_it}})
                assert run_tests(folder).returncode != 0, f"{rule['alert']}: {was} -> {now} passes"
                faults += 1
    assert faults >= 20


def test_rules_ask_only_for_what_is_exported() -> None:
    for content in rules(Limits(), (NORMAL, CRITICAL)).values():
        for rule in content["groups"][0]["rules"]:
            text = rule["expr"] + str(rule.get("annotations", ""))
            for name in re.findall(rf"(?<![:\w]){PREFIX}(\w+)(?!\w*:)", text):
                assert name in FAMILIES, (name, rule)
            for name in re.findall(rf"\w+:{PREFIX}\w+:\w+", text):
                assert name in RECORDED, (name, rule)


def test_no_name_of_the_catalogue_gets_into_a_rule() -> None:
    models = [Model(HOSTILE, owner=HOSTILE, group=HOSTILE, criticality=9.0), Model("a"), Model("b")]
    text = yaml.safe_dump([rules(limits_of(models), tiers_of(models))])
    assert "script" not in text
    assert "ModelwardIncident" in text


def test_limits_and_tiers_come_from_the_catalogue() -> None:
    models = [
        Model(str(i), silent_after=6.0, criticality=100.0 if i > 17 else 1.0) for i in range(20)
    ]
    assert limits_of(models).assessed == "21600s"
    normal, critical = tiers_of(models)
    assert (normal.above, critical.above) == (0.0, 100.0)
    assert seconds(critical.hold) < seconds(normal.hold)
    assert tiers_of(models[:10]) == tiers_of([]) == (NORMAL,)
    assert limits_of([]) == limits_of([Model("a", silent_after=0.0)]) == Limits()


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: rules(Limits(), ()), "expected a tier from 0 on, got tiers from none"),
        (lambda: rules(Limits(), (CRITICAL,)), "expected a tier from 0 on"),
        (lambda: rules(Limits(), (NORMAL, NORMAL)), "expected tiers of their own name and edge"),
        (lambda: Tier(name='x"}'), "expected a tier's name and severity in small letters"),
        (lambda: Tier(name="x", above=float("nan")), "expected above >= 0"),
        (lambda: Tier(name="x", hold="soon"), "expected a duration as Prometheus writes it"),
        (lambda: Limits(disk=90), "expected disk as a share between 0 and 1"),
        (lambda: Limits(patience=0), "expected patience above 0"),
        (lambda: Limits(hold="5"), "expected a duration"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, fault: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(fault)):
        make()
