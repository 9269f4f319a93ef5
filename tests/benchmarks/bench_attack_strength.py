"""How strong PGD is on a real detector, beside a bare loop and the peers that are installed.

YOLOv5n at 416 pixels, ten steps, 2/255 and 8/255. The bare loop climbs the training loss with a step of
eps/4 from a random start; so do the first PGD, ART's (without a random start: it has none for detectors)
and torchattacks' (given the loss dressed as logits). The second PGD lowers AP itself; with
`MODELWARD_BENCH_WORST=1` a last run at 2/255 keeps the worst of five aims for each image. Figures are AP (.50:.95) left. Images: 24, or
`MODELWARD_BENCH_IMAGES`; with `MODELWARD_BENCH_FOLDER` what is measured is kept, and a run cut off goes on.
"""

from __future__ import annotations

import importlib.util
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
FOLDER = os.environ.get("MODELWARD_BENCH_FOLDER")


def main() -> None:
    torch.set_num_threads(1)
    if not SHARED.is_dir():
        print(json.dumps({"skipped": "the shared data folder is not here"}))
        return
    whole = load_detector("yolo5", weights=SHARED / "yolov5n.pt", size=SIZE)
    detector = accelerated(whole)
    images, targets = letterboxed(whole)
    figures: dict[str, object] = {"images": len(images), "steps": STEPS}
    figures["clean_AP"] = once("clean", lambda: ap(detector, images, targets))
    for eps in (2, 8):
        size = eps / 255
        runs = {
            "bare_loop": lambda size=size: bare(detector, images, targets, size),
            "PGD_Untargeted": PGD(eps=size, steps=STEPS, step=size / 4, objective=Untargeted()),
            "PGD_AveragePrecision": PGD(
                eps=size, steps=STEPS, step=size / 4, objective=AveragePrecision()
            ),
        }
        if eps == 2 and os.environ.get("MODELWARD_BENCH_WORST") == "1":
            runs["WorstObjective"] = WorstObjective(eps=size, steps=STEPS)
        runs = {
            name: attack
            if name == "bare_loop"
            else lambda attack=attack: in_parts(attack, detector, images, targets)
            for name, attack in runs.items()
        }
        for name, peer in (("ART_PGD", with_art), ("torchattacks_PGD", with_torchattacks)):
            if importlib.util.find_spec("art" if peer is with_art else "torchattacks"):
                runs[name] = lambda peer=peer, size=size: peer(detector, images, targets, size)
        for name, moved in runs.items():
            left = once(f"{name}-{eps}", lambda moved=moved: ap(detector, moved(), targets))
            figures[f"{name}_at_{eps}/255_AP"] = left
    print(json.dumps(figures))


def once(name: str, measure) -> float:
    """Measure, or give what was measured before by a run that was cut off."""
    if FOLDER is None:
        return measure()
    path = Path(FOLDER) / f"{name}-{IMAGES}-{STEPS}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(measure()), "utf-8")
    return json.loads(path.read_text("utf-8"))


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


def with_torchattacks(detector, images, targets, eps):
    from torchattacks import PGD as Theirs

    found = []
    for i in range(0, len(images), 8):
        truth = targets[i : i + 8]

        class Dressed(torch.nn.Module):
            """The loss as two logits: the cross-entropy of the second grows with it."""

            def forward(self, shown, truth=truth):
                loss = detector.loss(shown, truth, Untargeted())
                return torch.stack([loss, torch.zeros_like(loss)], dim=1)

        attack = Theirs(Dressed().eval(), eps=eps, alpha=eps / 4, steps=STEPS, random_start=True)
        attack.set_device("cpu")
        shown = images[i : i + 8]
        found.append(attack(shown, torch.ones(len(shown), dtype=torch.int64)).float())
    return torch.cat(found).clamp(0, 1)


def with_art(detector, images, targets, eps):
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.object_detection import PyTorchObjectDetector

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
