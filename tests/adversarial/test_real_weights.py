"""Real detectors on real images: what is read is what was trained, to the third place."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from modelward.adversarial import Target, Yolo3, match
from modelward.adversarial.detectors.yolo5 import Yolo5

# AP, AP50 (and small, medium, large) from the README beside the files, measured independently.
YOLO5 = {
    640: (0.3214, 0.4573, 0.1751, 0.3136, 0.5154),
    416: (0.3097, 0.4314, 0.0914, 0.2556, 0.5410),
}
# Shrinking to 416, the authors' code rounds to whole grey levels, which cuts the gradient and so is not
# done here: with it, large objects come within .002.
BY_SIZE = {640: 0.005, 416: 0.008}
DARKNET = {
    "yolo-fastest-1.1-xl": (0.2437, 0.4372),
    "MobileNetV2-YOLOv3-Nano-coco": (0.1914, 0.3996),
}


@pytest.fixture(scope="module")
def photographs(shared):
    folder = shared / "detection"
    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    index = {c["id"]: i for i, c in enumerate(sorted(labels["categories"], key=lambda c: c["id"]))}
    found = []
    for image in sorted(labels["images"], key=lambda i: i["id"]):
        own = [a for a in labels["annotations"] if a["image_id"] == image["id"]]
        boxes = torch.tensor([a["bbox"] for a in own], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        classes = torch.tensor([index[a["category_id"]] for a in own], dtype=torch.int64)
        pixels = np.asarray(Image.open(folder / "images" / image["file_name"]).convert("RGB"))
        tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
        found.append((tensor, Target(boxes, classes)))
    return found


def score(detector, photographs):
    seen = [detector.predict(image[None])[0] for image, _ in photographs]
    truth = [target for _, target in photographs]
    return match(seen, truth, classes=detector.classes, sizes=True).score()


@pytest.mark.slow
@pytest.mark.parametrize("size", YOLO5)
def test_yolov5n_scores_as_its_authors_code_does(shared, photographs, size):
    detector = Yolo5.from_checkpoint(shared / "detection" / "yolov5n.pt", size=size)
    found = score(detector, photographs)
    assert (found.ap, found.ap50) == pytest.approx(YOLO5[size][:2], abs=0.005)
    by_size = (found.small, found.medium, found.large)
    assert by_size == pytest.approx(YOLO5[size][2:], abs=BY_SIZE[size])


@pytest.mark.slow
@pytest.mark.parametrize("name", DARKNET)
def test_darknet_s_nets_score_as_an_independent_reader_says(shared, photographs, name):
    stem = shared / "detection" / "darknet" / name
    detector = Yolo3.from_darknet(f"{stem}.cfg", f"{stem}.weights", geometry="stretch")
    found = score(detector, photographs)
    assert (found.ap, found.ap50) == pytest.approx(DARKNET[name], abs=0.005)
