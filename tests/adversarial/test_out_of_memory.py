"""Memory that runs out, truly: a process whose address space is bounded."""

import subprocess
import sys

CODE = """
import logging, resource, torch
from dataclasses import replace
from modelward.adversarial import FGSM, Shapes, Yolo3, Yolo3Network
from modelward.adversarial.making import make
torch.set_num_threads(1)
logging.basicConfig(level=logging.WARNING, format="%(message)s")
detector = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
sample = Shapes(n=1, size=SIZE, seed=1)[0]
samples = [replace(sample, id=i) for i in range(COUNT)]
make(detector, FGSM(), [Shapes(n=1, size=WARM, seed=1)[0]], seed=0)  # loads at first use
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + ROOM * 2**20, resource.RLIM_INFINITY))
made = make(detector, FGSM(), samples, seed=0)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
(whole,) = make(detector, FGSM(), samples[:1], seed=0)
print(len(made), max(float((each.image - whole.image).abs().max()) for each in made))
"""


def run(size, count, room, warm):
    code = CODE.replace("SIZE", str(size)).replace("COUNT", str(count))
    code = code.replace("ROOM", str(room)).replace("WARM", str(warm))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_batch_is_halved_until_it_fits_and_says_so():
    # Where memory ends, libraries below PyTorch may die of it, by a signal: then the room was too small.
    for room in (160, 240, 320, 400):
        done = run(320, 16, room, 320)
        if done.returncode >= 0:
            break
    assert done.returncode == 0, done.stderr
    assert "out of memory with 16 images at once: going on with 8" in done.stderr
    count, apart = done.stdout.split()
    assert int(count) == 16
    assert float(apart) <= 16 / 255 + 1e-6  # a sign may turn with the size of the batch, no more


def test_one_image_that_does_not_fit_is_a_clear_error():
    done = run(640, 1, 8, 64)
    assert done.returncode != 0
    assert "expected memory for one image of (640, 640)" in done.stderr
    assert "Hint: use a smaller detector" in done.stderr
