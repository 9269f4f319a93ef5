"""The drift trigger: shifts of inputs and outputs are seen, and nothing else, however often it looks."""

from __future__ import annotations

import json
import logging
import re
import sys

import numpy as np
import pytest

from modelward.adaptive_pipeline import Drift, Store
from modelward.adaptive_pipeline.export import pipeline_metrics
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.core.errors import ConfigError, MissingPackageError

SMALL = {"reference": 100, "window": 100, "every": 50}


@pytest.fixture
def memory_store() -> Store:
    return Store("sqlite://")


class Requests:
    """Requests written straight into the store, as a gateway would."""

    def __init__(self, store: Store, seed: int = 0) -> None:
        self.store, self.rng, self.served = store, np.random.default_rng(seed), 0

    def serve(self, n: int, *, shift: float = 0.0, bias: float = 0.0, **more: object) -> None:
        x = self.rng.normal(shift, 1, n)
        crew = self.rng.choice(["day", "night"], n)
        rows = []
        for i in range(n):
            self.served += 1
            rows.append(
                {
                    "request_id": f"r{self.served}",
                    "at": float(self.served),
                    "row": {"x": float(x[i]), "crew": str(crew[i])},
                    "version": "1",
                    "prediction": float(2 * x[i] + bias),
                    "error": None,
                    **more,
                }
            )
        with self.store.transaction() as tx:
            tx.execute(predictions.insert(), rows)

    def until_fired(self, trigger: Drift, most: int, **how: float):
        for _ in range(most // 10):
            self.serve(10, **how)
            if signal := trigger.poll(0.0):
                return signal
        return None


def watching(store: Store, **settings: float) -> Drift:
    trigger = Drift(**{**SMALL, **settings})
    trigger.connect(store)
    assert trigger.poll(0.0) is None
    return trigger


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"shift": 1.0}, ["x: ", "(prediction): "]),
        ({"bias": 4.0}, ["(prediction): "]),
        ({"prediction": 0.0}, ["(prediction): "]),
        ({"row": {"x": 0.1, "crew": "night"}}, ["crew: ", "x: "]),
    ],
)
def test_a_shift_of_inputs_or_outputs_is_seen_soon(
    memory_store: Store, how: dict[str, object], named: list[str]
) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    assert requests.until_fired(trigger, 400) is None
    signal = requests.until_fired(trigger, 200, **how)
    assert signal is not None
    assert all(name in signal.reason for name in named)
    assert "error spent" in signal.reason
    assert 300 <= signal.since <= 600
    assert signal.trigger == trigger.name


def test_an_input_that_is_steady_is_not_named(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.until_fired(trigger, 200)
    signal = requests.until_fired(trigger, 300, bias=4.0)
    assert "x: " not in signal.reason
    assert "crew" not in signal.reason


def test_what_the_last_look_saw_is_exported(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.until_fired(trigger, 300)
    before = pipeline_metrics(memory_store).decode()
    assert 'modelward_pipeline_drift_shown{column="x"} 0.0' in before
    requests.until_fired(trigger, 300, bias=4.0)
    text = pipeline_metrics(memory_store).decode()
    assert 'modelward_pipeline_drift_shown{column="(prediction)"} 1.0' in text
    assert 'modelward_pipeline_drift_shown{column="crew"} 0.0' in text
    change = re.search(r'pipeline_drift\{column="\(prediction\)"\} (\S+)', text)
    assert change is not None
    assert 0.3 < float(change[1]) <= 1.0


def test_the_errors_of_all_looks_add_up_to_alpha() -> None:
    trigger = Drift(alpha=0.05)
    spent = np.array([trigger.error(look) for look in range(1, 100_001)])
    assert 0.04999 < spent.sum() < 0.05
    assert (np.diff(spent) < 0).all()


@pytest.mark.slow
def test_false_alarms_over_a_life_are_as_rare_as_promised() -> None:
    """100 lives of 1,000 requests with 17 looks each, of features that hang together.

    With alpha 0.2, at most 20 lives are expected to have an alarm. Looking with the whole alpha each
    time, beside it, shows that the promise is not empty: that rule errs far more often.
    """
    lives, alarms, careless = 100, 0, 0
    for seed in range(lives):
        store = Store("sqlite://")
        requests = Requests(store, seed)
        trigger = watching(store, alpha=0.2, smallest_shift=0.0)
        plain = watching(store, alpha=0.2, smallest_shift=0.0)
        plain.error = lambda look: 0.2
        spent = unspent = False
        for _ in range(20):
            requests.serve(50)
            spent = spent or trigger.poll(0.0) is not None
            unspent = unspent or plain.poll(0.0) is not None
        alarms, careless = alarms + spent, careless + unspent
        store.close()
    assert alarms / lives <= 0.2
    assert careless / lives > 0.3


def test_it_is_silent_after_it_fired_until_there_is_new_evidence(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.until_fired(trigger, 300)
    assert requests.until_fired(trigger, 300, shift=1.0) is not None
    assert requests.until_fired(trigger, 300, shift=1.0) is None
    trigger.rearm()
    first = requests.served
    again = requests.until_fired(trigger, 300, shift=1.0)
    assert again.since > first
    trigger.reset()
    assert requests.until_fired(trigger, 1_000, shift=1.0) is None  # the new normal
    assert requests.until_fired(trigger, 300, shift=0.0) is not None


def test_too_few_requests_say_nothing(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.serve(100)
    assert requests.until_fired(trigger, 90, shift=5.0) is None
    assert requests.until_fired(trigger, 20, shift=5.0) is not None


def test_another_versions_answers_and_failures_are_left_out(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    assert requests.until_fired(trigger, 300) is None
    for _ in range(40):
        requests.serve(20)
        requests.serve(15, version="2", bias=9.0)  # a challenger in a split
        requests.serve(5, error="no sensor", prediction=None, shift=9.0)
        assert trigger.poll(0.0) is None
    assert requests.until_fired(trigger, 300, bias=4.0) is not None


def test_the_reference_is_that_of_the_version_that_answered_most(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.serve(40, version="0", bias=9.0)  # a gateway that had not heard of the new plan yet
    assert requests.until_fired(trigger, 500) is None
    assert requests.until_fired(trigger, 300, bias=4.0) is not None


def test_it_goes_on_from_its_state_and_looks_twice_at_the_same(memory_store: Store) -> None:
    requests, whole = Requests(memory_store), watching(memory_store)
    kept = [json.loads(json.dumps(whole.state))]
    for step in range(12):
        requests.serve(50, shift=0.0 if step < 8 else 1.5)
        said = whole.poll(0.0)
        # Started again from every state that was ever stored, it says the same.
        for state in kept:
            again = Drift(**SMALL).restore(json.loads(json.dumps(state)))
            again.connect(memory_store)
            assert again.poll(0.0) == said
        if said is not None:
            break
        kept.append(json.loads(json.dumps(whole.state)))
    assert said is not None
    requests.serve(20, shift=1.5)  # what came since does not count at this look
    again = Drift(**SMALL).restore(kept[-1])
    again.connect(memory_store)
    assert again.poll(0.0) == said
    assert Drift(**SMALL).restore(whole.state).state == whole.state


def test_the_reference_outlives_the_requests_it_was_made_of(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.until_fired(trigger, 300)
    with memory_store.transaction() as tx:
        tx.execute(predictions.delete().where(predictions.c.seq <= 150))
    again = Drift(**SMALL).restore(trigger.state)
    again.connect(memory_store)
    assert requests.until_fired(again, 300, shift=1.0) is not None


def test_requests_that_cannot_be_compared_are_logged_and_stop_nothing(
    memory_store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelward.core.errors import DataError

    class Broken:
        def __getattr__(self, name: str) -> object:
            raise DataError("expected sense, got none")

    requests, trigger = Requests(memory_store), watching(memory_store)
    with monkeypatch.context() as patched:
        patched.setattr(trigger, "_monitoring", Broken())
        caplog.set_level(logging.WARNING)
        assert requests.until_fired(trigger, 300) is None
        assert "expected sense, got none" in caplog.text
    assert requests.until_fired(trigger, 200) is None
    assert requests.until_fired(trigger, 300, shift=1.0) is not None


def test_columns_that_change_their_kind_or_go_missing_do_not_stop_it(memory_store: Store) -> None:
    requests, trigger = Requests(memory_store), watching(memory_store)
    requests.until_fired(trigger, 300)
    for row in ({"x": "high", "crew": "day"}, {"y": 1.0}):
        signal = requests.until_fired(trigger, 300, row=row)
        assert signal is None or "crew: " in signal.reason
        trigger.rearm()
    assert requests.until_fired(trigger, 300, bias=4.0) is not None


def test_without_monitoring_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelward.monitoring", None)
    with pytest.raises(MissingPackageError, match="packages/monitoring"):
        Drift()


@pytest.mark.parametrize(
    "wrong", [{"reference": 49}, {"window": 49}, {"every": 0}, {"alpha": 0.0}, {"alpha": 1.0}]
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"expected reference and window >= 50"):
        Drift(**wrong)
