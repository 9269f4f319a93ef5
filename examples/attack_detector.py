# %% [markdown]
# # Attack a detector
#
# A small YOLOv3 is trained on drawn circles, squares and triangles (the first time; it is kept), and
# then attacked in five ways at three sizes: random noise, one step along the gradient, ten steps of it,
# ten with momentum, and Square, a black box that may only ask. All are scored by COCO's average
# precision on the same fresh images, with intervals. Then the smallest change that halves its AP is
# searched for.
#
# Kept under `modelward-runs/attack/`: `assessment.html` (the report: verdict on the attacks' strength,
# curves, what was lost, pictures), the same figures as JSON and as a sealed record, `halving.png`. Cut
# off, the same call goes on where it stood. The last line printed is one JSON object with the headline
# figures.

# %%
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import modelward.adversarial as adv

SIZES = (1 / 255, 2 / 255, 8 / 255)


# %% [markdown]
# ## Five attacks
#
# Settings are in the constructor, data in the call; `eps` comes from the assessment, which runs each
# attack at each size.


# %%
def attacks(steps: int) -> list[adv.Attack]:
    return [
        adv.Noise(),
        adv.FGSM(),
        adv.PGD(steps=steps),
        adv.MIFGSM(steps=steps),
        adv.make_attack("square", queries=5 * steps),
    ]


# %%
def main(
    folder: Path = Path("modelward-runs/attack"),
    *,
    detector: Any = None,
    n: int = 32,
    steps: int = 10,
) -> dict[str, Any]:
    detector = adv.small_detector() if detector is None else detector
    data = adv.Shapes(n=n, seed=1)
    result = adv.assess(
        detector, attacks(steps), data, eps=SIZES, folder=folder / "kept", resamples=200
    )
    print(result)
    page = result.save(folder)

    halved = adv.halving_eps(detector, adv.PGD(steps=steps), data, folder=folder / "kept")
    print(halved)
    halved.plot().figure.savefig(folder / "halving.png", dpi=110, bbox_inches="tight")

    left = {c.attack: round(c.ap.value, 4) for c in result.cells}
    strength = result.strength[0]
    figures = {
        "clean_ap": round(result.ap.value, 4),
        "ap_left": left,
        "verdict": strength.verdict,
        "halving_eps_of_255": None if halved.eps is None else round(halved.eps.value * 255, 2),
        "ok": bool(
            result["PGD"].ap.value < result["Noise"].ap.value
            and strength.verdict == "strong"
            and halved.eps is not None
        ),
    }
    print(f"Open {os.path.relpath(page)}")
    print(json.dumps(figures))
    return figures


# %%
if __name__ == "__main__":
    main()
