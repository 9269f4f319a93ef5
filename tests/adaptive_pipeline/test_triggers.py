"""What holds for every trigger, the button, and the inbox."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelward.adaptive_pipeline import (
    Arbiter,
    Drift,
    Manual,
    Performance,
    PipelineConfig,
    Repository,
    Schedule,
    Signal,
    Store,
    Trigger,
    assembly,
)
from modelward.adaptive_pipeline.triggers import inbox
from modelward.core.config import loads

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "triggers.md"

MAKE: dict[str, Callable[[], Trigger]] = {
    "Trigger": Trigger,
    "Drift": lambda: Drift(reference=60, window=60, every=10),
    "Manual": Manual,
    "Performance": lambda: Performance(limit=0.5, last=20),
    "Repository": lambda: Repository("/no/such/repository", every=3_600),
    "Schedule": lambda: Schedule("0 3 * * *"),
}


@pytest.mark.parametrize("name", MAKE)
def test_every_trigger_keeps_the_contract(name: str, store: Store) -> None:
    trigger = MAKE[name]()
    trigger.connect(store)
    trigger.reset()
    assert trigger.poll(0.0) is None
    assert trigger.update(0.1, seq=1) is None
    kept = json.loads(json.dumps(trigger.state))
    again = MAKE[name]()
    assert again.restore(kept) is again
    assert json.loads(json.dumps(again.state)) == kept
    trigger.rearm()
    assert trigger.poll(1.0) is None
    # The name finds the state after a restart: it must not change from one object to the next.
    assert trigger.name == MAKE[name]().name


def test_no_trigger_is_forgotten_here() -> None:
    from modelward.adaptive_pipeline import triggers

    made = {n for n in triggers.__all__ if issubclass(getattr(triggers, n), Trigger)}
    assert made == set(MAKE)


def test_no_two_kinds_or_settings_share_a_name() -> None:
    made = [
        *(make() for make in MAKE.values()),
        Performance(),
        Performance(tolerance=0.1),
        Repository("/no/such/repository", branch="try"),
        Schedule("0 4 * * *"),
        Schedule("0 3 * * *", timezone="Europe/Helsinki"),
        Drift(),
    ]
    assert len({trigger.name for trigger in made}) == len(made)


def test_a_pressed_button_gives_each_wish_once_and_over_a_restart() -> None:
    button = Manual()
    for reason in ("first", "second", "third"):
        button.press(reason)
    assert button.poll(0.0).reason == "first"
    again = Manual().restore(json.loads(json.dumps(button.state)))
    assert [again.poll(0.0).reason for _ in range(2)] == ["second", "third"]
    assert again.poll(0.0) is None


def test_the_inbox_gives_each_wish_once_in_order(stores: Store) -> None:
    wishes = [Signal(trigger="t", reason=f"r{n}", since=n or None) for n in range(5)]
    for n, wish in enumerate(wishes):
        assert inbox.submit(stores, wish, key=f"k{n}", at=float(n))
        assert not inbox.submit(stores, wish, key=f"k{n}", at=9.0)
    found = inbox.taken(stores, 0)
    assert [wish for _, wish in found] == wishes
    assert inbox.taken(stores, found[2][0]) == found[3:]
    assert inbox.taken(stores, found[-1][0]) == []


def test_a_wish_is_left_with_the_transaction_or_not_at_all(stores: Store) -> None:
    wish = Signal(trigger="t", reason="r")

    def half() -> None:
        with stores.transaction() as tx:
            assert inbox.submit(stores, wish, key="k", at=0.0, connection=tx)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert inbox.taken(stores, 0) == []
    assert inbox.submit(stores, wish, key="k", at=0.0)


def test_a_wish_is_not_seen_before_one_with_a_lower_number(stores: Store) -> None:
    early, later = (Signal(trigger="t", reason=reason) for reason in ("early", "later"))
    second = threading.Thread(target=lambda: inbox.submit(stores, later, key="b", at=0.0))
    with stores.transaction() as tx:
        inbox.submit(stores, early, key="a", at=0.0, connection=tx)
        second.start()
        second.join(0.5)  # it has to wait; were it through, its wish would be seen first
        assert inbox.taken(stores, 0) == []
    second.join()
    assert [wish for _, wish in inbox.taken(stores, 0)] == [early, later]


def test_a_reader_passes_over_no_wish_while_many_write(stores: Store) -> None:
    """Eight writers, each wish told by two of them; a reader follows by number all the while."""
    each, writers = 25, 8
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for n in range(each):
                wish = Signal(trigger="t", reason=f"{number // 2}/{n}")
                inbox.submit(stores, wish, key=wish.reason, at=0.0)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    cursor, seen = 0, []
    working = True
    while working:
        working = any(thread.is_alive() for thread in threads)
        for number, wish in inbox.taken(stores, cursor):
            cursor = number
            seen.append(wish.reason)
    assert not failures
    expected = {f"{number}/{n}" for number in range(writers // 2) for n in range(each)}
    assert len(seen) == len(expected)
    assert set(seen) == expected


def test_the_settings_and_code_of_the_guide_work() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ours = [block for block in blocks if "receivers:" not in block]
    assert len(ours) == 3
    config = loads(
        "registry: {name: fuel}\ntrain: training:train\n" + "".join(ours),
        PipelineConfig,
        environ={"ALERT_SECRET": "a", "REPOSITORY_SECRET": "b"},
    )
    made = [assembly.trigger(each) for each in config.triggers]
    assert [type(each).__name__ for each in made] == [
        "Performance",
        "Performance",
        "Drift",
        "Schedule",
        "Repository",
    ]
    assert Arbiter(**config.arbiter.model_dump()).budget == 4
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["button"].poll(0.0).reason == "new sensor mounted"
