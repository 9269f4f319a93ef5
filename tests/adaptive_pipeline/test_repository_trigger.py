"""The repository trigger on real repositories: in a folder and over HTTP, there, gone and hanging."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import make_server

import pytest
from dulwich import porcelain
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import HTTPGitApplication, WSGIRequestHandlerLogger, WSGIServerLogger

from modelward.adaptive_pipeline import Repository, Signal, Store
from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.push import commit_key
from modelward.core.errors import ConfigError


class Watched:
    """A repository of one file, and the trigger's life beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        porcelain.init(str(folder))
        repo = Repo(str(folder))
        repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
        repo.close()
        self.number = 0

    def commit(self) -> str:
        self.number += 1
        (self.folder / "train.py").write_text(f"version = {self.number}\n")
        porcelain.add(str(self.folder), [str(self.folder / "train.py")])
        made = porcelain.commit(
            str(self.folder),
            message=f"Version {self.number}",
            author="A <a@b>",
            committer="A <a@b>",
        )
        return bytes(made).decode()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    made = Watched(tmp_path / "work")
    made.commit()
    return made


def look(trigger: Repository, now: float) -> Signal | None:
    """Begin a look that is due, and wait until it was taken."""
    assert trigger.poll(now) is None
    deadline = time.monotonic() + 20
    while trigger._look is not None:
        assert time.monotonic() < deadline, "the look was never taken"
        trigger._look.done.wait(0.05)
        if signal := trigger.poll(now):
            return signal
    return None


def pauses(trigger: Repository, times: int) -> list[float]:
    """Look again and again, as soon as a look is due; give how long each wait was."""
    waited = []
    look(trigger, 0.0)
    now = 0.0
    for _ in range(times):
        before = now
        while trigger._look is None:
            now += 10.0
            trigger.poll(now)
        look_over(trigger, now)
        waited.append(now - before)
    return waited


def look_over(trigger: Repository, now: float) -> None:
    deadline = time.monotonic() + 20
    while trigger._look is not None:
        assert time.monotonic() < deadline
        trigger._look.done.wait(0.05)
        trigger.poll(now)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a repository over HTTP, as git servers do."""
    repo = Repo(str(folder))
    server = make_server(
        "127.0.0.1",
        0,
        HTTPGitApplication(DictBackend({"/": repo})),
        server_class=WSGIServerLogger,
        handler_class=WSGIRequestHandlerLogger,
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        repo.close()


@pytest.fixture(params=["folder", "http"])
def url(request: pytest.FixtureRequest, watched: Watched) -> Iterator[str]:
    if request.param == "folder":
        yield str(watched.folder)
    else:
        with served(watched.folder) as address:
            yield address


def test_a_new_commit_gives_one_signal(watched: Watched, url: str) -> None:
    trigger = Repository(url, every=60)
    first = trigger.commit
    assert look(trigger, 0.0) is None
    assert first is None
    before = trigger.commit
    assert look(trigger, 60.0) is None
    new = watched.commit()
    signal = look(trigger, 120.0)
    assert f"commit {new[:12]} on main of" in signal.reason
    assert f"before {before[:12]}" in signal.reason
    assert signal.trigger == trigger.name
    assert look(trigger, 180.0) is None


def test_several_commits_between_two_looks_give_one_signal(watched: Watched) -> None:
    trigger = Repository(str(watched.folder))
    look(trigger, 0.0)
    newest = [watched.commit() for _ in range(3)][-1]
    assert newest[:12] in look(trigger, 60.0).reason
    assert look(trigger, 120.0) is None


def test_another_branch_is_not_looked_at(watched: Watched) -> None:
    porcelain.branch_create(str(watched.folder), "stable")
    trigger = Repository(str(watched.folder), branch="stable")
    look(trigger, 0.0)
    watched.commit()
    assert look(trigger, 60.0) is None
    porcelain.branch_delete(str(watched.folder), "stable")
    porcelain.branch_create(str(watched.folder), "stable")
    assert look(trigger, 120.0) is not None


def test_it_looks_only_when_it_is_due_and_after_the_clock_was_set_back(watched: Watched) -> None:
    trigger = Repository(str(watched.folder), every=60)
    look(trigger, 1_000.0)
    for now in (1_000.0, 1_059.9):
        trigger.poll(now)
        assert trigger._look is None
    look(trigger, 1_060.0)
    trigger.poll(10.0)  # back: look now, rather than in a quarter of an hour
    assert trigger._look is not None


def test_a_commit_that_came_while_down_gives_one_signal(watched: Watched) -> None:
    trigger = Repository(str(watched.folder))
    look(trigger, 0.0)
    kept = json.loads(json.dumps(trigger.state))
    watched.commit()
    later = Repository(str(watched.folder)).restore(kept)
    assert look(later, 0.0) is not None
    assert look(later, 60.0) is None


def test_a_repository_that_is_gone_is_told_once_and_looked_at_on(
    watched: Watched, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    trigger = Repository(str(watched.folder), every=60)
    look(trigger, 0.0)
    shutil.move(watched.folder, tmp_path / "away")
    now = 60.0
    for _ in range(5):
        assert look(trigger, now) is None
        now += 10_000.0
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "cannot be looked at" in warnings[0]
    assert "NotGitRepository" in trigger.problem
    shutil.move(tmp_path / "away", watched.folder)
    new = watched.commit()
    assert new[:12] in look(trigger, now).reason
    assert trigger.problem == ""
    assert "is back" in caplog.text


def test_one_that_stays_away_is_looked_at_ever_more_seldom(tmp_path: Path) -> None:
    waited = pauses(Repository(str(tmp_path / "never"), every=60), times=9)
    assert waited == [120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600, 3_600]


@pytest.mark.parametrize("branch", ["nowhere", "HEAD"])
def test_a_branch_that_is_not_there_is_a_problem_and_no_signal(
    watched: Watched, branch: str
) -> None:
    trigger = Repository(str(watched.folder), branch=branch)
    assert look(trigger, 0.0) is None
    assert trigger.problem == f"there is no branch {branch!r}"


def test_a_server_that_refuses_is_a_problem(watched: Watched) -> None:
    with served(watched.folder) as address:
        trigger = Repository(f"{address}no/such/repository.git")
        assert look(trigger, 0.0) is None
    assert trigger.problem
    gone = Repository(address)
    assert look(gone, 0.0) is None
    assert gone.problem


def test_a_server_that_hangs_does_not_hold_up_the_loop() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        trigger = Repository(f"http://127.0.0.1:{deaf.getsockname()[1]}/", timeout=0.3)
        assert look(trigger, 0.0) is None
    assert trigger.problem


def test_passwords_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    trigger = Repository(f"http://lovelace:s3cr3t@127.0.0.1:{port}/fuel.git")
    look(trigger, 0.0)
    shown = (
        f"{trigger!r} {trigger.name} {trigger.problem} {json.dumps(trigger.state)} {caplog.text}"
    )
    assert f"127.0.0.1:{port}/fuel.git" in shown
    assert "cannot be looked at" in shown
    assert "s3cr3t" not in shown
    assert "lovelace" not in shown


def test_in_a_pipeline_a_commit_told_by_webhook_too_counts_once(
    watched: Watched, store: Store
) -> None:
    trigger = Repository(str(watched.folder))
    trigger.connect(store)
    look(trigger, 0.0)
    told = watched.commit()
    inbox.submit(store, Signal(trigger="repository", reason="pushed"), key=commit_key(told), at=0.0)
    assert look(trigger, 60.0) is None
    assert [s.reason for _, s in inbox.taken(store, 0)] == ["pushed"]
    new = watched.commit()
    assert look(trigger, 120.0) is None
    assert [new[:12] in s.reason for _, s in inbox.taken(store, 1)] == [True]


def test_a_store_that_is_away_loses_no_commit(
    watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelward.core.errors import ServiceError

    def away(*_: object, **__: object) -> None:
        raise ServiceError("expected the database to answer, got: nothing")

    trigger = Repository(str(watched.folder))
    trigger.connect(store)
    look(trigger, 0.0)
    watched.commit()
    with monkeypatch.context() as patched:
        patched.setattr(store, "transaction", away)
        with pytest.raises(ServiceError):
            look(trigger, 60.0)
    look_over(trigger, 61.0)
    assert len(inbox.taken(store, 0)) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Repository(""),
        lambda: Repository("x", branch=""),
        lambda: Repository("x", every=0),
        lambda: Repository("x", timeout=float("nan")),
    ],
)
def test_settings_out_of_range_are_named(make: Callable[[], Repository]) -> None:
    with pytest.raises(ConfigError, match="expected a url, a branch"):
        make()
