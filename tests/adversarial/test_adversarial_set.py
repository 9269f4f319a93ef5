"""Adversarial images in a file: lossless enough, the same bytes, and never a pickle."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch

from modelward.adversarial import Shapes
from modelward.adversarial.data import AdversarialSet, Sample, Target
from modelward.core.errors import DataError

CONFIG = {"attack": "PGD", "eps": 8 / 255, "seed": 0}


def samples():
    data = Shapes(n=3, size=32, seed=1)
    found = [data[i] for i in range(3)]
    none = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    return [*found, Sample(10**6, torch.rand(3, 20, 50), none)]


@pytest.mark.parametrize(("stored", "far"), [("float16", 2.5e-4), ("uint8", 0.5 / 255 + 1e-6)])
def test_images_come_back_as_near_as_promised(tmp_path, stored, far):
    given = samples()
    kept = AdversarialSet.write(
        tmp_path / "logs" / "a.npz", given, classes=("a", "b", "c"), config=CONFIG, stored=stored
    )
    assert kept.config == CONFIG
    assert kept.ids == tuple(s.id for s in given)
    for before, after in zip(given, kept, strict=True):
        assert float((before.image - after.image).abs().max()) <= far
        assert torch.equal(before.target.boxes, after.target.boxes)
        assert torch.equal(before.target.labels, after.target.labels)
        assert 0 <= float(after.image.min()) <= float(after.image.max()) <= 1


def test_the_same_samples_give_the_same_bytes(tmp_path):
    given = samples()
    first, second = (
        AdversarialSet.write(tmp_path / f"{i}.npz", given, classes=("a",), config=CONFIG)
        for i in range(2)
    )
    assert first.sha256 == second.sha256


def test_numpy_reads_it_too(tmp_path):
    AdversarialSet.write(tmp_path / "a.npz", samples(), classes=("a",), config=CONFIG)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["images/0"].shape == (3, 32, 32)


def test_an_interrupted_writing_leaves_nothing_behind(tmp_path):
    def failing():
        yield samples()[0]
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        AdversarialSet.write(tmp_path / "a.npz", failing(), classes=("a",), config={})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="twice"):
        AdversarialSet.write(tmp_path / "a.npz", samples()[:1] * 2, classes=("a",), config={})


def rewritten(path, change):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def edit_meta(parts):
    meta = json.loads(parts["meta.json"])
    meta["config"]["eps"] = 1 / 255
    parts["meta.json"] = json.dumps(meta).encode()


def pickled(parts):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    parts["images/0.npy"] = buffer.getvalue()


def another_pixel(parts):
    array = np.load(io.BytesIO(parts["images/0.npy"]))
    array[0, 0, 0] = 1 - array[0, 0, 0]
    buffer = io.BytesIO()
    np.save(buffer, array)
    parts["images/0.npy"] = buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (another_pixel, r"images/0.npy in a.npz as it was written, got it changed"),
        (edit_meta, "was changed"),
        (lambda parts: parts.pop("meta.json"), "another .npz"),
        (lambda parts: parts.pop("images/1.npy"), r"got none for \[1\]"),
        (pickled, "images/0.npy"),
    ],
)
def test_a_file_that_was_tampered_with_is_told(tmp_path, change, words):
    path = tmp_path / "a.npz"
    AdversarialSet.write(path, samples(), classes=("a",), config=CONFIG)
    rewritten(path, change)
    with pytest.raises(DataError, match=words):
        list(AdversarialSet.load(path))


def test_a_file_of_another_kind_is_told(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(DataError, match=r"another \.npz"):
        AdversarialSet.load(path)
    path.write_bytes(b"no zip")
    with pytest.raises(DataError, match="adversarial images"):
        AdversarialSet.load(path)
    with pytest.raises(DataError, match="adversarial images"):
        AdversarialSet.load(tmp_path / "none.npz")
