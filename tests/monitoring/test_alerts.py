"""Telling incidents without Alertmanager: once, whatever fails in between, and to nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.monitoring.watching import (
    HOSTILE,
    NOW,
    Received,
    in_trouble,
    performance,
    receiver,
    rows,
)

from modelward.core.errors import ConfigError, DataError, ServiceError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Event, Incident, Model, Window
from modelward.monitoring.fleet.store.leases import Lease
from modelward.monitoring.outputs.alerts import Notifier, Webhook
from modelward.monitoring.outputs.alerts.payloads import Notice, payload
from modelward.monitoring.outputs.readings import models_to_retrain
from modelward.monitoring.sketch.table import Sketch

HOUR = timedelta(hours=1)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fleet(tmp_path: Path, clock: Clock) -> Iterator[Fleet]:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}", now=clock) as made:
        reference = Sketch.fit(rows())
        made.add_many([(Model(f"m{i}"), reference) for i in range(12)])
        yield made


@pytest.fixture
def hook() -> Iterator[tuple[str, Received]]:
    with receiver() as made:
        yield made


def judge(fleet: Fleet, bad: range, hour: int = 0, *, models: int = 12) -> None:
    """Judge a window in which the first feature of some models moved."""
    window = Window(NOW + hour * HOUR, NOW + (hour + 1) * HOUR)
    empty = Sketch.fit(rows()).empty()
    moved, same = empty.add(rows(1.5, seed=hour + 1)), empty.add(rows(0.0, seed=hour + 50))
    fleet.record_many([(f"m{i}", window, moved if i in bad else same) for i in range(models)])
    fleet.assess(window)


def notifier(url: str, tmp_path: Path, **more: Any) -> Notifier:
    hook = Webhook(url=url, pause=0.0, timeout=5.0, retries=1)
    return Notifier(webhooks=[hook], state=tmp_path / "told.json", **more)


def happened(received: Received) -> list[tuple[str, int]]:
    return [(body["happened"], body["incident"]["models"]) for body in received.json()]


def test_an_incident_is_told_once_and_its_growth_and_end(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    ours = notifier(url, tmp_path)
    judge(fleet, range(4))
    assert [key.split(":")[1] for _, key in ours.tell(fleet).sent] == ["opened"]
    assert ours.tell(fleet).sent == ()
    judge(fleet, range(10), 1)
    assert notifier(url, tmp_path, growth=3.0).tell(fleet).sent == ()  # 10 is not thrice 4
    ours.tell(fleet)
    judge(fleet, range(10), 2)
    ours.tell(fleet)
    judge(fleet, range(0), 3)
    ours.tell(fleet)
    ours.tell(fleet)
    assert happened(received) == [("opened", 4), ("grown", 10), ("closed", 10)]
    assert {body["incident"]["columns"][0] for body in received.json()} == {"age"}
    assert len({body["key"] for body in received.json()}) == 3


def test_a_restart_tells_nothing_again(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    judge(fleet, range(4))
    notifier(url, tmp_path).tell(fleet)
    again = Fleet(fleet.database.url, now=fleet.now)
    assert notifier(url, tmp_path).tell(again).sent == ()
    assert len(received) == 1
    again.close()


def test_what_a_webhook_did_not_take_is_told_by_the_next_call(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    ours = notifier(url, tmp_path)
    judge(fleet, range(4))
    received.answers = [503, 500]  # the first try, and its repeat
    told = ours.tell(fleet)
    assert (len(told.sent), len(told.failed), len(received)) == (0, 1, 2)
    received.answers = [503]
    assert len(ours.tell(fleet).sent) == 1
    assert len(received) == 4
    assert ours.tell(fleet).sent == ()
    received.answers = [404]  # would be the same the second time: no repeat
    judge(fleet, range(0), 1)
    assert len(ours.tell(fleet).failed) == 1
    assert len(received) == 5


def test_one_webhook_that_is_away_keeps_no_other_from_being_told(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    away = Webhook(url="http://127.0.0.1:9/away", name="away", pause=0.0, retries=0, timeout=2.0)
    ours = Notifier(webhooks=[away, Webhook(url=url)], state=tmp_path / "told.json")
    judge(fleet, range(4))
    told = ours.tell(fleet)
    assert [name for name, _ in told.sent] == ["generic"]
    assert [name for name, _ in told.failed] == ["away"]
    assert ours.tell(fleet).sent == ()
    assert len(received) == 1


def test_a_silence_is_respected_and_what_it_hid_is_told_after_it(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path, clock: Clock
) -> None:
    url, received = hook
    ours = notifier(url, tmp_path)
    judge(fleet, range(4))
    fleet.silence(fleet.incidents()[0].id, NOW + 2 * HOUR)
    assert ours.tell(fleet).sent == ()
    clock.now = NOW + 3 * HOUR
    assert len(ours.tell(fleet).sent) == 1
    fleet.silence(fleet.incidents()[0].id, NOW + 9 * HOUR)
    judge(fleet, range(0), 4)
    assert ours.tell(fleet).sent == ()
    clock.now = NOW + 10 * HOUR
    ours.tell(fleet)
    assert happened(received) == [("opened", 4), ("closed", 4)]


def test_while_another_tells_nothing_is_sent(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    judge(fleet, range(4))
    ours = notifier(url, tmp_path)
    with Lease(fleet.database, "alerts").held(wait=0.0):
        assert ours.tell(fleet).sent == ()
    assert len(received) == 0
    assert len(ours.tell(fleet).sent) == 1


def test_a_broken_state_is_said_and_not_taken_for_none(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    judge(fleet, range(4))
    for broken in ("", "{", "[]", '{"told": {"generic": ["a"]}}'):
        (tmp_path / "told.json").write_text(broken, "utf-8")
        with pytest.raises(DataError, match="a file that is broken"):
            notifier(url, tmp_path).tell(fleet)
    assert len(received) == 0


def test_what_cannot_be_noted_is_not_sent(
    fleet: Fleet, hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    judge(fleet, range(4))
    (tmp_path / "file").write_text("", "utf-8")
    ours = Notifier(webhooks=[Webhook(url=url)], state=tmp_path / "file" / "told.json")
    with pytest.raises((ConfigError, DataError), match="expected"):
        ours.tell(fleet)
    (tmp_path / "folder" / "told.json").mkdir(parents=True)
    with pytest.raises((ConfigError, DataError), match="expected"):
        Notifier(webhooks=[Webhook(url=url)], state=tmp_path / "folder" / "told.json").tell(fleet)
    assert len(received) == 0


def test_300_models_are_one_message(hook: tuple[str, Received], tmp_path: Path) -> None:
    url, received = hook
    with Fleet(f"sqlite:///{tmp_path / 'many.db'}") as fleet:
        reference = Sketch.fit(rows())
        fleet.add_many([(Model(f"m{i}"), reference) for i in range(310)])
        judge(fleet, range(300), models=310)
        notifier(url, tmp_path).tell(fleet)
        notifier(url, tmp_path).tell(fleet)
    assert happened(received) == [("opened", 300)]
    assert len(received.json()[0]["incident"]["members"]) == 20


def test_a_retraining_is_asked_for_the_one_model_that_got_worse_on_sound_data(
    hook: tuple[str, Received], tmp_path: Path
) -> None:
    url, received = hook
    (tmp_path / "secret").write_text("sesame\n", "utf-8")
    retrain = Webhook(url=f"{url}/hooks/alerts", kind="retrain", secret_file=tmp_path / "secret")
    other = Webhook(url=url, kind="retrain", name="other", models=("broken-1",))
    with in_trouble(f"sqlite:///{tmp_path / 'worse.db'}") as fleet:
        ours = Notifier(webhooks=[retrain, other], state=tmp_path / "told.json")
        assert len(ours.tell(fleet).sent) == 1
        ((path, headers, body),) = received.bodies
        assert path == "/hooks/alerts"
        assert headers["Authorization"] == "Bearer sesame"
        assert body["version"] == "4"
        (alert,) = body["alerts"]
        assert (alert["status"], alert["labels"]["model"]) == ("firing", HOSTILE)
        well = Window(NOW, NOW + HOUR)
        fleet.record(HOSTILE, well, rows(), performance=performance(0.9))
        fleet.assess(well)
        ours.tell(fleet)
    assert [b["status"] for b in received.json()] == ["firing", "resolved"]
    assert received.json()[1]["alerts"][0]["fingerprint"] == alert["fingerprint"]
    assert received.json()[1]["alerts"][0]["startsAt"] == alert["startsAt"]


def test_no_retraining_is_asked_for_what_would_learn_a_fault(tmp_path: Path) -> None:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        reference = Sketch.fit(rows())
        names = [*(f"shared-{i}" for i in range(10)), "failed", "missing", "sound"]
        fleet.add_many([(Model(name), reference) for name in names])
        fleet.add_many([(Model(f"well-{i}"), reference) for i in range(20)])
        window, worse = Window(NOW - HOUR, NOW), performance(0.5)
        for name in names[:10]:
            fleet.record(name, window, rows(1.5, seed=1), performance=worse)
        fleet.record("failed", window, rows(), performance=worse, failures=["12 rows too few"])
        fleet.record("missing", window, rows().drop(columns="size"), performance=worse)
        fleet.record("sound", window, rows(), performance=worse)
        for i in range(20):
            fleet.record(f"well-{i}", window, rows(), performance=performance(0.9))
        fleet.assess()
        alarmed = {row.model.name for row in fleet.statuses(state="alarmed")}
        assert alarmed >= set(names)
        assert models_to_retrain(fleet, fleet.incidents()) == {"sound"}


def incident(**more: Any) -> Incident:
    window = Window(NOW, NOW + HOUR)
    given: dict[str, Any] = {
        "id": "i",
        "title": f"{HOSTILE}: <!channel> *'age'* drifted & more",
        "columns": ("age",),
        "members": (HOSTILE, "<https://evil.example|click>"),
        "first": window,
        "last": window,
        "rule": "r",
        "suggestion": "<!everyone> do it",
        "before": (Event("data", NOW, "<@U123> did it"),),
    }
    return Incident(**given | more)


def test_names_mention_nobody_and_link_nowhere() -> None:
    for kind in ("opened", "grown", "closed"):
        text = payload("slack", Notice(kind, incident()), at=NOW)["text"]
        assert "<" not in text
        assert ">" not in text
        assert "&lt;!channel&gt;" in text
        assert "&amp; more" in text
        assert len(text.splitlines()) <= 6
    long = payload("slack", Notice("opened", incident(members=("x" * 500,) * 40)), at=NOW)["text"]
    assert len(long) < 2_000
    assert "and 35 more" in long


def test_what_is_sent_is_json_with_the_names_as_they_are() -> None:
    told = json.loads(json.dumps(payload("generic", Notice("opened", incident()), at=NOW)))
    assert told["incident"]["members"][0] == HOSTILE
    assert told["incident"]["before"][0]["text"] == "<@U123> did it"


def test_secrets_are_read_when_sent_and_never_shown(
    hook: tuple[str, Received], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, received = hook
    (tmp_path / "url").write_text(f"{url}/services/T0/B0/hidden\n", "utf-8")
    monkeypatch.setenv("TOLD_TOKEN", "sesame")
    made = Webhook(kind="slack", url_file=tmp_path / "url", secret_env="TOLD_TOKEN", retries=0)
    made.send({"text": "hello"})
    assert received.bodies[0][0] == "/services/T0/B0/hidden"
    assert received.bodies[0][1]["Authorization"] == "Bearer sesame"
    received.answers = [400]
    with pytest.raises(ServiceError) as caught:
        made.send({"text": "hello"})
    assert "hidden" not in str(caught.value) + repr(made)
    assert "sesame" not in str(caught.value) + repr(made)
    away = Webhook(url="http://127.0.0.1:9/hidden", retries=0, timeout=2.0)
    with pytest.raises(ServiceError, match=r"no answer \(ConnectionRefusedError\)") as refused:
        away.send({})
    assert "hidden" not in str(refused.value) + repr(away)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(hook: tuple[str, Received], status: int) -> None:
    url, received = hook
    received.answers = [status]
    with pytest.raises(ServiceError, match=f"the answer {status}"):
        Webhook(url=url, retries=3, pause=0.0).send({})
    assert len(received) == 1


def test_tries_are_as_many_as_was_said_and_further_and_further_apart(
    hook: tuple[str, Received],
) -> None:
    url, received = hook
    received.answers = [503, 429, 500]
    pauses: list[float] = []
    Webhook(url=url, retries=3, pause=1.0).send({}, wait=pauses.append)
    assert pauses == [1.0, 2.0, 4.0]
    assert len(received) == 4


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a.example/x",
        "javascript:alert(1)",
        "//a.example/x",
        "http://",
        "http://user:secret@a.example/",
        "http://a.example:0/",
        "http://a.example:99999/",
        "http://a.example/a b",
        "http://a.example/\r\nX-Evil: 1",
        "http://[::1/",
    ],
)
def test_only_http_and_https_without_a_password_are_webhooks(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a URL of http or https") as caught:
        Webhook(url=url)
    assert "secret@" not in str(caught.value)
    (tmp_path / "url").write_text(url, "utf-8")
    with pytest.raises(ConfigError, match=r"expected (a URL of http|the url of the webhook)"):
        Webhook(url_file=tmp_path / "url").send({})


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (Webhook, "expected one of url, url_file and url_env"),
        (lambda: Webhook(url="http://a", url_env="B"), "expected one of url"),
        (lambda: Webhook(url="http://a", kind="pager"), "expected a kind of generic"),  # type: ignore[arg-type]
        (lambda: Webhook(url="http://a", secret_file="a", secret_env="b"), "secret_file or"),
        (lambda: Webhook(url="http://a", timeout=0), "expected 0 < timeout"),
        (lambda: Webhook(url="http://a", retries=-1), "0 <= retries <= 20"),
        (lambda: Webhook(url_env="MODELWARD_NO_SUCH").send({}), "the environment variable MODELW"),
        (lambda: Webhook(url_file="/no/such/file").send({}), "FileNotFoundError"),
        (lambda: Notifier(webhooks=[], state="x"), "expected webhooks, each with a name"),
        (lambda: Notifier(webhooks=[Webhook(url="http://a")] * 2, state="x"), "a name of its own"),
        (
            lambda: Notifier(webhooks=[Webhook(url="http://a")], state="x", growth=1.0),
            "expected growth above 1",
        ),
        (
            lambda: Notifier(webhooks=[Webhook(url="http://a")], state="x", link="javascript:1"),
            "expected a URL of http",
        ),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, fault: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(fault)):
        make()
