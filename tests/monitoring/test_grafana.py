"""The dashboards: in order, and every query of them answered by a real Prometheus."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from tests.monitoring.watching import (
    HOSTILE,
    asked,
    eventually,
    in_trouble,
    prometheus,
    receiver,
    samples,
    tool,
)

from modelward.core.errors import ConfigError, DataError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.outputs.alerts import Webhook
from modelward.monitoring.outputs.exporter import FleetExporter
from modelward.monitoring.outputs.families import families_table
from modelward.monitoring.outputs.grafana import check_dashboards, dashboards, export_grafana
from modelward.monitoring.outputs.grafana.checks import filled, label_values, queries
from modelward.monitoring.outputs.rules import rules

VALUES = {"group": ".*", "owner": ".*", "workflow": ".*", "host": ".*", "__rate_interval": "30s"}


def test_the_dashboards_are_in_order() -> None:
    made = dashboards()
    check_dashboards(made)
    assert list(made) == ["fleet", "model", "feature", "quality", "operations"]
    for board in made.values():
        assert board["schemaVersion"] == 39
        assert json.loads(json.dumps(board, allow_nan=False)) == board
    kinds = {panel["type"] for board in made.values() for panel in board["panels"]}
    assert {"alertlist", "table", "stat", "timeseries", "state-timeline"} <= kinds
    assert not kinds & {"text", "graph", "singlestat"}  # no HTML, and nothing that Grafana dropped


def panel(number: int) -> Callable[[dict[str, Any]], Any]:
    return lambda made: made["fleet"]["panels"][number]


def same_id(made: dict[str, Any]) -> None:
    panel(2)(made)["id"] = panel(1)(made)["id"]


def overlap(made: dict[str, Any]) -> None:
    panel(1)(made)["gridPos"]["x"] = 1


def outside(made: dict[str, Any]) -> None:
    panel(1)(made)["gridPos"]["x"] = 23


def unknown_variable(made: dict[str, Any]) -> None:
    panel(1)(made)["targets"][0]["expr"] += ' or up{job="$nothing"}'


def unknown_in_braces(made: dict[str, Any]) -> None:
    made["model"]["annotations"]["list"][0]["expr"] += ' or up{job="${nothing:regex}"}'


def variable_too_late(made: dict[str, Any]) -> None:
    made["model"]["templating"]["list"].reverse()


def all_without_guard(made: dict[str, Any]) -> None:
    del made["fleet"]["templating"]["list"][1]["allValue"]


def fixed_source(made: dict[str, Any]) -> None:
    panel(1)(made)["targets"][0]["datasource"] = {"type": "prometheus", "uid": "mine"}


def same_ref(made: dict[str, Any]) -> None:
    found = next(p for p in made["operations"]["panels"] if len(p.get("targets", ())) > 1)
    found["targets"][1]["refId"] = "A"


def linked(made: dict[str, Any], was: str, now: str) -> None:
    text = json.dumps(made["fleet"])
    assert was in text
    made["fleet"] = json.loads(text.replace(was, now))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (same_id, "two panels have one id"),
        (overlap, "lies on"),
        (outside, "lies outside of the 24 columns"),
        (unknown_variable, "$nothing is asked for in the panels"),
        (unknown_in_braces, "$nothing is asked for in the annotations"),
        (variable_too_late, "which is not before it"),
        (all_without_guard, "give it an allValue"),
        (fixed_source, "does not ask the chosen datasource"),
        (same_ref, "two queries of one refId"),
        (lambda m: linked(m, "/d/modelward-model?", "/d/other?"), "leads to no dashboard"),
        (
            lambda m: linked(m, "/d/modelward-model?", "https://x.example/d/modelward-model?"),
            "no dashb",
        ),
        (lambda m: linked(m, "var-model=", "var-modell="), "hands on 'modell'"),
        (lambda m: linked(m, "&${__url_time_range}", ""), "loses the time"),
        (lambda m: m.update(copy=m["fleet"]), "two dashboards have one uid"),
    ],
)
def test_a_dashboard_out_of_order_is_refused(
    spoil: Callable[[dict[str, Any]], None], fault: str
) -> None:
    made = copy.deepcopy(dashboards())
    spoil(made)
    with pytest.raises(DataError) as caught:
        check_dashboards(made)
    assert fault in str(caught.value)


def test_values_cannot_leave_their_quotes() -> None:
    query = filled('up{model="$model"} or up{model="${model}"}', {"model": 'a"} or up{x="\\'})
    assert query == 'up{model="a\\"} or up{x=\\"\\\\"} or up{model="a\\"} or up{x=\\"\\\\"}'


def test_the_files_say_what_they_are_told(tmp_path: Path) -> None:
    fleet = Fleet("sqlite://")
    hook = Webhook(url="http://127.0.0.1:9000/told", secret_file="told-secret")
    written = export_grafana(
        tmp_path,
        fleet,
        exporter=["a.example:8400", "[::1]:8400"],
        interval="30s",
        key_file="key",
        webhooks=[hook],
    )
    scraped = yaml.safe_load((tmp_path / "prometheus.yml").read_text("utf-8"))
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["a.example:8400", "[::1]:8400"]}]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": "key"}
    assert job["sample_limit"] == 500_000
    assert scraped["global"]["scrape_interval"] == "30s"
    composed = yaml.safe_load((tmp_path / "docker-compose.yml").read_text("utf-8"))
    for service in composed["services"].values():
        name, _, version = service["image"].partition(":")
        assert name
        assert version[:1].isdigit() or version[:1] == "v"
        assert service["network_mode"] == "host"
        addresses = [c for c in service.get("command", []) if "listen-address=" in c]
        assert all(c.endswith("=") or "127.0.0.1:" in c for c in addresses)
    assert composed["services"]["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    read = (tmp_path / "README.md").read_text("utf-8")
    for path in written:
        assert path.is_file()
    for name in ("prometheus.yml", "alertmanager.yml", "told-secret", "`key`"):
        assert name in read
    sources = yaml.safe_load(
        (tmp_path / "grafana/provisioning/datasources/modelward.yml").read_text("utf-8")
    )
    assert {source["type"] for source in sources["datasources"]} == {"prometheus", "alertmanager"}
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "EXPORTED.sha256"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


def test_the_same_settings_give_the_same_bytes_and_a_changed_file_stays(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in export_grafana(tmp_path)}
    assert first == {path: path.read_bytes() for path in export_grafana(tmp_path)}
    mine = tmp_path / "rules/models.yml"
    mine.write_text("groups: []\n", "utf-8")
    with pytest.raises(ConfigError, match=r"models\.yml, got a file that was not written by this"):
        export_grafana(tmp_path, interval="2m")
    assert (tmp_path / "prometheus.yml").read_bytes() == first[tmp_path / "prometheus.yml"]
    export_grafana(tmp_path, force=True)
    assert {path: path.read_bytes() for path in first} == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"exporter": "http://127.0.0.1:8400"},
        {"exporter": []},
        {"prometheus": "localhost"},
        {"grafana": "127.0.0.1:99999"},
        {"alertmanager": "a b:9093"},
        {"interval": "0s"},
        {"interval": "often"},
        {"series_limit": 0},
    ],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        export_grafana(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetExporter]:
    folder = tmp_path_factory.mktemp("fleet")
    with in_trouble(f"sqlite:///{folder / 'fleet.db'}") as fleet:
        yield FleetExporter(fleet, every=None)


@pytest.fixture(scope="module")
def asking(
    exporter: FleetExporter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A real Prometheus with the exported files, which collects the exporter's text."""
    folder = tmp_path_factory.mktemp("watch")
    with receiver(exporter.render) as (url, _):
        address = url.removeprefix("http://")
        export_grafana(folder, exporter.fleet, exporter=address, interval="1s")
        with prometheus(folder / "prometheus.yml", folder / "data") as asked_at:
            eventually("figures come", lambda: asked(asked_at, "modelward_monitoring_store_up"))
            eventually("rules run", lambda: asked(asked_at, "model:modelward_monitoring_info:max"))
            yield asked_at, folder


def test_promtool_and_the_alert_tools_find_no_fault_in_the_files(asking: tuple[str, Path]) -> None:
    _, folder = asking
    tests = [f"rules/{name}_test.yml" for name in rules()]
    commands = [
        [tool("promtool"), "check", "config", "prometheus.yml"],
        [tool("promtool"), "test", "rules", *tests],
        [tool("amtool"), "check-config", "alertmanager.yml"],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("model", [HOSTILE, "well-0"], ids=["hostile", "plain"])
@pytest.mark.parametrize("name", list(dashboards()))
def test_every_query_of_a_dashboard_is_answered(
    asking: tuple[str, Path], name: str, model: str
) -> None:
    url, folder = asking
    path = folder / "grafana/dashboards" / f"{name}.json"
    board = json.loads(path.read_text("utf-8"))
    values = {**VALUES, "model": model, "feature": "age"}
    found = [*queries(board, values)]
    assert len(found) > 10
    for where, query in found:
        if not query.startswith("label_values("):

            def answered(query: str = query) -> list[dict[str, Any]]:
                return asked(url, query)

            if model == HOSTILE and "feature_failures{model=" in query:
                continue  # its data is sound
            eventually(f"{name}, {where}: {query}", answered)
        else:
            selector, label = label_values(query)
            answer = requests.get(
                f"{url}/api/v1/label/{label}/values", params={"match[]": selector}, timeout=10
            ).json()
            assert answer["status"] == "success", (where, query, answer)
            assert answer["data"], (where, query)


def test_the_names_reach_prometheus_as_they_are(asking: tuple[str, Path]) -> None:
    url, _ = asking
    answer = requests.get(f"{url}/api/v1/label/model/values", timeout=10).json()
    assert HOSTILE in answer["data"]


def test_every_rule_is_healthy_and_recorded_values_are_those_of_the_fleet(
    asking: tuple[str, Path], exporter: FleetExporter
) -> None:
    url, _ = asking
    written = [rule for file in rules().values() for rule in file["groups"][0]["rules"]]

    def evaluated() -> Any:
        groups = requests.get(f"{url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        known = [(rule["name"], rule["health"]) for group in groups for rule in group["rules"]]
        return known if all(health != "unknown" for _, health in known) else None

    known = eventually("every rule was evaluated", evaluated)
    assert {name for name, _ in known} == {rule.get("alert") or rule["record"] for rule in written}
    assert {health for _, health in known} == {"ok"}
    summary = exporter.fleet.summary()
    by_state = {
        row["metric"]["state"]: float(row["value"][1])
        for row in asked(url, "fleet:modelward_monitoring_models:sum")
    }
    assert by_state["alarmed"] == summary.alarmed
    assert by_state["cannot say"] == summary.cannot_say
    assert sum(by_state.values()) == summary.models
    told = samples(exporter.render())
    for row in asked(url, "model:modelward_monitoring_expected_loss:max"):
        model = row["metric"]["model"]
        assert float(row["value"][1]) == told["model_expected_loss", model]


GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "fleet-prometheus.md").read_text("utf-8")


def test_the_guide_runs_as_it_stands_and_names_every_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERT_TOKEN", "")  # put back afterwards
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(compile(block, "fleet-prometheus.md", "exec"), names)
    names["fleet"].close()
    assert GUIDE.endswith(families_table())
    alerts = set(re.findall(r"`(Modelward\w+)`", GUIDE))
    assert alerts <= {
        rule.get("alert") for file in rules().values() for rule in file["groups"][0]["rules"]
    }
    assert alerts
