"""The host: what a model does to its process stays in its process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelward.adaptive_pipeline.host import Host
from modelward.adaptive_pipeline.testing import MemoryRegistry
from modelward.core.errors import ConfigError, DataError, ServiceError


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the child import the models, from where it is told by its parent."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    made: list[Host] = []

    def make(version: str, **more: Any) -> Host:
        from hosted_models import Harmful

        made.append(Host(Harmful(), version, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def until(condition: Callable[[], bool]) -> None:
    end, never = time.monotonic() + 20, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it does not come"
        never.wait(0.01)


def gone(pid: int) -> bool:
    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z"
        except FileNotFoundError:
            return True

    until(ended)
    return True


def child(host: Host) -> int:
    assert host._process is not None
    return host._process.pid


def test_it_answers_from_another_process(host: Any) -> None:
    made = host("triple")
    scorer = made.scorer
    assert (scorer.version, scorer.columns) == ("triple", ("x",))
    assert scorer.score({"x": 2}) == 6
    assert scorer.score_many([{"x": 1}, {"x": 2.5}]) == [3.0, 7.5]
    assert child(made) != os.getpid()


@pytest.mark.parametrize("version", ["crash", "killed", "segfault", "leaves"])
def test_a_crash_is_an_error_of_that_call_alone(host: Any, version: str) -> None:
    made = host(version)
    scorer = made.scorer
    first = child(made)
    with pytest.raises(ServiceError, match="got none: its process ended"):
        scorer.score({"x": 0})
    assert gone(first)
    if version == "crash":
        assert scorer.score({"x": 2}) == 6  # by a new process


@pytest.mark.parametrize("version", ["hang", "stuck", "half"])
def test_a_hang_is_ended(host: Any, version: str) -> None:
    made = host(version, timeout=0.2)
    scorer = made.scorer
    first = child(made)
    with pytest.raises(ServiceError, match=r"it took longer than 0\.2 seconds"):
        scorer.score({"x": 1})
    assert gone(first)


def test_it_is_not_started_for_ever(host: Any) -> None:
    scorer = host("crash", restarts=1).scorer
    for _ in range(2):
        with pytest.raises(ServiceError, match="its process ended"):
            scorer.score({"x": 0})
    with pytest.raises(ServiceError, match="too many ends of its process"):
        scorer.score({"x": 2})


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("raises", "RuntimeError: out of order"),
        ("garbage", "TypeError: expected numbers or texts, got <object"),
        ("nan", "finite number as the answer of version nan, got nan"),
        ("many", "expected one answer for one row, got 2"),
        ("table", "a sequence of answers, one for each row, got DataFrame"),
    ],
)
def test_garbage_is_told_and_the_process_stays(host: Any, version: str, message: str) -> None:
    made = host(version)
    scorer = made.scorer
    first = child(made)
    for _ in range(2):
        with pytest.raises(DataError, match=message):
            scorer.score({"x": 1})
    assert child(made) == first


@pytest.mark.parametrize("version", ["greedy", "grows"])
def test_a_hungry_model_is_ended_with_all_it_holds(host: Any, version: str) -> None:
    made = host(version, memory=256 << 20)
    scorer = made.scorer
    first = child(made)
    answers = [scorer.score_many([{"x": 1}])[0] for _ in range(9 if version == "grows" else 1)]
    failed = [each for each in answers if each != 3]
    assert [type(each) for each in failed] == [ServiceError]
    assert "got none: its process ended" in str(failed[0])
    assert gone(first)
    if version == "grows":
        assert scorer.score({"x": 1}) == 3  # by a new process, which holds nothing yet


def test_one_that_takes_no_more_keeps_nobody_waiting(host: Any) -> None:
    """A message too long for what the line holds cannot even be sent to it."""
    made = host("stopped", timeout=1.0)
    scorer = made.scorer
    pid = child(made)
    assert scorer.score({"x": 2}) == 6
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "T")
    with pytest.raises(ServiceError, match="it took longer than 1 second"):
        scorer.score({"x": 1, "text": "long " * 400_000})
    assert gone(pid)


def test_what_it_prints_is_no_answer(host: Any, capfd: pytest.CaptureFixture[str]) -> None:
    scorer = host("talks").scorer
    assert [scorer.score({"x": x}) for x in (1, 2)] == [3, 6]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("said", range(5))
def test_what_is_no_answer_is_not_taken_for_one(host: Any, said: int) -> None:
    made = host("interferes", timeout=2.0)
    with pytest.raises((DataError, ServiceError), match=r"protocol|Error|expected one answer"):
        made.scorer.score({"x": said})


def test_large_messages_and_odd_texts_go_through(host: Any) -> None:
    rows = [{"x": 0.1 * n, "text": "größe\0\ud800" * 10} for n in range(20_000)]
    assert host("triple").scorer.score_many(rows) == [3 * row["x"] for row in rows]
    assert host("texts").scorer.score_many(rows[:2]) == ["größe \0 \ud800"] * 2


def test_many_threads_each_get_their_own_answer(host: Any) -> None:
    scorer = host("triple").scorer
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: scorer.score({"x": n}), range(200))) == [
            3 * n for n in range(200)
        ]


def test_a_version_that_cannot_be_loaded(host: Any) -> None:
    with pytest.raises(ServiceError, match="expected version unloadable to load, got: KeyError"):
        _ = host("unloadable").scorer


def test_closing_ends_it_for_good_also_in_the_middle_of_a_call(host: Any) -> None:
    made = host("hang", timeout=60.0)
    scorer, errors = made.scorer, []
    first = child(made)

    def ask() -> None:
        try:
            scorer.score({"x": 1})
        except ServiceError as error:
            errors.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    made.close()
    asking.join(20)
    assert gone(first)
    assert len(errors) == 1
    with pytest.raises(ServiceError, match="one let go of"):
        scorer.score({"x": 1})


PARENT = """
import sys, threading
from hosted_models import Harmful
from modelward.adaptive_pipeline.host import Host
host = Host(Harmful(), sys.argv[1], timeout=600.0)
scorer = host.scorer
print(host._process.pid, host._folder, flush=True)
scorer.score({"x": 1})
threading.Event().wait()
"""


@pytest.mark.parametrize("version", ["triple", "hang", "stuck"])
def test_it_ends_with_its_parent_however_that_ends(version: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", PARENT, version]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        pid, folder = parent.stdout.readline().split()
        if version != "triple":
            assert parent.stderr.readline() == f"{version}\n"  # it is in the middle of it
        parent.kill()
        parent.stderr.close()
    assert gone(int(pid))
    until(lambda: not Path(folder).exists())


def test_a_registry_of_this_process_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="another process can load from"):
        Host(MemoryRegistry(), "1")
