"""The configuration file of the modes create and transfer, on real detectors and images."""

import json

import pytest
import yaml

from modelward.adversarial import AdversarialSet, Assessment, Shapes, write_coco
from modelward.adversarial.configuration import load_config, number
from modelward.adversarial.modes import run
from modelward.core.config import InvalidConfigError
from modelward.core.errors import DataError


@pytest.fixture
def config(shared, tmp_path):
    darknet = shared / "detection" / "darknet"
    stem = str(darknet / "yolo-fastest-1.1-xl")
    other = str(darknet / "MobileNetV2-YOLOv3-Nano-coco")
    content = {
        "task": {"type": "create"},
        "create-attack": {
            "base-model": "yolo3",
            "model_conf": f"{stem}.cfg",
            "saved_model": f"{stem}.weights",
            "geometry": "stretch",
            "algorithm": "pgd",
            "settings": {"eps": 0.03137, "steps": 4},
            "sample-size": 6,
        },
        "transfer": {
            "source_images": "logs/images.npz",
            "target-model": "yolo3",
            "model_conf": f"{other}.cfg",
            "saved_model": f"{other}.weights",
            "geometry": "stretch",
        },
        "dataset": {
            "images": str(shared / "detection" / "images"),
            "labels_json": str(shared / "detection" / "labels.json"),
        },
    }
    path = tmp_path / "config.yml"

    def write(**changes):
        for keys, value in changes.items():
            part = content
            *before, last = keys.split("__")
            for key in before:
                part = part[key.replace("_attack", "-attack")]
            part[last] = value
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.slow
def test_create_then_transfer(config, tmp_path):
    made = run(load_config(config()))
    assert len(made.images) == 6
    assert made.adversarial.value < 0.2 * made.clean.value
    before = made.images.sha256
    assert run(load_config(config())).images.sha256 == before  # the same bytes again
    run(load_config(config(task__type="transfer")))
    told = json.loads((tmp_path / "logs" / "result.json").read_text())
    wanted = {
        "source_images",
        "target_base_model",
        "target_model_location",
        "mAp_on_clean_images",
        "mAp_on_adversarial_images",
    }
    assert wanted <= set(told)
    assert told["source_images"].endswith("logs/images.npz")
    assert 0 < told["mAp_on_adversarial_images"] <= told["mAp_on_clean_images"] + 0.1
    assert told["made_from"]["sha256"] != told["target_sha256"]
    assert any("does not show that none would" in warning for warning in told["warnings"])


@pytest.mark.slow
def test_transfer_to_the_source_itself_is_judged_by_the_share_left(config, tmp_path, shared):
    stem = str(shared / "detection" / "darknet" / "yolo-fastest-1.1-xl")
    weak = config(
        create_attack__settings={"eps": "2/255", "steps": 1, "step": "0.2/255"},
        transfer__model_conf=f"{stem}.cfg",
        transfer__saved_model=f"{stem}.weights",
    )
    run(load_config(weak))
    run(load_config(config(task__type="transfer")))
    told = json.loads((tmp_path / "logs" / "result.json").read_text())
    assert told["attack_strength"] == "weak"
    assert any(words.startswith("the attack is weak") for words in told["warnings"])


@pytest.fixture
def drawn(tmp_path):
    """The example's own configuration, on drawn images of the size the test detector knows."""

    def write(**changes):
        write_coco(Shapes(n=10, size=80, seed=4), tmp_path / "data")
        content = {
            "task": {"type": "assess"},
            "create-attack": {
                "base-model": "yolo3",
                "saved_model": "zoo",
                "settings": {"eps": "8/255", "steps": 3},
                "sample-size": 6,
            },
            "transfer": {
                "source_images": "logs/images.npz",
                "target-model": "yolo3",
                "saved_model": "zoo",
            },
            "assess": {
                "models": {"one": {"base-model": "yolo3", "saved_model": "zoo"}},
                "attacks": [{"algorithm": "noise"}, {"algorithm": "pgd", "settings": {"steps": 3}}],
                "eps": ["2/255", 0.03],
                "sample-size": 6,
                "resamples": 100,
                "control-images": 2,
            },
            "dataset": {"images": "data/images", "labels_json": "data/labels.json"},
        }
        for key, value in changes.items():
            content[key] = content[key] | value
        path = tmp_path / "drawn.yml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def trained(detector, monkeypatch):
    monkeypatch.setattr("modelward.adversarial.zoo.small.small_detector", lambda family: detector)


@pytest.mark.usefixtures("trained")
def test_assess_writes_a_report_that_goes_on_where_it_stood(drawn, tmp_path):
    first = run(load_config(drawn()))
    assert first.page == tmp_path / "logs" / "assessment" / "assessment.html"
    assert [c.eps for c in first.result.cells] == [2 / 255, 0.03] * 2
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "logs").rglob("made-*.npz")}
    again = run(load_config(drawn()))
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert again.result.to_dict() == first.result.to_dict()
    assert Assessment.load(tmp_path / "logs" / "assessment").to_dict() == first.result.to_dict()
    assert "report" in str(first)


@pytest.mark.usefixtures("trained")
def test_images_without_labels_are_scored_by_agreement(drawn):
    folder = {"format": "folder", "labels_json": None}
    agreed = run(load_config(drawn(dataset=folder))).result
    assert agreed.ap.value > 0.9  # what is seen again on the same clean images, but for the unsure
    assert "as small-yolo3 sees it" in agreed.data


@pytest.mark.usefixtures("trained")
def test_create_gives_the_same_bytes_also_after_a_broken_run(drawn, tmp_path):
    path = drawn(task={"type": "create"})
    first = run(load_config(path)).images
    assert AdversarialSet.load(first.path).config["eps"] == 8 / 255
    half = sorted((tmp_path / "logs").rglob("made-*.npz"))
    for file in half[::2]:  # as if it had been cut off
        file.unlink()
    assert run(load_config(path)).images.sha256 == first.sha256


@pytest.mark.usefixtures("trained")
def test_images_of_another_data_set_and_tampered_ones_are_refused(drawn, tmp_path):
    run(load_config(drawn(task={"type": "create"})))
    transfer = drawn(task={"type": "transfer"})
    told = run(load_config(transfer)).content
    assert told["mAp_on_adversarial_images"] < told["mAp_on_clean_images"]
    write_coco(Shapes(n=3, size=80, seed=9), tmp_path / "data")
    with pytest.raises(DataError, match="got none of"):
        run(load_config(transfer))
    write_coco(Shapes(n=10, size=96, seed=9), tmp_path / "data")
    with pytest.raises(DataError, match=r"expected image \d+ of \(3, 96, 96\)"):
        run(load_config(transfer))
    file = tmp_path / "logs" / "images.npz"
    file.write_bytes(file.read_bytes().replace(b'"seed":0', b'"seed":1'))
    with pytest.raises(DataError, match=r"changed|expected"):
        run(load_config(transfer))


def test_numbers_may_be_fractions_and_names_must_be_known(drawn):
    assert [number(v) for v in ("8/255", "0.5 / 255", 3, "1/0", "pgd")] == [
        8 / 255,
        0.5 / 255,
        3,
        "1/0",
        "pgd",
    ]
    with pytest.raises(InvalidConfigError, match="'two' is none of models: one"):
        load_config(drawn(assess={"targets": ["two"]}))
    with pytest.raises(InvalidConfigError, match="labels_json is needed"):
        load_config(drawn(dataset={"labels_json": None}))
    path = drawn(task={"type": "create"})
    content = yaml.safe_load(path.read_text())
    del content["create-attack"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InvalidConfigError, match="create-attack is needed"):
        load_config(path)


def test_the_seeds_own_file_is_read(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(
        """
task:
  type: create
create-attack:
  base-model: yolo3
  model_conf: "models/yolo/yolo3/yolov3.cfg"
  saved_model: "models/yolo/yolo3/yolov3.weights"
  algorithm: pgd
  sample-size: 200
transfer:
  source_images: "images/test.npz"
  target-model: yolo3
  model_conf: "models/yolo/yolo3/yolov3.cfg"
  saved_model: "models/yolo/yolo3/yolov3.weights"
dataset:
  images: "/home/someone/coco-2017/validation/data"
  labels_json: "/home/someone/coco-2017/validation/labels.json"
"""
    )
    read = load_config(path)
    assert read.create.sample_size == 200
    assert read.create.saved_model == tmp_path / "models/yolo/yolo3/yolov3.weights"
    with pytest.raises(DataError, match=r"readable \.cfg"):
        run(read)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task__type": "attack"}, "create"),
        ({"create_attack__sample-size": 0}, "sample-size"),
        ({"create_attack__base-model": "yolo4"}, "yolo3"),
        ({"create_attack__samplesize": 3}, "sample-size"),
    ],
)
def test_mistakes_are_told_by_line(config, change, words):
    with pytest.raises(InvalidConfigError, match=words) as told:
        load_config(config(**change))
    assert "config.yml:" in str(told.value)


def test_the_example_is_a_whole_configuration(root):
    read = load_config(root / "examples" / "seed_config" / "config.yml")
    assert read.create.algorithm == "pgd"
    assert read.transfer.target_model == "ssdlite"
    assert read.create.saved_model == "zoo"
    assert len(read.assess.attacks) == 3


def test_the_module_runs_a_configuration_and_tells_errors(config, capsys):
    from modelward.adversarial.__main__ import main

    assert main([]) == 2
    assert main([str(config(create_attack__algorithm="pdg"))]) == 2
    assert "did you mean 'pgd'" in capsys.readouterr().err
