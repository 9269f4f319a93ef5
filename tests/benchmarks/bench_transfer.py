"""What attacks made on one real detector do to others, with intervals.

Three real detectors (YOLOv5n, Yolo-Fastest 1.1 XL, MobileNetV2-YOLOv3-Nano) on photographs of COCO, eps
8/255, ten steps: PGD, momentum with input diversity, and the same on two sources at once. Figures are
shares of the target's clean AP50 that are left. `MODELWARD_BENCH_IMAGES` sets the number of images (64
are there; 24 take about five minutes on a quiet core), `MODELWARD_BENCH_FOLDER` where results are kept, so
that a run cut off goes on, and `MODELWARD_BENCH_SOURCES` which sources alone to use, with commas; two with
` + ` between them are an ensemble. Where a third is shown what was made on two and on each alone, the last
figures say how much less is left by the ensemble than by the better of the two (above 0: it beats both).
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from modelward.adversarial import (
    DI2FGSM,
    PGD,
    AveragePrecision,
    Ensemble,
    accelerated,
    assess,
    coco_data,
    load_detector,
)

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MODELWARD_SHARED", ROOT.parent / "shared" / "data")) / "detection"
SHORT = os.environ.get("MODELWARD_BENCH") == "short"
IMAGES = int(os.environ.get("MODELWARD_BENCH_IMAGES", "1" if SHORT else "24"))
ALONE = os.environ.get("MODELWARD_BENCH_SOURCES", "").split(",")
STEPS = 1 if SHORT else 10
EPS = 8 / 255
NETS = {
    "yolov5n": ("yolo5", None, "yolov5n.pt", {"size": 416}),
    "fastest-xl": ("yolo3", "yolo-fastest-1.1-xl", None, {"geometry": "stretch"}),
    "mobilenet-nano": ("yolo3", "MobileNetV2-YOLOv3-Nano-coco", None, {"geometry": "stretch"}),
}


def load(name: str):
    family, stem, weights, settings = NETS[name]
    if stem is None:
        found = load_detector(family, weights=SHARED / weights, name=name, **settings)
    else:
        darknet = SHARED / "darknet" / stem
        found = load_detector(family, f"{darknet}.cfg", f"{darknet}.weights", name=name, **settings)
    return accelerated(found)


def interval(left) -> str:
    if left is None:
        return "no clean AP50"
    if left.low is None:
        return f"{left.value:.2f}"
    return f"{left.value:.2f} ({left.low:.2f} to {left.high:.2f})"


def main() -> None:
    torch.set_num_threads(1)
    if not SHARED.is_dir():
        print(json.dumps({"skipped": "the shared data folder is not here"}))
        return
    detectors = {name: load(name) for name in NETS}
    classes = detectors["yolov5n"].classes
    for detector in detectors.values():  # the same 80 classes, under one spelling
        detector.classes = classes
    data = coco_data(SHARED / "images", SHARED / "labels.json", classes=classes)
    data = data.sample(IMAGES, seed=0)
    aim = AveragePrecision()
    attacks = [
        PGD(eps=EPS, steps=STEPS, objective=aim),
        DI2FGSM(eps=EPS, steps=STEPS, objective=aim),
    ]
    pairs = {f"{a} + {b}": Ensemble([detectors[a], detectors[b]]) for a, b in combinations(NETS, 2)}
    if unknown := {*ALONE} - {"", *detectors, *pairs}:
        sys.exit(f"no source {', '.join(unknown)}; there are {', '.join({**detectors, **pairs})}")
    sources, pairs = (
        {name: each for name, each in group.items() if ALONE == [""] or name in ALONE}
        for group in (detectors, pairs)
    )
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("MODELWARD_BENCH_FOLDER", temporary))
        options = {
            "folder": folder,
            "batch": 4,
            "examples": 0,
            "control_images": 0,
            "resamples": 400,
        }
        work = [(sources, attacks), (pairs, attacks[1:])]
        results = [
            assess(made_on, chosen, data, targets=detectors, **options)
            for made_on, chosen in work
            if made_on
        ]
    figures: dict[str, object] = {"images": results[0].n, "eps": "8/255", "steps": STEPS}
    for target, scores in results[0].clean.items():
        figures[f"clean_AP50_of_{target}"] = round(scores.ap50.value, 3)
    for cell in (cell for result in results for cell in result.cells):
        method = "PGD" if cell.name == "PGD" else "MI+DI"
        left = cell.left
        figures[f"{method}: {cell.source} → {cell.target}"] = interval(left)
    left = {
        (cell.source, cell.target): cell.left.value
        for result in results
        for cell in result.cells
        if cell.name != "PGD" and cell.left is not None
    }
    for pair in pairs:
        for third in set(NETS) - set(pair.split(" + ")):
            alone = [left.get((one, third)) for one in pair.split(" + ")]
            if (pair, third) in left and None not in alone:
                gain = min(alone) - left[pair, third]
                figures[f"AP50 left less by {pair} than by the better alone → {third}"] = gain
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
