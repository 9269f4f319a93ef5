"""Memory of an attack that is kept image by image: 500 images beside 50.

Each number of images runs in a process of its own: the small network, PGD, `assess` with a folder. Peak
resident memory must not grow with the number of images.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
FEW, MANY = (20, 60) if SHORT else (50, 500)
CODE = """
import resource, sys, tempfile, torch
from modelward.adversarial import PGD, Shapes, Yolo3, Yolo3Network
from modelward.adversarial.attacks.registry import make_attack
from modelward.adversarial.data.survey import survey
from modelward.adversarial.kept import Kept
from modelward.adversarial.making import make
torch.set_num_threads(1)
torch.manual_seed(0)
detector = Yolo3(network=Yolo3Network(classes=3, width=8), classes=Shapes.classes)
data = Shapes(n=int(sys.argv[1]), size=160, seed=1)
with tempfile.TemporaryDirectory() as folder:
    kept = Kept(folder, {"memory": 1})
    for part in survey(data, batch=8).parts:
        make(detector, PGD(steps=2), part.samples(data), seed=0, kept=kept)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(images: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(images)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    few, many = peak(FEW), peak(MANY)
    figures = {
        "images": f"{FEW} and {MANY}",
        "peak_MiB_of_few": round(few, 1),
        "peak_MiB_of_many": round(many, 1),
        "ratio": round(many / few, 3),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
