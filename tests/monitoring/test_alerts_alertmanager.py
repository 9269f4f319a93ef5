"""The real Alertmanager: an incident of 300 models is one message, and silences hold it back."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from tests.monitoring.watching import (
    HOSTILE,
    NOW,
    Received,
    alertmanager,
    asked,
    eventually,
    free_port,
    in_trouble,
    prometheus,
    receiver,
    rows,
    running,
    tool,
)

from modelward.core.errors import ConfigError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.outputs.alerts import Notifier, Webhook, alertmanager_config
from modelward.monitoring.outputs.alerts.alertmanager import matcher
from modelward.monitoring.outputs.exporter import FleetExporter
from modelward.monitoring.outputs.grafana import export_grafana
from modelward.monitoring.outputs.rules_limits import Limits, Tier
from modelward.monitoring.sketch.table import Sketch

AT_ONCE = Tier(name="normal", hold="0s", unjudged="1d")


def written(folder: Path, webhooks: list[Webhook], **more: Any) -> Path:
    path = folder / "alertmanager.yml"
    settings = {"group_wait": "1s", "group_interval": "1s", "repeat": "1h"} | more
    path.write_text(yaml.safe_dump(alertmanager_config(webhooks, **settings)), "utf-8")
    return path


def post(url: str, *alerts: dict[str, str]) -> None:
    content = [
        {
            "labels": labels,
            "annotations": {"summary": labels.get("incident", "")},
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
        }
        for labels in alerts
    ]
    requests.post(f"{url}/api/v2/alerts", json=content, timeout=10).raise_for_status()


def told(received: Received, name: str) -> list[dict[str, Any]]:
    return [body for body in received.json() if body["groupLabels"].get("alertname") == name]


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def incident_alert(number: str, **more: str) -> dict[str, str]:
    return {"alertname": "ModelwardIncident", "severity": "warning", "incident": number, **more}


def test_alerts_of_one_incident_are_one_message_and_a_silence_holds_one_back(
    tmp_path: Path,
) -> None:
    with receiver() as (url, received):
        config = written(tmp_path, [Webhook(url=url)])
        with alertmanager(config, tmp_path / "data") as server:
            silenced = {"alertname": "ModelwardIncidentSilenced", "incident": "quiet"}
            post(server, silenced)
            pause(0.5)
            post(server, incident_alert("quiet"))
            # As if each model had an alert of its own.
            many = [incident_alert("loud", model=f'm{i}\n"{HOSTILE}') for i in range(300)]
            for start in range(0, 300, 100):
                post(server, *many[start : start + 100])
            eventually("the incident is told", lambda: len(received))
            for _ in range(3):  # Prometheus sends what still fires again and again
                post(server, *many, incident_alert("quiet"), silenced)
                pause(0.7)
            (message,) = received.json()
            assert message["groupLabels"] == {
                "alertname": "ModelwardIncident",
                "incident": "loud",
            }
            assert len(message["alerts"]) + message["truncatedAlerts"] == 300


def test_wishes_for_retraining_go_to_the_hook_of_their_model_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame", "utf-8")
    with (
        receiver() as (people, of_people),
        receiver() as (one, of_one),
        receiver() as (all_, of_all),
    ):
        hooks = [
            Webhook(url=people),
            Webhook(
                url=f"{one}/hooks/alerts",
                kind="retrain",
                name="one",
                models=(HOSTILE, 'other"\\'),
                secret_file=tmp_path / "secret",
            ),
            Webhook(url=all_, kind="retrain", name="all"),
        ]
        with alertmanager(written(tmp_path, hooks), tmp_path / "data") as server:
            wish = {"alertname": "ModelwardRetrain", "action": "retrain"}
            for model in (HOSTILE, "another"):
                post(server, {**wish, "model": model})
            eventually("both are told", lambda: len(of_all) == 2 and len(of_one) == 1)
            pause(1.5)
            ((path, headers, body),) = of_one.bodies
            assert (path, headers["Authorization"]) == ("/hooks/alerts", "Bearer sesame")
            assert body["version"] == "4"
            assert body["alerts"][0]["labels"]["model"] == HOSTILE
            assert {b["groupLabels"]["model"] for b in of_all.json()} == {HOSTILE, "another"}
            assert len(of_people) == 0


@pytest.mark.slow
def test_300_models_reach_a_receiver_once_through_both_servers(tmp_path: Path) -> None:
    """The whole way: a fleet, the exporter, Prometheus with our rules, Alertmanager, a receiver."""
    fleet = Fleet(f"sqlite:///{tmp_path / 'fleet.db'}")
    reference = Sketch.fit(rows())
    moved, window = reference.empty().add(rows(1.0, seed=1)), Window(NOW - timedelta(hours=1), NOW)
    names = [f'm{i} <b>"\\\n' for i in range(300)] + [f"well-{i}" for i in range(10)]
    fleet.add_many([(Model(name), reference) for name in names])
    same = reference.empty().add(rows(0.0, seed=2))
    fleet.record_many([(name, window, moved if name.startswith("m") else same) for name in names])
    fleet.assess()
    (incident,) = fleet.incidents()
    assert len(incident.members) == 300
    exporter = FleetExporter(fleet, every=0.5)
    with receiver() as (url, received), receiver(exporter.render) as (page, _):
        config = written(tmp_path, [Webhook(url=url)])
        with alertmanager(config, tmp_path / "alerts") as server:
            export_grafana(
                tmp_path / "watch",
                fleet,
                exporter=page.removeprefix("http://"),
                alertmanager=server.removeprefix("http://"),
                interval="1s",
                tiers=[AT_ONCE],
                limits=Limits(hold="1h"),
            )
            scraped = tmp_path / "watch" / "prometheus.yml"
            with prometheus(scraped, tmp_path / "data") as asked_at:
                firing = 'ALERTS{alertname="ModelwardIncident",alertstate="firing"}'
                (alert,) = eventually("the alert fires", lambda: asked(asked_at, firing))
                assert alert["metric"]["incident"] == incident.id
                eventually("the incident is told", lambda: told(received, "ModelwardIncident"))
                pause(5)  # five more evaluations and looks
                (message,) = told(received, "ModelwardIncident")
                (one,) = message["alerts"]
                assert one["annotations"]["summary"] == incident.title
                assert one["annotations"]["models"] == "300"
                assert one["annotations"]["worst"] == incident.members[0]
                # No other message is there for each of the models either.
                assert len(received) == 1
                fleet.silence(incident.id, NOW + timedelta(hours=5))
                well = Window(NOW, NOW + timedelta(hours=1))
                fleet.record_many([(name, well, same) for name in names])
                fleet.assess(well)
                eventually("its end is told", lambda: len(told(received, "ModelwardIncident")) == 2)
                assert told(received, "ModelwardIncident")[1]["status"] == "resolved"
    fleet.close()


@pytest.mark.parametrize("name", [HOSTILE, 'a"b', "a\\", "a\nb", "{}", "é, ü"])
def test_a_matcher_means_the_name_and_nothing_else(tmp_path: Path, name: str) -> None:
    hook = Webhook(url="http://127.0.0.1:9/", kind="retrain", models=(name,))
    config = written(tmp_path, [hook])
    route = [tool("amtool"), "config", "routes", "test", f"--config.file={config}"]
    labels = [matcher("model", name), "action=retrain", "alertname=ModelwardRetrain"]
    for given, receiver_name in ((labels, "retraining-1"), (labels[1:], "nobody")):
        done = subprocess.run([*route, *given], capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.returncode) == (receiver_name, 0), done.stderr


def test_slack_gets_a_text_in_which_no_name_is_a_mention(tmp_path: Path) -> None:
    with receiver() as (url, received):
        (tmp_path / "slack").write_text(f"{url}/services/hidden", "utf-8")
        hook = Webhook(kind="slack", url_file=tmp_path / "slack")
        with alertmanager(written(tmp_path, [hook]), tmp_path / "data") as server:
            post(server, incident_alert("<!channel> & <@U1>"))
            eventually("it is told", lambda: len(received))
            ((path, _, body),) = received.bodies
            assert path == "/services/hidden"
            text = body["attachments"][0]["text"]
            assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in text
            assert "<" not in text
    assert "hidden" not in (tmp_path / "alertmanager.yml").read_text("utf-8")


@pytest.mark.parametrize(
    "hook",
    [
        Webhook(url_env="A"),
        Webhook(url="http://a", secret_env="A"),
        Webhook(url_file="a"),
    ],
    ids=["url_env", "secret_env", "url_file"],
)
def test_a_secret_that_alertmanager_cannot_read_is_refused(hook: Webhook) -> None:
    with pytest.raises(ConfigError, match=r"expected the (secret|URL) of the webhook"):
        alertmanager_config([hook])
    with pytest.raises(ConfigError, match="expected a duration"):
        alertmanager_config(group_wait="soon")


SERVER = """
import sys, uvicorn
from fastapi import FastAPI
from modelward.adaptive_pipeline import Store, hooks_router
app = FastAPI()
app.include_router(hooks_router(Store(sys.argv[1]), alert_secret="sesame"))
@app.get("/ready")
def ready(): return "yes"
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""


@pytest.mark.slow
def test_the_pipelines_hook_takes_a_wish_for_retraining_once(tmp_path: Path) -> None:
    """Our notifier and the real Alertmanager, to a real gateway's webhook."""
    pipeline = pytest.importorskip("modelward.adaptive_pipeline")
    port, store = free_port(), f"sqlite:///{tmp_path / 'pipeline.db'}"
    (tmp_path / "secret").write_text("sesame", "utf-8")
    hook = Webhook(
        url=f"http://127.0.0.1:{port}/hooks/alerts",
        kind="retrain",
        secret_file=tmp_path / "secret",
        models=(HOSTILE,),
    )
    command = [sys.executable, "-c", SERVER, store, str(port)]
    ready = f"http://127.0.0.1:{port}/ready"
    with running(command, tmp_path, ready=ready, log=tmp_path / "gateway.log"):
        with in_trouble(f"sqlite:///{tmp_path / 'fleet.db'}", shared=4, well=4) as fleet:
            ours = Notifier(webhooks=[hook], state=tmp_path / "told.json")
            assert len(ours.tell(fleet).sent) == 1
            (tmp_path / "told.json").unlink()  # told twice, it is one wish
            assert len(ours.tell(fleet).sent) == 1
        assert len(_wishes(pipeline, store)) == 1
        with alertmanager(written(tmp_path, [hook]), tmp_path / "data") as server:
            wish = {"alertname": "ModelwardRetrain", "action": "retrain", "model": HOSTILE}
            post(server, wish)
            eventually("the second way", lambda: len(_wishes(pipeline, store)) == 2)
    assert all("ModelwardRetrain is firing" in reason for reason in _wishes(pipeline, store))


def _wishes(pipeline: Any, store: str) -> list[str]:
    from modelward.adaptive_pipeline.triggers import inbox

    opened = pipeline.Store(store)
    try:
        return [signal.reason for _, signal in inbox.taken(opened, 0)]
    finally:
        opened.close()
