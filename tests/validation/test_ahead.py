"""Asking without waiting: points are ready while the study learns."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelward.core.errors import ConfigError, DataError, StateError
from modelward.validation import Ahead, FeatureContinuous, FeatureInteger, Output, Study

OUTPUT = Output("y", threshold=0.5)


@pytest.fixture
def slow(nearest):
    """A surrogate that learns only when it is let."""

    class Slow(nearest):
        let, learning = threading.Event(), threading.Event()

        def fit(self, x, margin, *, seed):
            self.learning.set()
            assert self.let.wait(60)
            super().fit(x, margin, seed=seed)

        def __deepcopy__(self, memo):
            return self

    return Slow()


def study(*models, **settings):
    return Study([FeatureContinuous("x", 0, 1)], [OUTPUT], models=models, seed=1, **settings)


def test_a_point_is_given_while_the_study_learns(slow):
    s = study(slow, initial=4)
    with Ahead(s, ready=3) as ahead:
        first = ahead.ask()
        ahead.tell(first, 0.1)
        assert slow.learning.wait(60)  # and it will not end before it is let
        given = [ahead.ask() for _ in range(2)]
        for run in given:
            ahead.tell(run, 0.9)
        assert not slow.let.is_set()
        slow.let.set()
    assert {run.id for run in s.told} == {first.id, *(run.id for run in given)}
    assert len(s.pending) >= 1  # prepared, and never given out


def test_many_threads_get_no_point_twice_and_lose_no_result(nearest):
    s = study(nearest())
    with Ahead(s, ready=5) as ahead, ThreadPoolExecutor(4) as pool:

        def one(_):
            run = ahead.ask()
            ahead.tell(run, run.values["x"])
            return run.id

        ids = list(pool.map(one, range(40)))
    assert sorted(ids) == sorted({run.id for run in s.told})
    assert len({run.values["x"] for run in s.told}) == 40
    assert [run.results["y"] for run in s.told] == [run.values["x"] for run in s.told]


def test_what_is_told_wrongly_is_named_at_once(nearest):
    s = study(nearest())
    with Ahead(s) as ahead:
        run = ahead.ask()
        with pytest.raises(DataError):
            ahead.tell(run, {"other": 1.0})
        ahead.tell_crash(run, "it fell")
        with pytest.raises(StateError, match="given out and not told"):
            ahead.tell(run, 0.3)
    assert [run.crash for run in s.told] == ["it fell"]
    with pytest.raises(StateError, match="before it was closed"):
        ahead.ask()
    with pytest.raises(ConfigError, match="ready >= 1"):
        Ahead(s, ready=0)


def test_an_exhausted_domain_ends_it_and_keeps_all(nearest):
    s = Study([FeatureInteger("k", 0, 5)], [OUTPUT], models=[nearest()], audit=0.0)
    with Ahead(s, ready=2) as ahead:
        for _ in range(6):
            run = ahead.ask()
            ahead.tell(run, run.values["k"])
        with pytest.raises(StateError, match="exhausted"):
            ahead.ask()
    assert s.n_told == 6


def test_a_model_that_fails_is_told_to_who_asks(nearest):
    class Broken(nearest):
        def fit(self, x, margin, *, seed):
            raise ZeroDivisionError("no model")

    s = study(Broken())
    ahead = Ahead(s, ready=1)
    ahead.tell(ahead.ask(), 0.1)
    with pytest.raises(ZeroDivisionError, match="no model"):
        [ahead.ask() for _ in range(3)]  # the points that were ready, and then no more
    with pytest.raises(ZeroDivisionError):
        ahead.close()
    assert s.n_told == 1
