"""The shadow: each logged request is scored once, and no row's failure is another's."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import Scorer, Store
from modelward.adaptive_pipeline.shadow import Shadow
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.schema import predictions, shadows
from modelward.core.errors import ServiceError


class Model:
    """Says three times x; counts what it was asked, and fails as it is told."""

    def __init__(self, *, bad: tuple[int, ...] = (), most: int = 10_000) -> None:
        self.bad = bad
        self.most = most
        self.asked: Counter[int] = Counter()
        self.sizes: list[int] = []

    def __call__(self, frame: Any) -> Any:
        if len(frame) > self.most:
            raise MemoryError("too many at once")
        found = [int(x) for x in frame["x"]]
        self.sizes.append(len(found))
        if set(found) & set(self.bad):
            raise ValueError(f"no answer to {found[0]}")
        self.asked.update(found)
        return frame["x"] * 3


def serve(store: Store, numbers: range, *, version: str = "1", error: str | None = None) -> None:
    """Log requests: number n has the row {"x": n}."""
    text = None if error else "0"
    rows = [Recorded(f"r{n}", 0.0, f'{{"x": {n}}}', version, text, error) for n in numbers]
    with store.transaction() as tx:
        record(tx, rows)


def scored(store: Store) -> dict[int, tuple[Any, Any]]:
    """Give what each x was answered, and the error; fails where one has two answers."""
    query = (
        select(predictions.c.row, shadows.c.prediction, shadows.c.error)
        .join(shadows, shadows.c.seq == predictions.c.seq)
        .where(shadows.c.version == "2")
    )
    with store.reading() as tx:
        found = [(row.row["x"], (row.prediction, row.error)) for row in tx.execute(query)]
    assert len(dict(found)) == len(found)
    return dict(found)


def shadow(store: Store, model: Any, *, first: int = 0) -> Shadow:
    return Shadow(store, Scorer("2", model, ("x",)), first=first)


def test_each_request_is_scored_once(stores: Store) -> None:
    model = Model()
    one = shadow(stores, model)
    serve(stores, range(1_203))
    assert one.catch_up() == 1_203
    assert one.catch_up() == 0
    serve(stores, range(1_203, 1_210))
    assert one.catch_up() == 7
    assert one.ensure(range(1, 1_211)) == 0
    assert scored(stores) == {n: (3 * n, None) for n in range(1_210)}
    assert set(model.asked.values()) == {1}
    assert max(model.sizes) < 500


def test_only_the_requests_that_are_wanted(store: Store) -> None:
    model = Model()
    serve(store, range(1, 11))  # x is the number of the request
    one = shadow(store, model)
    assert one.ensure([7, 3, 3, 999]) == 2
    assert one.ensure(iter([3, 4])) == 1
    assert one.ensure([]) == 0
    assert sorted(scored(store)) == [3, 4, 7]
    assert one.catch_up() == 7
    assert model.asked == Counter(range(1, 11))


def test_many_that_are_wanted_come_in_parts(store: Store) -> None:
    model = Model()
    serve(store, range(1, 1_301))
    one = shadow(store, model)
    assert one.ensure(range(1_300, 0, -1)) == 1_300
    assert set(model.asked.values()) == {1}
    assert len(model.asked) == 1_300


def test_what_came_before_it_is_not_scored_unless_wanted(store: Store) -> None:
    serve(store, range(1, 11))
    one = shadow(store, Model(), first=6)
    assert one.catch_up() == 4
    assert sorted(scored(store)) == [7, 8, 9, 10]
    assert one.ensure([2]) == 1  # a label for an older request was asked for


def test_it_goes_on_where_another_ended(store: Store) -> None:
    """Neither a restart nor a second one at work scores anything again, and nothing is left out."""
    model = Model()
    serve(store, range(1, 601))
    assert shadow(store, model).ensure(range(1, 400, 2)) == 200
    again = shadow(store, model)
    assert again.catch_up() == 400
    serve(store, range(601, 701))
    assert shadow(store, model, first=300).catch_up() == 100
    assert again.catch_up() == 0
    assert set(model.asked.values()) == {1}
    assert len(scored(store)) == 700


def test_two_at_once_leave_one_answer(store: Store) -> None:
    serve(store, range(10))
    other = shadow(store, Model())

    def meanwhile(frame: Any) -> Any:
        other.catch_up()
        return frame["x"] * 4

    assert shadow(store, meanwhile).catch_up() == 10
    assert scored(store) == {n: (3 * n, None) for n in range(10)}  # the first stays


def test_it_never_scores_what_it_served_itself_nor_what_failed(store: Store) -> None:
    serve(store, range(5))
    serve(store, range(5, 1_000), version="2")
    serve(store, range(1_000, 1_010), error="ValueError: out of order")
    serve(store, range(1_010, 1_013))
    model = Model()
    one = shadow(store, model)
    assert one.catch_up() == 8
    assert one.ensure(range(1, 1_014)) == 0
    assert sorted(model.asked) == [*range(5), *range(1_010, 1_013)]


def test_rows_it_fails_on_are_errors_and_no_others(stores: Store) -> None:
    bad = (0, 17, 499, 500, 1_000)  # the first of a batch too
    model = Model(bad=bad)
    serve(stores, range(1_100))
    one = shadow(stores, model)
    assert one.catch_up() == 1_100
    found = scored(stores)
    assert {n for n, (_, error) in found.items() if error} == set(bad)
    assert all(found[n] == (None, f"ValueError: no answer to {n}") for n in bad)
    assert all(found[n] == (3 * n, None) for n in found if n not in bad)
    assert one.catch_up() == 0  # an error is an answer: it is not asked for again


@pytest.mark.parametrize(
    "predict",
    [
        pytest.param(lambda frame: frame["x"].tolist()[: 1 if len(frame) == 1 else 3], id="length"),
        pytest.param(Model(most=1), id="alone"),
        pytest.param(
            lambda frame: frame["x"] if len(frame) == 1 else frame["x"] * float("nan"), id="nan"
        ),
    ],
)
def test_a_batch_that_fails_is_scored_row_by_row(store: Store, predict: Any) -> None:
    serve(store, range(40))
    assert shadow(store, predict).catch_up() == 40
    found = scored(store)
    assert len(found) == 40
    assert all(error is None for _, error in found.values())
    assert {n * 3 == answer or n == answer for n, (answer, _) in found.items()} == {True}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (float("inf"), "DataError: expected a text or a finite number"),
        (None, "DataError: expected a text or a finite number"),
        ([1, 2], "DataError: expected a text or a finite number"),
    ],
)
def test_an_answer_that_cannot_be_kept_is_an_error(store: Store, answer: Any, error: str) -> None:
    serve(store, range(3))
    shadow(store, lambda frame: [answer] * len(frame)).catch_up()
    assert all(told.startswith(error) for _, told in scored(store).values())
    assert len(scored(store)) == 3


def test_odd_errors_and_answers_do_not_stop_it(stores: Store) -> None:
    """NUL and half a surrogate pair are what PostgreSQL or a driver may refuse."""

    def odd(frame: Any) -> Any:
        x = int(frame["x"].iloc[0])
        if len(frame) > 1 or x == 1:
            raise ValueError("NUL \0 and half a pair \ud800 in it\nsecond line")
        return ["a\0b" if x == 2 else "\ud800" if x == 3 else "sound"]

    serve(stores, range(1, 6))
    assert shadow(stores, odd).catch_up() == 5
    found = scored(stores)
    assert found[1] == (None, "ValueError: NUL  and half a pair ? in it")
    assert found[4] == found[5] == ("sound", None)
    assert shadow(stores, odd).catch_up() == 0


def test_one_that_does_not_answer_is_not_asked_row_by_row(store: Store) -> None:
    calls: list[int] = []

    def away(frame: Any) -> Any:
        calls.append(len(frame))
        raise ServiceError("expected an answer, got none", hint="start it.")

    serve(store, range(400))
    assert shadow(store, away).catch_up() == 400
    assert calls == [1, 399]
    assert {error for _, error in scored(store).values()} == {
        "ServiceError: expected an answer, got none"
    }


def test_failures_are_told_once_a_batch(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    serve(store, range(400))
    with caplog.at_level(logging.WARNING):
        shadow(store, Model(bad=tuple(range(100, 300)))).catch_up()
    assert [each.getMessage() for each in caplog.records] == [
        "version 2 failed in shadow on 200 of 400 requests, first with ValueError: no answer to 100"
    ]


def test_the_first_of_a_batch_is_timed_alone(store: Store) -> None:
    serve(store, range(700))
    shadow(store, Model()).catch_up()
    with store.reading() as tx:
        found = tx.execute(select(shadows.c.seq, shadows.c.latency).order_by(shadows.c.seq)).all()
    assert [row.seq for row in found if row.latency is not None] == [1, 501]
    assert all(row.latency > 0 for row in found if row.latency is not None)


def test_a_store_that_is_away_loses_no_request(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(store, range(20))
    one = shadow(store, Model())

    def away(*_: Any) -> Any:
        raise ServiceError("expected the database to answer, got: locked")

    with monkeypatch.context() as broken:
        broken.setattr(store, "transaction", away)
        with pytest.raises(ServiceError):
            one.catch_up()
    assert scored(store) == {}
    assert one.catch_up() == 20
