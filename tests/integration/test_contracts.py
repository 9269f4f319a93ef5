"""The results of all libraries keep one contract, and settings go by keyword everywhere."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modelward.adversarial as adv
import modelward.modelcards as cards
import modelward.monitoring as mon
import modelward.validation as val
from modelward.core import testing


def test_result_of_monitoring() -> None:
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame(rng.normal(size=(300, 2)) + i, columns=["a", "b"]) for i in (0, 1)]
    testing.check_result(mon.compare(*frames))


def test_result_of_validation() -> None:
    features = [val.FeatureContinuous("x", 0, 1), val.FeatureContinuous("y", 0, 1)]
    study = val.Study(features, [val.Output("z", threshold=0.5)], seed=1)
    study.run(lambda x, y: {"z": x * y}, budget=24)
    testing.check_result(study.result())


def test_result_of_modelcards(tmp_path: Path) -> None:
    record = mon.compare(*(pd.DataFrame({"a": range(100)}) for _ in range(2))).to_evidence()
    record.save(tmp_path / "drift.json")
    card = cards.ModelCard.model_validate({}).attach(record, record="drift.json")
    result = cards.verify(cards.read(card.save(tmp_path / "card.yaml")))
    assert result
    testing.check_result(result)
    assert not cards.verify(cards.parse("{}")), "where nothing was checked, nothing was verified"


@pytest.mark.slow
def test_result_of_adversarial() -> None:
    result = adv.assess(adv.small_detector(), [adv.FGSM(eps=8 / 255)], adv.Shapes(n=8, seed=2))
    testing.check_result(result)


@pytest.mark.parametrize("name", sorted(adv.ATTACKS))
def test_attacks_take_settings_by_keyword(name: str) -> None:
    testing.check_settings(adv.ATTACKS[name])


@pytest.mark.parametrize("library", [adv, cards, mon, val])
def test_every_public_name_is_documented(library: object) -> None:
    for name in library.__all__:  # type: ignore[attr-defined]
        found = getattr(library, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{name} has no docstring"
