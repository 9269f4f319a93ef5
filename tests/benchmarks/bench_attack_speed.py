"""What an attack costs beside a bare loop, and what makes it faster.

YOLOv5n, 320 pixels, PGD on the training loss, one thread. The bare loop is forward, backward and step, with
frozen parameters. Ratios are medians over rounds in which every loop runs once in turn: above 1 is slower
than the bare loop for overheads, and faster for gains. `MODELWARD_BENCH_COMPILE=1` times `torch.compile` too
(a minute and more of compiling first, on a quiet core; never timed). ART's PGD (PyTorchObjectDetector) is timed where it is
installed, once as documented and once with parameters frozen by hand.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path

import torch

from modelward.adversarial import (
    PGD,
    Target,
    Untargeted,
    Yolo5,
    Yolo5Network,
    accelerated,
    load_detector,
)

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MODELWARD_SHARED", ROOT.parent / "shared" / "data")) / "detection"
SHORT = os.environ.get("MODELWARD_BENCH") == "short"
SIZE, IMAGES, STEPS, ROUNDS = (96, 1, 2, 2) if SHORT else (320, 4, 3, 5)
ROUNDS = int(os.environ.get("MODELWARD_BENCH_ROUNDS", ROUNDS))
IMAGES = int(os.environ.get("MODELWARD_BENCH_IMAGES", IMAGES))
COMPILED = os.environ.get("MODELWARD_BENCH_COMPILE") == "1"
EPS = 8 / 255


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    detector = load()
    images = torch.rand(IMAGES, 3, SIZE, SIZE)
    box = torch.tensor([[SIZE * 0.2, SIZE * 0.3, SIZE * 0.6, SIZE * 0.8]])
    targets = [Target(box, torch.tensor([0]))] * IMAGES
    attack = PGD(eps=EPS, steps=STEPS)
    folded = accelerated(detector, channels_last=False)
    both = accelerated(detector)
    last = accelerated(detector, fold=False)
    half = accelerated(detector, bfloat16=True)
    runs = {
        "bare": lambda: bare(detector, images, targets, frozen=True),
        "bare_with_gradients_of_parameters_on": lambda: bare(
            detector, images, targets, frozen=False
        ),
        "PGD": lambda: attack(detector, images, targets),
        "folded": lambda: attack(folded, images, targets),
        "channels_last": lambda: attack(last, images, targets),
        "folded_and_channels_last": lambda: attack(both, images, targets),
        "bfloat16": lambda: attack(half, images, targets),
    }
    if COMPILED:
        quick = accelerated(detector, channels_last=False, compiled=True)
        runs["folded_and_compiled"] = lambda: attack(quick, images, targets)
    runs |= art(detector, images, targets)
    for run in runs.values():
        run()
    times = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)

    def ratio(one: str, other: str) -> float:
        pairs = zip(times[one], times[other], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 3)

    figures: dict[str, object] = {
        "images": IMAGES,
        "size": SIZE,
        "steps": STEPS,
        "bare_loop_seconds_a_step": round(statistics.median(times["bare"]) / STEPS, 3),
        "PGD_over_bare_loop": ratio("PGD", "bare"),
    }
    for name in runs:
        if name.startswith("ART"):
            figures[f"{name}_over_bare_loop"] = ratio(name, "bare")
        elif name not in {"bare", "PGD"} and not name.startswith("bare"):
            figures[f"gain_by_{name}"] = ratio("bare", name)
    figures["bare_loop_with_gradients_of_parameters_over_bare"] = ratio(
        "bare_with_gradients_of_parameters_on", "bare"
    )
    value, exact = (d.loss(images, targets, Untargeted()) for d in (both, detector))
    figures["folded_relative_error_of_the_loss"] = float(((value - exact) / exact).abs().max())
    figures["bfloat16_relative_error_of_the_loss"] = float(
        ((half.loss(images, targets, Untargeted()) - exact) / exact).abs().max()
    )
    print(json.dumps(figures))


def load() -> Yolo5:
    if SHARED.is_dir():
        return load_detector("yolo5", weights=SHARED / "yolov5n.pt", size=SIZE)
    return Yolo5(network=Yolo5Network.make("n"), classes=[str(i) for i in range(80)])


def bare(detector, images, targets, *, frozen):
    network = detector.network.eval()
    for part in network.parameters():
        part.requires_grad_(not frozen)
    x = (images + torch.empty_like(images).uniform_(-EPS, EPS)).clamp(0, 1)
    for _ in range(STEPS):
        x = x.detach().requires_grad_()
        loss = detector.training_loss(detector.decode(network(x)), targets).sum()
        if frozen:
            (slope,) = torch.autograd.grad(loss, x)
        else:
            loss.backward()
            slope = x.grad
        x = x.detach() + 2.5 * EPS / STEPS * slope.sign()
        x = torch.min(torch.max(x, images - EPS), images + EPS).clamp(0, 1)
    for part in network.parameters():
        part.requires_grad_(True)
        part.grad = None
    return x


def art(detector, images, targets):
    try:
        from art.attacks.evasion import ProjectedGradientDescent
        from art.estimators.object_detection import PyTorchObjectDetector
    except ImportError:
        return {}

    class Losing(torch.nn.Module):
        """The detector as ART wants one: a dictionary of losses from a list of targets."""

        def __init__(self):
            super().__init__()
            self.network = detector.network

        def forward(self, shown, truth=None):
            self.network.eval()
            truth = [Target(t["boxes"], t["labels"]) for t in truth]
            raw = detector.decode(self.network(shown))
            return {"loss": detector.training_loss(raw, truth).sum()}

    estimator = PyTorchObjectDetector(
        model=Losing(),
        input_shape=tuple(images.shape[1:]),
        clip_values=(0.0, 1.0),
        channels_first=True,
        attack_losses=("loss",),
        device_type="cpu",
    )
    attack = ProjectedGradientDescent(
        estimator,
        eps=EPS,
        eps_step=2.5 * EPS / STEPS,
        max_iter=STEPS,
        batch_size=IMAGES,
        verbose=False,
    )
    given = images.numpy()
    truth = [
        {"boxes": t.boxes.numpy(), "labels": t.labels.numpy(), "scores": t.labels.numpy() + 1.0}
        for t in targets
    ]

    def run(frozen: bool) -> None:
        for part in detector.network.parameters():
            part.requires_grad_(not frozen)
        attack.generate(given, y=truth)
        for part in detector.network.parameters():
            part.requires_grad_(True)
            part.grad = None

    return {"ART": lambda: run(False), "ART_with_parameters_frozen": lambda: run(True)}


if __name__ == "__main__":
    main()
