"""The exported configuration: checked and tested by the servers' own tools, and true to the numbers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.adaptive_pipeline.exporting import expressions, numbers, pipeline, tool
from typer.testing import CliRunner

from modelward.adaptive_pipeline import Drift, Performance, Store
from modelward.adaptive_pipeline.command import app
from modelward.adaptive_pipeline.export import Limits, export_config
from modelward.adaptive_pipeline.export.configuration import _prometheus, _yaml
from modelward.adaptive_pipeline.export.rule_tests import rule_tests
from modelward.adaptive_pipeline.export.rules import rules, seconds
from modelward.adaptive_pipeline.gateway.batcher import Batcher
from modelward.adaptive_pipeline.gateway.counters import Counters
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold
from modelward.core.errors import ConfigError

DASHBOARD = "grafana/dashboards/pipeline.json"
ODD = Limits(
    tolerance=250.0, labels=5, missing=0.9, errors=0.5, latency=0.03, behind=3.5, hold="0s"
)
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "two gateways behind TLS": {
        "name": 'it\'s "fuel"\\ #1: {é}',
        "gateway": ["https://a.example.org:443", "https://[::1]:8443"],
        "key_file": "gateway-key",
        "interval": "1s",
        "limits": ODD,
    },
}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool(command[0]), *command[1:]], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(params=SETTINGS, scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("config")
    export_config(made, **SETTINGS[request.param])
    for secret in ("alert-secret", "gateway-key"):
        (made / secret).write_text("s3cret", "utf-8")
    return made


@pytest.mark.parametrize(
    "command",
    [
        "promtool check config prometheus.yml",
        "promtool check rules rules.yml",
        "promtool test rules rules.test.yml",
        "amtool check-config alertmanager.yml",
        "sha256sum --check --strict EXPORTED.sha256",
    ],
)
def test_the_tools_accept_it(folder: Path, command: str) -> None:
    done = run(folder, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_yaml_file_reads_back(folder: Path) -> None:
    files = list(folder.rglob("*.yml"))
    assert len(files) == 7
    for file in files:
        assert isinstance(yaml.safe_load(file.read_text("utf-8")), dict)


ALERTS = [rule["alert"] for rule in rules(Limits())["groups"][1]["rules"]]
BREAKS = {
    "never": lambda rule: {"expr": f"({rule['expr']}) and vector(1) == 0"},
    "always": lambda rule: {
        "expr": re.sub(r" (>|>=|==) [\d.]+", " > -1e12", rule["expr"], count=1)
    },
    "later": lambda rule: {"for": "90d"},
    "quieter": lambda rule: {"annotations": {"summary": "something"}},
    "elsewhere": lambda rule: {"labels": {**rule["labels"], "action": "shrug"}},
}


def broken(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> set[str]:
    """Break every rule in one way; give the alerts whose tests find it."""
    made = rules(Limits())
    for rule in made["groups"][1]["rules"]:
        rule.update(change(rule))
    (folder / "rules.yml").write_text(yaml.safe_dump(made), "utf-8")
    done = run(folder, "promtool", "test", "rules", "rules.test.yml")
    assert "could not" not in done.stderr, done.stderr
    return set(re.findall(r"alertname: (\w+)", done.stdout + done.stderr))


@pytest.mark.parametrize("how", BREAKS)
def test_the_tests_of_each_rule_can_fail(tmp_path: Path, how: str) -> None:
    export_config(tmp_path)
    assert broken(tmp_path, dict) == set()
    assert broken(tmp_path, BREAKS[how]) == set(ALERTS)


def test_a_rule_without_its_second_condition_is_found(tmp_path: Path) -> None:
    export_config(tmp_path)
    found = broken(tmp_path, lambda rule: {"expr": rule["expr"].partition(" and ")[0]})
    assert found == {"ModelLossHigh", "JoinerBehind", "ControllerStuck"}


def test_every_alert_is_tested_both_ways() -> None:
    tests = [
        (each["alertname"], bool(each["exp_alerts"]))
        for test in rule_tests(Limits())["tests"]
        for each in test["alert_rule_test"]
    ]
    assert {name for name, fires in tests if fires} == set(ALERTS)
    assert {name for name, fires in tests if not fires} == set(ALERTS)


def test_only_the_loss_starts_a_retraining() -> None:
    made = rules(Limits())["groups"][1]["rules"]
    assert [r["alert"] for r in made if r["labels"]["action"] == "retrain"] == ["ModelLossHigh"]


def names(expression: str) -> set[str]:
    return set(re.findall(r"(?:model:)?modelward_pipeline_\w+(?::\w+)?", expression))


def test_expressions_and_numbers_are_about_the_same(
    tmp_path: Path, store: Store, memory: MemoryRegistry, root: Path
) -> None:
    """What is asked for is there, and what is there is asked for, shown and explained."""
    memory.register(Threshold(0.5), alias="champion", columns=["x", "side"])
    triggers = [Performance(reference=100), Drift(reference=50, window=50, every=10)]
    loop = pipeline(store, memory, segments=["side"], triggers=triggers)

    def serve(first: int, last: int) -> None:
        for i in range(first, last):
            row = {"x": (i * 37 % 100) / 100, "side": "left" if i % 2 else "right"}
            loop.predict(row, f"r{i}")
            loop.label(f"r{i}", int(row["x"] > 0.5))

    serve(0, 300)
    loop.retrain("to have a trial under way")
    serve(300, 340)
    counters = Counters(calling=Batcher())
    counters.count("1", failed=True)
    families = text_string_to_metric_families(counters.render().decode())
    exposed = {f"modelward_pipeline_{key[0]}" for key in numbers(store)}
    exposed |= {sample.name for family in families for sample in family.samples}

    export_config(tmp_path)
    recorded = {rule["record"]: rule["expr"] for rule in rules(Limits())["groups"][0]["rules"]}
    alerts = {rule["expr"] for rule in rules(Limits())["groups"][1]["rules"]}
    shown = expressions(tmp_path)
    asked = set().union(*map(names, [*recorded.values(), *alerts, *shown]))
    assert asked - exposed == set(recorded)
    assert exposed <= asked
    assert names(" ".join(shown)) >= exposed - {
        "modelward_pipeline_requests_total_created",
        "modelward_pipeline_fallbacks_total_created",
    }

    page = (root / "docs/how-to/prometheus-and-grafana.md").read_text("utf-8")
    told = re.findall(
        r"^\| (`[a-z_`, ]+`) \|.*\|$", page.partition("## The numbers")[2], re.MULTILINE
    )
    histogram = {
        f"request_seconds_{part}": "request_seconds" for part in ("bucket", "sum", "count")
    }
    families = {each.removeprefix("modelward_pipeline_") for each in exposed}
    assert {name for row in told for name in re.findall(r"\w+", row)} == {
        histogram.get(each, each) for each in families if not each.endswith("_created")
    }


def test_the_dashboard_is_sound(folder: Path) -> None:
    made = json.loads((folder / DASHBOARD).read_text("utf-8"))
    panels = made["panels"]
    assert len(panels) > 12
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    source = {"type": "prometheus", "uid": "${source}"}
    for panel in panels:
        assert panel["description"].endswith(".")
        assert panel["type"] in {"timeseries", "stat", "state-timeline"}
        assert panel["fieldConfig"]["defaults"]["unit"] in {"s", "short", "reqps", "percentunit"}
        assert panel["datasource"] == source
        assert panel["targets"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        for target in panel["targets"]:
            assert 'model="$model"' in target["expr"]  # else one model's numbers show in another's
            assert target["legendFormat"]
            assert target["datasource"] == source
        legends = {target["legendFormat"] for target in panel["targets"]}
        for override in panel["fieldConfig"]["overrides"]:
            name = override["matcher"]["options"]
            assert any(re.fullmatch(re.sub(r"\{\{\w+\}\}", ".+", each), name) for each in legends)
    boxes = [panel["gridPos"] for panel in panels]
    assert all(box["x"] + box["w"] <= 24 for box in boxes)
    for a, b in combinations(boxes, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_x or apart_y
    variables = {each["name"]: each for each in made["templating"]["list"]}
    assert set(variables) == {"source", "model"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(made))) == set(variables)


def test_grafana_finds_the_dashboard_and_its_source(tmp_path: Path) -> None:
    export_config(tmp_path, prometheus="127.0.0.1:9191")
    grafana = tmp_path / "grafana/provisioning"
    source = yaml.safe_load((grafana / "datasources/modelward.yml").read_text("utf-8"))
    assert source["datasources"][0]["url"] == "http://127.0.0.1:9191"
    provider = yaml.safe_load((grafana / "dashboards/modelward.yml").read_text("utf-8"))
    services = yaml.safe_load((tmp_path / "docker-compose.yml").read_text("utf-8"))["services"]
    mounted = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    inside = {there: here for here, there in mounted.items()}
    assert (tmp_path / inside[provider["providers"][0]["options"]["path"]]).is_dir()
    assert (tmp_path / inside["/etc/grafana/provisioning"]).is_dir()
    for service in services.values():
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"])  # no tag that moves
        assert all("0.0.0.0" not in each for each in service.get("command", []))


def test_the_secret_is_in_no_file(folder: Path) -> None:
    texts = {p.name: p.read_text("utf-8") for p in folder.rglob("*") if p.is_file()}
    assert [name for name, text in texts.items() if "s3cret" in text] == [
        name for name in texts if name in {"alert-secret", "gateway-key"}
    ]
    receivers = yaml.safe_load(texts["alertmanager.yml"])["receivers"]
    hook = receivers[1]["webhook_configs"][0]
    assert hook["http_config"]["authorization"] == {
        "type": "Bearer",
        "credentials_file": "alert-secret",
    }
    assert hook["url"].endswith("/hooks/alerts")


def routed(folder: Path, *labels: str) -> str:
    done = run(
        folder, "amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_alerts_go_where_they_belong(folder: Path) -> None:
    for rule in rules(Limits())["groups"][1]["rules"]:
        labels = [f"{key}={value}" for key, value in {**rule["labels"], "model": "m"}.items()]
        expected = "retraining" if rule["alert"] == "ModelLossHigh" else "people"
        assert routed(folder, f"alertname={rule['alert']}", *labels) == expected


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    for settings in SETTINGS.values():
        one, other = tmp_path / "one", tmp_path / "other"
        written = export_config(one, **settings)
        export_config(other, **settings)
        assert {p.relative_to(one): c for p, c in everything(one).items()} == {
            p.relative_to(other): c for p, c in everything(other).items()
        }
        assert set(written) == set(everything(one))
        before = everything(one)
        export_config(one, **settings)
        assert everything(one) == before


def test_files_of_an_earlier_export_are_written_anew(tmp_path: Path) -> None:
    export_config(tmp_path)
    export_config(tmp_path, interval="5s")
    assert "scrape_interval: 5s" in (tmp_path / "prometheus.yml").read_text("utf-8")
    assert run(tmp_path, "sha256sum", "--check", "EXPORTED.sha256").returncode == 0


@pytest.mark.parametrize("name", ["prometheus.yml", DASHBOARD, "README.md"])
def test_what_somebody_wrote_or_changed_stays(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine\n", "utf-8")
    with pytest.raises(ConfigError, match="was not written by this command") as caught:
        export_config(tmp_path)
    assert "--force" in str(caught.value)
    assert list(everything(tmp_path)) == [mine]  # nothing was written
    export_config(tmp_path, force=True)
    assert mine.read_text("utf-8") != "mine\n"

    mine.write_text(mine.read_text("utf-8") + "\n", "utf-8")  # changed by hand
    before = everything(tmp_path)
    with pytest.raises(ConfigError, match="changed since"):
        export_config(tmp_path, interval="5s")
    assert everything(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    with pytest.raises(ConfigError, match="expected a folder to write into"):
        export_config(file)
    (tmp_path / "prometheus.yml").mkdir()
    with pytest.raises(ConfigError, match="expected a folder to write into"):
        export_config(tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"gateway": "127.0.0.1"}, "host:port"),
        ({"gateway": "http://127.0.0.1:8000/metrics"}, "host:port"),
        ({"gateway": "127.0.0.1:99999"}, "host:port"),
        ({"gateway": "user:password@host:80"}, "host:port"),
        ({"gateway": []}, "got none"),
        ({"gateway": ["a:1", "https://b:1"]}, "all http or all https"),
        ({"alertmanager": "x"}, "host:port"),
        ({"interval": "15"}, "a duration"),
        ({"interval": "0s"}, "above 0"),
        ({"interval": ""}, "a duration"),
        ({"name": ""}, "name of the model"),
        ({"name": "a\nb"}, "name of the model"),
    ],
)
def test_settings_out_of_range_are_told(
    tmp_path: Path, settings: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        export_config(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "settings",
    [
        {"tolerance": -0.1},
        {"tolerance": float("nan")},
        {"labels": 0},
        {"missing": 1.0},
        {"errors": 0.0},
        {"latency": 0.0},
        {"behind": float("inf")},
        {"hold": "1 m"},
        {"stuck": "soon"},
    ],
)
def test_limits_out_of_range_are_told(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings)) + "|duration"):
        Limits(**settings)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1))
def test_any_name_comes_through(name: str) -> None:
    text = _yaml(_prometheus(name, "http", ["a:1"], "b:1", interval="1s", key_file=None))
    found = yaml.safe_load(text)["scrape_configs"][0]["static_configs"][0]
    assert found["labels"] == {"model": name}


@given(st.lists(st.integers(0, 99), min_size=5, max_size=5))
def test_durations_add_up(parts: list[int]) -> None:
    text = "".join(f"{n}{unit}" for n, unit in zip(parts, ["d", "h", "m", "s", "ms"], strict=True))
    d, h, m, s, ms = parts
    assert seconds(text) == pytest.approx(((d * 24 + h) * 60 + m) * 60 + s + ms / 1_000)


def test_the_command_writes_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export-config", str(tmp_path / "new"), "--name", "fuel"])
    assert done.exit_code == 0, done.output
    lines = [Path(line) for line in done.output.split()]
    assert set(lines) == set(everything(tmp_path / "new"))
    assert "model: fuel" in (tmp_path / "new" / "prometheus.yml").read_text("utf-8")
