import numpy as np
import pytest
import torch

from modelward.adversarial import PGD, Shapes, Untargeted, assess, match, small_detector
from modelward.adversarial.zoo import cache_folder, train_detector
from modelward.core.errors import ConfigError, DataError

TINY = {"steps": 3, "images": 16, "size": 32, "width": 4}


LEARNS = {"steps": 250, "images": 500, "size": 64, "width": 8}


@pytest.fixture(scope="module")
def robust(tmp_path_factory):
    adversary = PGD(eps=2 / 255, steps=1)
    folder = tmp_path_factory.mktemp("zoo")
    return small_detector(
        cache=folder, steps=360, images=700, size=80, width=16, adversary=adversary
    )


def ap50(detector, data):
    samples = [data[i] for i in range(len(data))]
    found = detector.predict(torch.stack([s.image for s in samples]))
    return match(found, [s.target for s in samples], classes=data.classes).score().ap50


def test_the_detector_truly_detects_fresh_images(detector):
    data = Shapes(n=60, size=80, seed=12)
    samples = [data[i] for i in range(60)]
    found = detector.predict(torch.stack([s.image for s in samples]))
    score = match(found, [s.target for s in samples], classes=data.classes).score()
    assert score.ap50 > 0.45  # a third of the default training; the default reaches .95
    assert min(score.per_class.values()) > 0.1


def test_it_is_trained_once_and_loaded_after(tmp_path, monkeypatch):
    first = small_detector(cache=tmp_path, **TINY)
    (path,) = tmp_path.iterdir()
    monkeypatch.setattr(
        "modelward.adversarial.zoo.training.train_detector",
        lambda *_, **__: pytest.fail("trained again"),
    )
    assert small_detector(cache=tmp_path, **TINY).digest() == first.digest()
    assert not first.network.training
    assert path.name.startswith("small-yolo3-")


def test_training_follows_from_the_seed_and_leaves_the_global_generator(tmp_path):
    state = torch.random.get_rng_state()
    one, two = (small_detector(cache=tmp_path / d, seed=4, **TINY) for d in "ab")
    other = small_detector(cache=tmp_path / "a", seed=5, **TINY)
    assert one.digest() == two.digest() != other.digest()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert len(list((tmp_path / "a").iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "code"])
def test_a_broken_file_is_replaced_and_never_run(damage, tmp_path, caplog):
    first = small_detector(cache=tmp_path, **TINY)
    (path,) = tmp_path.iterdir()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "foreign":
        torch.save({"weight": torch.zeros(3)}, path)
    else:
        torch.save({"weight": Trap(tmp_path / "ran")}, path)
    again = small_detector(cache=tmp_path, **TINY)
    assert again.digest() == first.digest()
    assert "cannot be used" in caplog.text
    assert not (tmp_path / "ran").exists()
    assert small_detector(cache=tmp_path, **TINY).digest() == first.digest()


class Trap:
    """Writes a file when it is unpickled by a reader that runs code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELWARD_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "adversarial"
    monkeypatch.delenv("MODELWARD_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "modelward" / "adversarial"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder().parts[-4:] == ("Library", "Caches", "modelward", "adversarial")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "w"))
    assert cache_folder() == tmp_path / "w" / "modelward" / "adversarial"


@pytest.mark.parametrize("family", ["yolo5", "ssdlite"])
def test_every_family_trains_and_is_loaded_to_the_same_bytes(family, tmp_path):
    small = TINY | {"size": 64}
    first = small_detector(family, cache=tmp_path, **small)
    assert small_detector(family, cache=tmp_path, **small).digest() == first.digest()
    sample = Shapes(n=1, size=64)[0]
    assert bool(first.loss(sample.image[None], [sample.target], Untargeted()).isfinite().all())
    with pytest.raises(ConfigError, match="did you mean 'yolo5'"):
        small_detector("yolo55")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["ssdlite"])
def test_another_family_learns_to_detect(family, tmp_path_factory):
    detector = small_detector(family, cache=tmp_path_factory.mktemp("zoo"), **LEARNS)
    assert ap50(detector, Shapes(n=40, size=LEARNS["size"], seed=12)) > 0.3


@pytest.mark.slow
def test_adversarial_training_helps(detector, robust):
    """Trained as long on the same images, the one that met attacks keeps more of its AP."""
    data = Shapes(n=24, size=80, seed=13)
    attack = PGD(eps=2 / 255, steps=5)
    result = assess({"plain": detector, "robust": robust}, attack, data, resamples=100)
    plain, hardened = (result.cell(n, n, attack.label) for n in ("plain", "robust"))
    assert hardened.ap50.value > plain.ap50.value + 0.1
    assert result.clean["robust"].ap50.value > 0.5 * result.clean["plain"].ap50.value


def test_training_lowers_the_loss(untrained):
    data = Shapes(n=32, size=32, seed=1)
    images = torch.stack([data[i].image for i in range(32)])
    targets = [data[i].target for i in range(32)]

    def loss():
        with torch.no_grad():
            untrained.network.train()
            return float(untrained.outputs(images).training_loss(targets).mean())

    before = loss()
    train_detector(untrained, data, steps=60, seed=0)
    assert not untrained.network.training
    assert loss() < 0.5 * before


def test_turned_batches_keep_boxes_on_their_objects():
    from modelward.adversarial.zoo.training import _turned

    data = Shapes(n=4, size=64, seed=2)
    samples = [data[i] for i in range(4)]
    ways = set()
    for seed in range(40):
        images, targets = _turned(samples, np.random.default_rng(seed))
        ways.add(images.numpy().tobytes())
        for sample, image, target in zip(samples, images, targets, strict=True):
            for old, new in zip(sample.target.boxes, target.boxes, strict=True):
                # The patch under a box keeps its mean, wherever the box was turned to.
                assert patch(image, new) == pytest.approx(patch(sample.image, old), abs=0.02)
    assert len(ways) == 8


def patch(image, box):
    x1, y1, x2, y2 = (round(v) for v in box.tolist())
    return float(image[:, y1:y2, x1:x2].mean())


def test_too_few_images_are_named(untrained):
    with pytest.raises(DataError, match="expected at least 16 images to train on, got 3"):
        train_detector(untrained, Shapes(n=3))
