"""A/B with units that come back: bounds that hold where labels of one unit go together."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sqlalchemy import insert

from modelward.adaptive_pipeline import Store, Trial, feed
from modelward.adaptive_pipeline.comparison import Comparison, Observation
from modelward.adaptive_pipeline.comparison.comparison import comparison_from
from modelward.adaptive_pipeline.comparison.units import Units
from modelward.adaptive_pipeline.comparison.verdict import Verdict
from modelward.adaptive_pipeline.store import schema

USERS, LABELS = 300, 1_200


def seen(arm: str, loss: float, unit: str | None) -> Observation:
    ours = arm == "challenger"
    return Observation(
        champion=None if ours else loss,
        challenger=loss if ours else None,
        arm=arm,
        probability=0.5,
        unit=unit,
    )


def trial(rng: np.random.Generator, *, named: bool, gain: float = 0.0) -> Verdict:
    """Live through one: users of whom some come back more often, each with losses of their own."""
    arms = np.where(rng.random(USERS) < 0.5, "challenger", "champion").tolist()
    level, often = rng.normal(size=USERS), rng.gamma(2.0, size=USERS)
    who = rng.choice(USERS, LABELS, p=often / often.sum())
    comparison = Comparison(design="ab", maximum=LABELS)
    losses = (level[who] + rng.normal(size=LABELS)) ** 2
    for user, loss in zip(who.tolist(), losses.tolist(), strict=True):
        less = gain if arms[user] == "challenger" else 0.0
        verdict = comparison.update(seen(arms[user], loss - less, f"u{user}" if named else None))
        if verdict.final:
            break
    return verdict


def words(n: int, **how: object) -> list[Verdict]:
    rng = np.random.default_rng(3)
    return [trial(rng, **how) for _ in range(n)]  # type: ignore[arg-type]


@pytest.mark.slow
def test_models_equally_good_are_promoted_no_more_often_than_promised() -> None:
    found = words(150, named=True)
    # At 2.5 % each way, more than 11 of 150 happen in 2 of 10,000 such tests.
    assert sum(verdict.word == "promote" for verdict in found) <= 11
    assert sum(verdict.word == "reject" for verdict in found) <= 11
    assert all(verdict.valid for verdict in found)  # shares are those of users, not of requests


@pytest.mark.slow
def test_without_units_named_the_same_trials_err() -> None:
    """What the test before has to tell apart: labels of a user taken for draws of their own."""
    found = words(60, named=False)
    wrong = [v for v in found if v.word in {"promote", "reject"} or not v.valid]
    assert len(wrong) >= 10  # of 60; at 5 % more than 9 happen in 1 of 1,000 such tests


def test_a_gain_that_is_there_is_found() -> None:
    assert [verdict.word for verdict in words(5, named=True, gain=2.5)] == ["promote"] * 5


def test_the_variance_is_that_of_the_sums_of_units() -> None:
    rng, units = np.random.default_rng(0), Units(share=0.3)
    who = rng.integers(0, 40, 500)
    losses = 1e6 + rng.normal(size=40)[who] + rng.normal(size=500)  # far from 0: nothing is lost
    arm = np.where(np.arange(40) % 3 == 0, "challenger", "champion")
    for user, loss in zip(who.tolist(), losses.tolist(), strict=True):
        units.add(str(arm[user]), f"u{user}", loss)
    within = between = 0.0
    for name, weight in (("champion", 0.7**-2), ("challenger", 0.3**-2)):
        mine = arm[who] == name
        rest = losses[mine] - losses[mine].mean()
        sums = np.array([rest[who[mine] == user].sum() for user in np.unique(who[mine])])
        sizes = np.array([(who[mine] == user).sum() for user in np.unique(who[mine])])
        few = sizes.sum() ** 2 / (sizes**2).sum()
        within += weight * (rest**2).sum()
        between += weight * (sums**2).sum() * few / (few - 1)
    assert units.inflation == pytest.approx(between / within, rel=1e-6)
    assert units.inflation > 2


def test_units_that_come_once_change_nothing() -> None:
    rng = np.random.default_rng(1)
    one, other = Comparison(design="ab"), Comparison(design="ab")
    for i in range(400):
        arm, loss = str(rng.choice(["champion", "challenger"])), float(rng.normal())
        a = one.update(seen(arm, loss, f"u{i}"))
        b = other.update(seen(arm, loss, None))
        assert a == b


def test_a_few_large_units_are_waited_for() -> None:
    comparison = Comparison(design="ab", minimum=20, maximum=1_000)
    for i in range(600):
        arm = "champion" if i % 2 else "challenger"
        verdict = comparison.update(seen(arm, float(i % 2) + 1e-3 * (i % 7), f"u{i % 10}"))
    assert verdict.word == "continue"
    assert "labels of too few units: an arm comes to 5 of equal size" in verdict.reason


def test_bets_go_by_the_first_label_of_a_unit() -> None:
    bets = Comparison(design="ab", statistic="betting", minimum=20)
    auto = Comparison(design="ab", minimum=20)
    for comparison in (bets, auto):
        for i in range(300):
            comparison.update(
                seen("champion" if i % 2 else "challenger", float(i % 2), f"u{i % 50}")
            )
    assert bets.gain.n == 50  # of 300 labels
    assert auto.gain.n == 300  # it has stopped betting


def test_stored_and_restored_it_goes_on_as_if_nothing_had_been() -> None:
    rng, one = np.random.default_rng(2), Comparison(design="ab")
    for i in range(300):
        if i % 50 == 0:
            state = json.loads(json.dumps(one.state))
            other = comparison_from(one.settings).restore(state)
        look = seen(str(rng.choice(["champion", "challenger"])), float(rng.normal()), f"u{i % 90}")
        assert one.update(look) == other.update(look)
    assert one.state == other.state


def test_the_log_says_who_came_back(store: Store) -> None:
    served = {"at": 0.0, "row": {"x": 1}, "version": "1", "prediction": 1}
    split = {"experiment": "t", "arm": "champion", "probability": 0.5, **served}
    with store.transaction() as tx:
        tx.execute(
            insert(schema.predictions),
            [
                {"request_id": "r1", "unit": "r1", **split},
                {"request_id": "r2", "unit": "ann", **split},
                {"request_id": "r3", "unit": "ann", **split},
            ],
        )
        join = {"revision": 0, "label": 1, "at": 0.0, "late": False}
        tx.execute(insert(schema.joined), [{"seq": seq, **join} for seq in (1, 2, 3)])
    rows = feed.read(store, after=0)
    assert [row.unit for row in rows] == [None, "ann", "ann"]
    this = Trial(
        name="t", design="ab", champion="1", challenger="2", first=0, position=0, share=0.5
    )
    assert this.observe(rows[1], {"1": 0.0}) == seen("champion", 0.0, "ann")
    with store.reading() as tx:
        assert this.exposures(tx, until=3) == {"champion": 2, "challenger": 0}
