"""The statistical promises: bounds that hold at every look, also for errors that change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from modelward.core.errors import DataError
from modelward.validation.certainty import Audit, certify, interval, upper_bound


@pytest.mark.parametrize(
    ("count", "n", "e"), [(0, 20, 0.1), (3, 40, 0.2), (10, 25, 0.7), (1, 9, 0.6)]
)
def test_the_wealth_is_the_bet_mixed_over_all_stakes(count, n, e):
    """At the bound for alpha, the integral of the bets (by quadrature) is 1 / alpha."""
    alpha = 0.05
    bound = upper_bound(count, n, alpha=alpha)
    wealth, _ = quad(lambda w: w**count / (1 - bound * (1 - w)) ** n, 0, 1, epsabs=0)
    assert wealth == pytest.approx(1 / alpha, rel=1e-6)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.001, 0.3))
def test_bounds_are_sound_and_monotone(count, rest, alpha):
    n = count + rest
    bound = upper_bound(count, n, alpha=alpha)
    assert (count / n if n else 0.0) <= bound <= 1.0
    assert upper_bound(count, n + 1, alpha=alpha) <= bound + 1e-9
    assert upper_bound(count + 1, n + 1, alpha=alpha) >= bound - 1e-9
    assert upper_bound(count, n, alpha=alpha / 2) >= bound - 1e-9


@given(st.integers(0, 200), st.integers(0, 200))
def test_looking_always_costs_something_against_looking_once(count, rest):
    """Clopper-Pearson holds for one look; a bound for all looks cannot be tighter."""
    n = count + rest
    once = 1.0 if rest == 0 else beta.ppf(0.95, count + 1, rest)
    assert upper_bound(count, n) >= once - 1e-9


def test_the_interval_mirrors():
    a, b = interval(7, 40), interval(33, 40)
    assert a.low == pytest.approx(1 - b.high)
    assert a.high == pytest.approx(1 - b.low)
    assert (interval(0, 0).low, interval(0, 0).high) == (0.0, 1.0)


def test_bounds_stay_finite_for_long_audits():
    assert 0 < upper_bound(0, 10**6) < 1e-4
    assert 0.5 < upper_bound(5 * 10**5, 10**6) < 0.503
    assert upper_bound(10**6, 10**6) == 1.0


def anytime(counts, n, limit, alpha):
    """Whether `upper_bound(count, n) < limit`, at every n at once, by a table of the least counts."""
    most = np.full(n + 1, -1)
    count = -1
    for k in range(1, n + 1):
        while count + 1 <= k and upper_bound(count + 1, k, alpha=alpha) < limit:
            count += 1
        most[k] = count
    return counts <= most[1:]


@pytest.mark.slow
def test_false_certificates_while_looking_after_every_point():
    """True error 1 %, claim 'below 1 %': ours is false in <= 5 % of jobs, the naive bound in ~20 %."""
    jobs, n, error, alpha = 2000, 3000, 0.01, 0.05
    counts = (np.random.default_rng(0).random((jobs, n)) < error).cumsum(axis=1)
    ours = anytime(counts, n, error, alpha).any(axis=1).mean()
    sizes = np.arange(1, n + 1)
    largest = counts[:, -1].max()
    naive = np.ones((largest + 1, n))
    for c in range(largest + 1):
        valid = sizes > c
        naive[c, valid] = beta.ppf(1 - alpha, c + 1, sizes[valid] - c)
    clopper_pearson = (naive[counts, np.arange(n)] < error).any(axis=1).mean()
    assert ours <= 0.05
    assert ours > 0.005  # it is not valid by saying nothing
    assert clopper_pearson > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("path", ["falling", "rising", "adversarial"])
def test_the_running_mean_of_changing_errors_is_bounded(path):
    """A surrogate learns, so e_k changes, here even in answer to what was seen: the mean is held."""
    jobs, n, alpha = 2000, 300, 0.05
    rng = np.random.default_rng(1)
    table = np.array(
        [[upper_bound(min(c, k), k, alpha=alpha) for c in range(61)] for k in range(1, n + 1)]
    )
    counts, total, broken = np.zeros(jobs, dtype=int), np.zeros(jobs), np.zeros(jobs, dtype=bool)
    for k in range(n):
        if path == "falling":
            e = np.full(jobs, 0.02 + 0.15 * 0.98**k)
        elif path == "rising":
            e = np.full(jobs, 0.12 * k / n)
        else:  # raise the error as long as few mistakes were seen
            e = np.where(counts < 0.05 * (k + 1), 0.10, 0.005)
        counts += rng.random(jobs) < e
        total += e
        broken |= total / (k + 1) > table[k, np.minimum(counts, 60)]
    assert broken.mean() <= 0.05
    assert counts.max() <= 60


def draw(rng, n, miss, alarm):
    """Audits of a surrogate that calls 30 % of the space failing."""
    audits = []
    for u in rng.random(n):
        predicted = bool(u < 0.3)
        wrong = bool(rng.random() < (alarm / 0.3 if predicted else miss / 0.7))
        audits.append(Audit(predicted, 0.3, predicted != wrong))
    return audits


@pytest.mark.slow
def test_the_failure_share_is_held_at_every_look():
    miss, alarm, jobs, n = 0.02, 0.05, 400, 120
    truth, rng, broken = 0.3 + miss - alarm, np.random.default_rng(5), 0
    for _ in range(jobs):
        audits = draw(rng, n, miss, alarm)
        looks = (certify(audits[:k]).failure_share for k in range(4, n + 1, 4))
        broken += any(share.excludes(truth) for share in looks)
    assert broken / jobs <= 0.05


def test_a_good_surrogate_narrows_the_failure_share():
    rng = np.random.default_rng(0)
    audits = draw(rng, 200, 0.0, 0.0)
    alone = interval(sum(a.failed for a in audits), 200)
    share = certify(audits).failure_share
    assert share.low <= 0.3 <= share.high
    assert share.high - share.low < 0.6 * (alone.high - alone.low)


def test_the_kinds_of_mistake_are_kept_apart():
    audits = [Audit(True, 0.2, False)] * 2 + [Audit(False, 0.2, True)] * 3
    audits += [Audit(False, 0.2, False)] * 35
    c = certify(audits)
    assert (c.error.value, c.missed.value, c.false_alarm.value) == (5 / 40, 3 / 40, 2 / 40)
    assert c.error.high == upper_bound(5, 40)
    assert c.certainty == 1 - c.error.high
    assert "mean of them" in c.in_words()
    assert "frozen before the audit" in certify(audits, frozen=True).in_words()


def test_without_audits_nothing_is_proven():
    c = certify([])
    assert c.certainty == 0.0
    assert (c.failure_share.low, c.failure_share.high) == (0.0, 1.0)
    assert c.in_words() == "Nothing is proven: no audit point was drawn."


@pytest.mark.parametrize(
    ("count", "n", "alpha"), [(-1, 5, 0.05), (6, 5, 0.05), (1, 5, 0.0), (1, 5, 1)]
)
def test_impossible_counts_are_named(count, n, alpha):
    with pytest.raises(DataError, match="expected 0 <= count <= n"):
        upper_bound(count, n, alpha=alpha)
