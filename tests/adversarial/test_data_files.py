"""Data sets of files: every format, every kind of picture, and what is wrong with them."""

import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image

from modelward.adversarial.data import (
    SeenByDetector,
    Shapes,
    UnreadableImageError,
    batches,
    coco_data,
    folder_data,
    read_image,
    voc_data,
    yolo_data,
)
from modelward.core.errors import DataError

SIZE = (40, 30)  # width, height


def picture(path, mode="RGB", **save):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)).convert(mode).save(
        path, **save
    )
    return path


@pytest.fixture
def coco(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        picture(folder / name)
    content = {
        "images": [{"id": i, "file_name": f"{n}.png"} for i, n in ((7, "a"), (3, "b"), (9, "c"))],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "bbox": [5, 6, 10, 12], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [30, 20, 100, 100]},
            {"id": 3, "image_id": 3, "category_id": 1, "bbox": [1, 1, 5, 5], "iscrowd": 1},
            {"id": 4, "image_id": 9, "category_id": 1, "bbox": [1, 1, 0, 5]},
            {"id": 5, "image_id": 99, "category_id": 1, "bbox": [1, 1, 5, 5]},
        ],
    }
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(content))
    return folder, labels, content


def test_coco_is_read_in_order_of_ids_and_cut_at_the_border(coco):
    data = coco_data(*coco[:2])
    assert data.classes == ("person", "dog")
    assert [e.id for e in data.entries] == [3, 7, 9]
    sample = data[1]
    assert sample.image.shape == (3, 30, 40)
    assert sample.target.boxes.tolist() == [[5, 6, 15, 18], [30, 20, 40, 30]]
    assert sample.target.labels.tolist() == [1, 0]
    assert len(data[0].target.labels) == 0
    assert data.problems == (
        "annotation 4: a box without area",
        "annotation 5: of an unknown image or category",
    )


def test_class_names_can_be_in_the_detectors_order(coco):
    data = coco_data(*coco[:2], classes=("cat", "dog", "person"))
    assert data[1].target.labels.tolist() == [1, 2]
    with pytest.raises(DataError, match="got none for 'dog'"):
        coco_data(*coco[:2], classes=("person",))


def test_a_sample_follows_from_the_seed(coco):
    data = coco_data(*coco[:2])
    ids = [tuple(e.id for e in data.sample(2, seed=seed).entries) for seed in range(20)]
    assert len(set(ids)) > 1
    assert ids[3] == tuple(e.id for e in data.sample(2, seed=3).entries)
    assert len(data.sample(10)) == 3
    with pytest.raises(DataError, match="n >= 1"):
        data.sample(0)


def test_unreadable_images_are_named_and_left_out(coco, caplog):
    folder, labels, _ = coco
    whole = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(whole[: len(whole) // 2])
    (folder / "c.png").write_text("no image")
    with caplog.at_level(logging.WARNING):
        read = [s.id for part in batches(coco_data(folder, labels), batch=4) for s in part]
    assert read == [3]
    assert "a.png" in caplog.text
    assert "c.png" in caplog.text
    (folder / "b.png").write_text("")
    with pytest.raises(DataError, match="got none of 3"):
        list(batches(coco_data(folder, labels), batch=4))


def test_missing_images_are_named_at_once(coco):
    folder, labels, _ = coco
    (folder / "b.png").unlink()
    data = coco_data(folder, labels)
    assert len(data) == 2
    assert data.problems[-1] == "b.png: no such image"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("images"), "images, annotations and categories"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2]), "images, annotations"),
        (lambda c: c["images"][0].update(file_name="../../etc/passwd"), "expected an image within"),
        (lambda c: c["images"].clear(), "got none of 0"),
    ],
)
def test_a_wrong_coco_file_is_told(coco, change, words):
    folder, labels, content = coco
    change(content)
    labels.write_text(json.dumps(content))
    with pytest.raises(DataError, match=words):
        coco_data(folder, labels)
    labels.write_text("{")
    with pytest.raises(DataError, match="COCO annotations"):
        coco_data(folder, labels)


def test_yolo_outlines_become_boxes_and_scores_are_passed_over(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.new("RGB", (100, 50)).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels" / "a.txt").write_text(
        "0 0.2 0.2 0.6 0.4 0.4 0.8\n0 0.5 0.5 0.2 0.2 0.9\n0 0.1 0.2 0.3 0.4 0.5 0.6 0.7\n"
    )
    data = yolo_data(tmp_path / "images", classes=("cat",))
    expected = torch.tensor([[20.0, 10.0, 60.0, 40.0], [40.0, 20.0, 60.0, 30.0]])
    torch.testing.assert_close(data[0].target.boxes, expected)
    assert data.problems == ("a.txt:3: 8 numbers",)


def test_yolo_text_files_are_read_and_wrong_lines_named(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "images" / "b.png")
    (tmp_path / "labels" / "a.txt").write_text(
        "1 0.5 0.5 0.25 0.5\n\n7 .5 .5 .1 .1\nx y\n0 .5 .5 0 .1\n"
    )
    data = yolo_data(tmp_path / "images", classes=("cat", "dog"))
    assert data[0].target.boxes.tolist() == [[15, 7.5, 25, 22.5]]
    assert data[0].target.labels.tolist() == [1]
    assert len(data[1].target.labels) == 0
    assert [p.split(":")[1] for p in data.problems] == ["3", "4", "5"]


VOC = """<annotation><filename>{name}</filename>
<object><name>dog</name><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>12</ymax></bndbox></object>
<object><name>cat</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>12</ymax></bndbox></object>
</annotation>"""


def test_voc_is_read_and_entities_are_refused(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(VOC.format(name="a.png"))
    (tmp_path / "b.xml").write_text(VOC.format(name="gone.png"))
    (tmp_path / "c.xml").write_text("<annotation>")
    (tmp_path / "d.xml").write_text('<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>')
    data = voc_data(tmp_path, tmp_path)
    assert data.classes == ("dog",)
    assert data[0].target.boxes.tolist() == [[0, 1, 11, 12]]
    assert len(data) == 1
    assert [p.split(":")[0] for p in data.problems] == ["gone.png", "c.xml", "d.xml"]
    assert "entities" in data.problems[-1]


def test_a_folder_without_labels_is_seen_by_a_detector(tmp_path, detector):
    for i in range(3):
        pixels = (Shapes(n=3, size=80, seed=7)[i].image.permute(1, 2, 0) * 255).byte().numpy()
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no image")
    seen = SeenByDetector(folder_data(tmp_path, classes=Shapes.classes), detector)
    assert len(seen) == 3
    found = [len(seen[i].target.labels) for i in range(3)]
    assert found == [len(detector.predict(seen[i].image[None])[0].above(0.5)) for i in range(3)]
    with pytest.raises(DataError, match="expected a folder"):
        folder_data(tmp_path / "none", classes=("a",))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_every_mode_becomes_red_green_blue(tmp_path, mode):
    path = picture(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), mode)
    image = read_image(path)
    assert image.shape == (3, 30, 40)
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_sixteen_bits_are_scaled(tmp_path):
    values = np.array([[0, 32767, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0].tolist()[0] == pytest.approx([0, 0.5, 1], abs=1e-4)


def test_a_turned_photograph_is_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    path = picture(tmp_path / "a.jpg", exif=exif)
    assert read_image(path).shape == (3, 40, 30)


def test_an_image_too_large_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (8_000, 8_000)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="got 8000 x 8000"):
        read_image(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match=r"none\.png"):
        read_image(tmp_path / "none.png")


def test_a_batch_holds_images_of_one_size(tmp_path):
    for i, size in enumerate([(8, 8), (8, 8), (16, 8), (8, 8)]):
        Image.new("RGB", size).save(tmp_path / f"{i}.png")
    data = folder_data(tmp_path, classes=("a",))
    assert [[s.id for s in part] for part in batches(data, batch=8)] == [[0, 1], [2], [3]]
