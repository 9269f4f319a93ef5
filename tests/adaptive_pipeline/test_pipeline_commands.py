"""`modelward pipeline`: each command on a store in which a pipeline has worked."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    Ledger,
    Performance,
    Repository,
    SinceDrift,
    Store,
    assembly,
)
from modelward.adaptive_pipeline.command import app
from modelward.adaptive_pipeline.controller.worker import Worker
from modelward.adaptive_pipeline.live import draw
from modelward.adaptive_pipeline.result import Underway, summarise
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World, learn
from modelward.core.errors import ConfigError, DataError, ModelwardError, ServiceError, StateError

YAML = """
store: sqlite:///pipeline.db
registry: {name: memory}
train: modelward.adaptive_pipeline.testing:learn
triggers: [{kind: performance, reference: 5000}]
window: {minimum: 100}
training: {executor: inline}
comparison: {minimum: 60, maximum: 400, watch: 0}
monitor: {window: 60, segments: [x]}
"""


def fresh() -> MemoryRegistry:
    made = MemoryRegistry()
    made.register(Threshold(0.5), alias="champion", columns=["x"])
    return made


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that a short run left: one promotion, watched and kept."""
    path = tmp_path_factory.mktemp("ran") / "pipeline.db"
    store = Store(f"sqlite:///{path}")
    loop = AdaptivePipeline(
        store=store,
        registry=fresh(),
        train=learn,
        triggers=[Performance(reference=150)],
        window=SinceDrift(minimum=100),
        comparison=Comparison(minimum=60, maximum=400),
        arbiter=Arbiter(cooldown=100),
        executor=Inline(),
        watch=200,
    )
    World(shift=300, n=900).run(loop).close()
    store.close()
    return path


@pytest.fixture
def database(ran: Path, tmp_path: Path) -> Path:
    """A copy of that database, to do harm to."""
    return Path(shutil.copy(ran, tmp_path / "copy.db"))


def run(*arguments: Any) -> Result:
    """Run a command; what is no error of ours is raised here."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception and not isinstance(result.exception, SystemExit | ModelwardError):
        raise result.exception
    return result


def edit(path: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement, values).rowcount >= 1
    connection.close()


# Looking at it ------------------------------------------------------------------------------------


def test_status_in_words_and_as_json(ran: Path) -> None:
    shown = run("status", ran)
    assert shown.exit_code == 0
    assert "version 2 serves" in shown.output
    assert "900 requests" in shown.output
    told = run("status", ran, "--json")
    content = json.loads(told.stdout)
    assert (content["champion"], content["phase"], content["served"]) == ("2", "serving", 900)
    assert content["counts"]["joined"] == 875
    assert [each["new"] for each in content["adaptations"]] == ["2"]


def test_a_trial_without_labels_shows_no_gain(ran: Path) -> None:
    trial = Underway("3", "2", "paired", watch=False, verdict=Comparison().verdict)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(draw(replace(summarise(Store(f"sqlite:///{ran}")), trial=trial)))
    shown = console.export_text()
    assert "no gain is known yet" in shown
    assert "inf" not in shown


def test_an_entry_is_shown_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.db"
    error = "RuntimeError: no disk\n   2 2026-01-05T03:00:00Z promotion  \x1b[31mversion 9"
    Ledger(Store(f"sqlite:///{path}")).append("retraining", {"reason": error})
    (line,) = run("ledger", "show", path).stdout.splitlines()
    assert line.endswith(
        "retraining RuntimeError: no disk 2 2026-01-05T03:00:00Z promotion \N{REPLACEMENT CHARACTER}"
        "[31mversion 9"
    )


def test_the_ledger_is_shown_and_holds(ran: Path) -> None:
    shown = run("ledger", "show", ran)
    kinds = [line.split()[2] for line in shown.stdout.splitlines()]
    times = [line.split()[1] for line in shown.stdout.splitlines()]
    assert kinds == [entry.kind for entry in Ledger(Store(f"sqlite:///{ran}")).entries()]
    assert {"signal", "decision", "retraining", "trial", "verdict", "promotion", "watch"} == set(
        kinds
    )
    lines = [json.loads(line) for line in run("ledger", "show", ran, "--json").stdout.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(kinds) + 1))
    assert [datetime.fromisoformat(each).timestamp() for each in times] == [
        int(line["at"]) for line in lines
    ]
    verified = run("ledger", "verify", ran)
    assert verified.exit_code == 0
    assert f"the chain of {len(kinds)} entries holds" in verified.stdout
    (head,) = re.findall(r"sha256:[0-9a-f]{64}", verified.stdout)
    assert run("ledger", "verify", ran, "--head", head).exit_code == 0
    other = run("ledger", "verify", ran, "--head", "sha256:" + "1" * 64)
    assert other.exit_code == 1
    assert "is not there" in other.stderr


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("UPDATE ledger SET kind = 'edited' WHERE number = 4", 4),
        ("UPDATE ledger SET body = replace(body, 'served', 'saved') WHERE number = 3", 3),
        ("UPDATE ledger SET body = 'no JSON' WHERE number = 2", 2),
        ("UPDATE ledger SET at = at + 1 WHERE number = 1", 1),
        ("UPDATE ledger SET at = 1e300 WHERE number = 1", 1),
        ("DELETE FROM ledger WHERE number = 2", 3),
    ],
)
def test_an_edited_row_is_named_and_stops_no_other_command(
    database: Path, statement: str, number: int
) -> None:
    edit(database, statement)
    verified = run("ledger", "verify", database)
    assert verified.exit_code == 1
    assert f"broken at entry {number}:" in verified.stderr
    shown = run("status", database)
    assert shown.exit_code == 0
    assert "BROKEN" in shown.output
    told = json.loads(run("status", database, "--json").stdout)
    assert told["ledger"]["broken"] == number
    assert run("page", database, database.with_suffix(".html")).exit_code == 0
    assert f"broken at {number}" in database.with_suffix(".html").read_text("utf-8")
    assert run("ledger", "show", database).exit_code == 0


def test_replay_gives_the_same_and_finds_an_edited_label(database: Path) -> None:
    again = run("replay", database)
    assert again.exit_code == 0
    assert again.stdout.count(": same") == 2
    assert "2 verdicts, 0 come out otherwise" in again.stderr
    (verdict,) = Ledger(Store(f"sqlite:///{database}")).entries("verdict")
    # One for which the two said different things: elsewhere a label moves both losses alike.
    edit(
        database,
        "UPDATE joined SET label = '7' WHERE position = (SELECT max(position) FROM joined "
        "JOIN predictions AS p USING (seq) JOIN shadows AS s USING (seq) "
        "WHERE s.prediction != p.prediction AND position <= ?)",
        verdict.body["labels"],
    )
    changed = run("replay", database)
    assert changed.exit_code == 1
    assert "NOT THE SAME: the log gives" in changed.stdout
    told = [json.loads(line) for line in run("replay", database, "--json").stdout.splitlines()]
    assert [each["same"] for each in told] == [False, True]


@pytest.mark.parametrize("what", ["verdict", "trial"])
def test_replay_says_so_where_the_ledger_itself_was_edited(database: Path, what: str) -> None:
    edit(database, "UPDATE ledger SET body = '{}' WHERE kind = ?", what)
    assert run("replay", database).exit_code == 1


def test_the_page_is_one_file(ran: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "page.html"
    written = run("page", ran, out)
    assert (written.exit_code, written.stdout.strip()) == (0, str(out))
    assert "version 2 takes over from 1" in out.read_text("utf-8")


def test_simulate_looks_at_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []
    monkeypatch.setattr(Repository, "poll", lambda _, now: looked.append(now))
    config = write(tmp_path)
    triggers = "triggers: [{kind: repository, url: 'https://git.example.org/x.git'}, "
    config.write_text(YAML.replace("triggers: [", triggers), "utf-8")
    assert run("simulate", config, "--requests", 150, "--changes", 0).exit_code == 0
    assert not looked


def test_simulate_gives_the_same_again(tmp_path: Path) -> None:
    one, two = (
        run("simulate", "--requests", 250, "--changes", 1, "--seed", 4, "--json") for _ in range(2)
    )
    assert one.exit_code == 0
    assert json.loads(one.stdout)["seed"] == 4
    assert one.stdout == two.stdout
    other = run("simulate", "--requests", 250, "--changes", 1, "--seed", 5, "--json")
    assert other.stdout != one.stdout
    config = write(tmp_path)
    words = run("simulate", config, "--requests", 250, "--changes", 0)
    assert words.stdout.startswith("250 requests")
    assert not (tmp_path / "pipeline.db").exists()  # a rehearsal leaves nothing behind


def test_export_config_writes_files(tmp_path: Path) -> None:
    written = run("export-config", tmp_path / "monitoring", "--name", "fuel")
    assert written.exit_code == 0
    files = [Path(line) for line in written.stdout.splitlines()]
    assert files
    assert all(path.is_file() for path in files)


# What is no pipeline ------------------------------------------------------------------------------

LOOKS = [
    ("status",),
    ("status", "--json"),
    ("ledger", "show"),
    ("ledger", "verify"),
    ("replay",),
    ("page",),
]


def look(words: tuple[str, ...], target: Path) -> Result:
    more = [target.with_suffix(".html")] if words == ("page",) else []
    return run(*words, target, *more)


@pytest.mark.parametrize("words", LOOKS)
def test_a_path_that_is_no_database(words: tuple[str, ...], tmp_path: Path) -> None:
    missing = look(words, tmp_path / "none.db")
    assert isinstance(missing.exception, DataError)
    assert "got no file" in str(missing.exception)
    notes = tmp_path / "notes.db"
    notes.write_text("not a database, and long enough to be read as one " * 20)
    assert isinstance(look(words, notes).exception, ServiceError)
    assert isinstance(look(words, tmp_path).exception, DataError)


@pytest.mark.parametrize("words", LOOKS)
def test_looking_makes_no_database(words: tuple[str, ...], tmp_path: Path) -> None:
    config = write(tmp_path)
    assert isinstance(look(words, config).exception, DataError)
    assert not (tmp_path / "pipeline.db").exists()
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE cars (id INTEGER)")
    connection.commit()
    assert isinstance(look(words, other).exception, DataError)
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("cars",)]  # a stranger's database stays as it is


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("registry: {name: x}\ntrain: a:b\ncomparsion: {}\n", "did you mean 'comparison'"),
        ("registry: [\n", "pipeline.yaml"),
        ("", "registry"),
        (None, "pipeline.yaml"),
    ],
)
@pytest.mark.parametrize(
    "command", ["run", "gateway", "joiner", "controller", "status", "retrain", "simulate"]
)
def test_a_wrong_configuration_is_told(
    tmp_path: Path, command: str, text: str | None, message: str
) -> None:
    path = tmp_path / "pipeline.yaml"
    if text is not None:
        path.write_text(text, "utf-8")
    result = run(command, path)
    assert isinstance(result.exception, ModelwardError)
    assert message in str(result.exception)


def test_errors_end_the_command_with_one_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modelward.core.command", "pipeline", "status"]
    done = subprocess.run(
        [*command, str(tmp_path / "none.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected a pipeline's database or configuration")
    assert "Traceback" not in done.stderr


# Steering it --------------------------------------------------------------------------------------


def write(folder: Path) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(YAML, "utf-8")
    return path


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose registry is in memory, and whose store holds 200 labelled requests."""
    memory = fresh()
    monkeypatch.setattr(assembly, "registry", lambda _: memory)
    path = write(tmp_path)
    loop = AdaptivePipeline(path)
    World(shift=None, n=200, delay=1).run(loop).close()
    return path


@pytest.fixture
def running(config: Path) -> Iterator[AdaptivePipeline]:
    """A controller at work on that store, as if on another host."""
    loop = AdaptivePipeline(config)
    lease = loop.controller.memory.lease
    lease.release()
    lease.holder = "another-host/1"
    lease.acquire(wait=False)
    with Worker(loop.controller.keep_on, name="controller", interval=0.05):
        yield loop
    loop.close()


def kinds(config: Path) -> list[str]:
    return [entry.kind for entry in Ledger(assembly.store(assembly.read(config))).entries()]


def steer(config: Path, command: str, reason: str) -> str:
    result = run(command, config, "--reason", reason)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def tell_the_story(config: Path) -> None:
    with pytest.raises(StateError, match="expected a challenger under trial, got none"):
        steer(config, "promote", "too early")
    with pytest.raises(StateError, match="expected a champion before this one, got none"):
        steer(config, "rollback", "too early")
    asked = steer(config, "retrain", "a new sensor")
    assert "signal" in asked
    assert "a new sensor" in asked


def test_steering_where_no_controller_runs(config: Path) -> None:
    tell_the_story(config)
    assert kinds(config) == ["signal", "decision", "retraining", "trial"]
    assert "agreed on Tuesday" in steer(config, "promote", "agreed on Tuesday")
    assert json.loads(run("status", config, "--json").stdout)["champion"] == "2"
    assert "not so good" in steer(config, "rollback", "not so good")
    assert json.loads(run("status", config, "--json").stdout)["champion"] == "1"
    assert kinds(config)[4:] == ["command", "promotion", "command", "rollback"]
    assert run("ledger", "verify", config).exit_code == 0


def test_a_refused_wish_leaves_the_place_free(config: Path) -> None:
    """A command that was refused must not keep a controller on another host waiting."""
    with pytest.raises(StateError):
        steer(config, "promote", "too early")
    from modelward.adaptive_pipeline.store.leases import Lease

    store = assembly.store(assembly.read(config))
    assert Lease(store, "controller", holder="another-host/1").acquire(wait=False)


def test_steering_where_a_controller_runs(config: Path, running: AdaptivePipeline) -> None:
    tell_the_story(config)
    assert kinds(config)[:3] == ["refused", "refused", "signal"]
    while running.phase != "shadowing":
        running.step()
    assert "agreed on Tuesday" in steer(config, "promote", "agreed on Tuesday")
    while running.phase != "serving":
        running.step()
    assert running.controller.standing.champion == "2"
    assert "not so good" in steer(config, "rollback", "not so good")
    while running.controller.standing.champion != "1":
        running.step()
    assert kinds(config)[2:] == [
        *("signal", "decision", "retraining", "trial"),
        *("command", "promotion", "command", "rollback"),
    ]


def test_the_answer_is_that_to_the_wish_and_no_other(
    config: Path, running: AdaptivePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What triggers signal while one waits is no answer."""
    from modelward.adaptive_pipeline.triggers import inbox
    from modelward.adaptive_pipeline.triggers.signal import Signal

    submit = inbox.submit

    def crowded(store: Store, signal: Signal, *, key: str, at: float) -> bool:
        submit(store, Signal(trigger="alert", reason="an alarm"), key=f"alarm-{key}", at=at)
        submit(store, Signal(trigger="promote", reason="of another"), key=f"other-{key}", at=at)
        return submit(store, signal, key=key, at=at)

    monkeypatch.setattr(inbox, "submit", crowded)
    assert "mine" in steer(config, "retrain", "mine")
    assert running.controller.standing.champion


def test_a_controller_that_does_not_answer(config: Path, running: AdaptivePipeline) -> None:
    from modelward.adaptive_pipeline.processes import steer as ask

    with running.controller._lock, pytest.raises(StateError, match="got none"):
        ask(assembly.read(config), "retrain", "hello", timeout=0.3)


def test_a_configuration_without_its_training_function(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(YAML.replace("testing:learn", "testing:unlearn"), "utf-8")
    result = run("controller", path)
    assert isinstance(result.exception, ConfigError)
