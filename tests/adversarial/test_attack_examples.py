"""The examples, run as a person runs them, on the detector the tests have trained."""

import copy
import importlib.util
import json

import pytest

from modelward.adversarial import Assessment, Shapes
from modelward.core.evidence import Evidence


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.slow
def test_a_detector_is_attacked_in_five_ways(root, detector, tmp_path, capsys):
    figures = load(root / "examples" / "attack_detector.py").main(
        tmp_path, detector=detector, n=8, steps=4
    )
    assert last_line(capsys) == figures
    assert len(figures["ap_left"]) == 15
    result = Assessment.load(tmp_path)
    assert result.n == 8
    assert Evidence.load(tmp_path / "assessment.evidence.json").verify(tmp_path)
    assert (tmp_path / "halving.png").stat().st_size > 5_000


@pytest.mark.slow
def test_attacks_on_one_detector_are_tried_on_others(root, detector, tmp_path, capsys):
    detectors = {name: copy.deepcopy(detector) for name in ("one", "two", "three")}
    for name, each in detectors.items():
        each.name = name
    figures = load(root / "examples" / "transfer_matrix.py").main(
        tmp_path, detectors=detectors, n=4, steps=3
    )
    assert last_line(capsys) == figures
    assert set(figures["white_box_left"]) == set(figures["order"]) == set(detectors)
    # Copies fall to each other's attacks as they do to their own.
    assert figures["left_of_three_by_pgd_on_two"] == figures["white_box_left"]["three"]
    assert Assessment.load(tmp_path).targets == ("one", "two", "three", "one int8")
    assert (tmp_path / "ranking.png").stat().st_size > 5_000


def test_the_images_of_the_configuration_are_drawn(root, tmp_path, capsys):
    load(root / "examples" / "seed_config" / "prepare.py").main(tmp_path, n=3)
    assert last_line(capsys)["images"] == 3
    assert len(list((tmp_path / "images").glob("*.png"))) == 3
    labels = json.loads((tmp_path / "labels.json").read_text())
    assert [c["name"] for c in labels["categories"]] == list(Shapes.classes)
