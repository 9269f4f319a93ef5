"""How strong PGD is on a real detector, beside a bare loop (and ART's, where it is installed).

YOLOv5n at 416 pixels, ten steps, 2/255 and 8/255. The bare loop climbs the training loss with a step of
eps/4 from a random start; so does the first PGD, the second lowers AP itself, the last keeps the worst
of five aims for each image. Figures are AP (.50:.95) left. Images: 24, or `MODELWARD_BENCH_IMAGES`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import torch

from modelward.adversarial import (
    PGD,
    AveragePrecision,
    Target,
    Untargeted,
    WorstObjective,
    accelerated,
    coco_data,
    load_detector,
    match,
)

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MODELWARD_SHARED", ROOT.parent / "shared" / "data")) / "detection"
SHORT = os.environ.get("MODELWARD_BENCH") == "short"
IMAGES = int(os.environ.get("MODELWARD_BENCH_IMAGES", "2" if SHORT else "24"))
STEPS = 2 if SHORT else 10
SIZE = 416


def main() -> None:
    torch.set_num_threads(1)
    if not SHARED.is_dir():
        print(json.dumps({"skipped": "the shared data folder is not here"}))
        return
    whole = load_detector("yolo5", weights=SHARED / "yolov5n.pt", size=SIZE)
    detector = accelerated(whole)
    images, targets = letterboxed(whole)
    figures: dict[str, object] = {"images": len(images), "steps": STEPS}
    figures["clean_AP"] = ap(detector, images, targets)
    for eps in (2, 8):
        size = eps / 255
        runs = {
            "bare_loop": lambda size=size: bare(detector, images, targets, size),
            "PGD_Untargeted": PGD(eps=size, steps=STEPS, step=size / 4, objective=Untargeted()),
            "PGD_AveragePrecision": PGD(
                eps=size, steps=STEPS, step=size / 4, objective=AveragePrecision()
            ),
        }
        if eps == 2:
            runs["WorstObjective"] = WorstObjective(eps=size, steps=STEPS)
        for name, attack in runs.items():
            moved = attack() if name == "bare_loop" else in_parts(attack, detector, images, targets)
            figures[f"{name}_at_{eps}/255_AP"] = ap(detector, moved, targets)
        art = with_art(detector, images, targets, size)
        if art is not None:
            figures[f"ART_PGD_at_{eps}/255_AP"] = ap(detector, art, targets)
    print(json.dumps(figures))


def letterboxed(detector) -> tuple[torch.Tensor, list[Target]]:
    """Give the first images by id as the network sees them, so that every loop attacks the same."""
    data = coco_data(SHARED / "images", SHARED / "labels.json", classes=detector.classes)
    order = sorted(range(len(data)), key=lambda i: data.entries[i].id)[:IMAGES]
    shown, targets = [], []
    for i in order:
        sample = data[i]
        size = tuple(sample.image.shape[-2:])
        shown.append(detector.geometry.to_network(sample.image[None]))
        targets += detector.geometry.targets([sample.target], size)
    return torch.cat(shown).clamp(0, 1), targets


def in_parts(attack, detector, images, targets):
    parts = range(0, len(images), 8)
    return torch.cat(
        [
            attack(
                detector,
                images[i : i + 8],
                targets[i : i + 8],
                ids=range(i, i + len(images[i : i + 8])),
            )
            for i in parts
        ]
    )


def bare(detector, images, targets, eps):
    rng = np.random.default_rng(0)
    found = []
    for i in range(0, len(images), 8):
        clean, truth = images[i : i + 8], targets[i : i + 8]
        x = clean + torch.from_numpy(rng.uniform(-eps, eps, clean.shape)).float()
        x = x.clamp(0, 1)
        for _ in range(STEPS):
            x = x.detach().requires_grad_()
            loss = detector.loss(x, truth, Untargeted()).sum()
            (slope,) = torch.autograd.grad(loss, x)
            x = x.detach() + eps / 4 * slope.sign()
            x = torch.clamp(torch.min(torch.max(x, clean - eps), clean + eps), 0, 1)
        found.append(x)
    return torch.cat(found)


def with_art(detector, images, targets, eps):
    try:
        from art.attacks.evasion import ProjectedGradientDescent
        from art.estimators.object_detection import PyTorchObjectDetector
    except ImportError:
        return None

    class Losing(torch.nn.Module):
        """The detector as ART wants one: losses in training mode, from a list of targets."""

        def __init__(self):
            super().__init__()
            self.network = detector.network

        def forward(self, shown, truth=None):
            truth = [Target(t["boxes"], t["labels"]) for t in truth]
            return {"loss": detector.loss(shown, truth, Untargeted()).sum()}

    estimator = PyTorchObjectDetector(
        model=Losing(),
        input_shape=tuple(images.shape[1:]),
        clip_values=(0.0, 1.0),
        channels_first=True,
        attack_losses=("loss",),
        device_type="cpu",
    )
    attack = ProjectedGradientDescent(
        estimator, eps=eps, eps_step=eps / 4, max_iter=STEPS, batch_size=8, verbose=False
    )
    truth = [
        {"boxes": t.boxes.numpy(), "labels": t.labels.numpy(), "scores": np.ones(len(t.labels))}
        for t in targets
    ]
    return torch.from_numpy(attack.generate(images.numpy(), y=truth)).float().clamp(0, 1)


def ap(detector, images, targets) -> float:
    seen = [found for image in images for found in detector.predict(image[None])]
    return round(match(seen, targets, classes=detector.classes).score().ap, 4)


if __name__ == "__main__":
    main()
