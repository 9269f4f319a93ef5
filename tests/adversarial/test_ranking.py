"""Detectors in order: the paired test keeps its error rate, and tells apart what differs."""

import numpy as np
import pytest
import torch

from modelward.adversarial import PGD, Detections, Shapes, Target, Yolo3, Yolo3Network, match, rank
from modelward.adversarial.ranking import holm, permutation_test
from modelward.core.errors import DataError
from modelward.core.testing import check_result

BOX = torch.tensor([[10.0, 10.0, 40.0, 40.0]])
LABEL = torch.tensor([0])


def seen(rng, share):
    """What a detector sees of one object: it, with a probability, and now and then a ghost."""
    boxes, scores = [], []
    if rng.random() < share:
        boxes.append(BOX[0] + float(rng.uniform(0, 8)))
        scores.append(float(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.3:
        boxes.append(BOX[0] + 50)
        scores.append(float(rng.uniform(0.0, 0.8)))
    order = np.argsort(scores)[::-1].tolist()
    return Detections(
        torch.stack([boxes[i] for i in order]) if boxes else torch.zeros(0, 4),
        torch.tensor([scores[i] for i in order]),
        torch.zeros(len(boxes), dtype=torch.int64),
    )


def p_value(seed, one, other, *, n=16, permutations=99):
    rng = np.random.default_rng(seed)
    difficulty = rng.uniform(0.5, 1.0, size=n)  # shared by both: the pairs are not independent
    a, b = ([seen(rng, share * d) for d in difficulty] for share in (one, other))
    truth = [Target(BOX, LABEL)] * n
    return permutation_test(a, b, truth, classes=["thing"], permutations=permutations, seed=seed)


@pytest.mark.slow
def test_detectors_that_do_not_differ_are_told_apart_as_seldom_as_promised():
    found = np.array([p_value(seed, 0.8, 0.8) for seed in range(150)])
    for alpha in (0.05, 0.2):
        spread = np.sqrt(alpha * (1 - alpha) / len(found))
        assert abs((found <= alpha).mean() - alpha) < 3 * spread + 0.01, alpha


def test_detectors_that_differ_are_told_apart():
    assert p_value(0, 1.0, 0.2, n=40) == 0.01
    assert p_value(0, 1.0, 1.0, n=40) > 0.05


def test_the_adjustment_is_holms():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    found = [0.001, 0.04, 0.03, 0.02, 0.5, 0.04]
    assert holm(found) == pytest.approx(multitest.multipletests(found, method="holm")[1])
    assert holm([]) == []


@pytest.fixture(scope="module")
def ranking(detector):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        blind = Yolo3(
            network=Yolo3Network(classes=3, width=4), classes=Shapes.classes, name="blind"
        )
    data = Shapes(n=12, size=80, seed=7)
    return rank(
        [blind, detector], PGD(eps=0.5 / 255, steps=2), data, resamples=100, permutations=99
    )


def test_the_better_one_stands_first_and_its_lead_is_tested(ranking, detector):
    assert ranking.order == (detector.name, "blind")
    pair = ranking.pair("blind", detector.name)
    assert (pair.better, pair.worse) == (detector.name, "blind")
    assert pair.differs
    assert pair.p == pair.p_adjusted == 0.01
    ap = ranking.attacked
    assert pair.difference.value == pytest.approx(ap[detector.name].value - ap["blind"].value)
    with pytest.raises(DataError, match="expected two detectors of"):
        ranking.pair("a", "b")


def test_it_keeps_the_contract_of_results(ranking):
    check_result(ranking)
    assert "beats blind" in str(ranking)
    assert len(ranking.to_frame()) == 1
    assert ranking.plot().get_xlabel() == "AP .50:.95"


def test_one_detector_cannot_be_ranked(untrained):
    with pytest.raises(DataError, match="two detectors or more"):
        rank(untrained, PGD(), Shapes(n=2, size=32))


def test_exchanging_nothing_gives_the_observed_difference():
    """Rows of one detector are its own images: the oracle is scoring it alone."""
    rng = np.random.default_rng(3)
    a, b = ([seen(rng, 0.7) for _ in range(10)] for _ in range(2))
    truth = [Target(BOX, LABEL)] * 10
    both = match([*a, *b], truth * 2, classes=["thing"])
    assert both.score(np.arange(10)).ap == match(a, truth, classes=["thing"]).score().ap
    assert both.score(np.arange(10, 20)).ap == match(b, truth, classes=["thing"]).score().ap
