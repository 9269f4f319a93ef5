# %% [markdown]
# # What transfers
#
# Adversarial images made on one detector are shown to others. Three small detectors of different
# families are trained on drawn shapes (the first time; they are kept). Each is attacked by plain PGD and
# by momentum with input diversity; so is an ensemble of two of them, whose images are new to the third.
# Among those that are shown the images is also the first detector as it is on an 8-bit device. Two
# detectors whose images fool each other share weaknesses; and a detector that only plain PGD was tried
# on seems safer than it is.
#
# Kept under `modelward-runs/transfer/`: `assessment.html` (heat maps with intervals, all figures,
# pictures), JSON and record, `ranking.png`. The last line printed is one JSON object.

# %%
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import modelward.adversarial as adv

EPS = 8 / 255


# %%
def zoo() -> dict[str, Any]:
    return {family: adv.small_detector(family) for family in ("yolo3", "yolo5", "ssdlite")}


# %%
def main(
    folder: Path = Path("modelward-runs/transfer"),
    *,
    detectors: Mapping[str, Any] | None = None,
    n: int = 32,
    steps: int = 10,
) -> dict[str, Any]:
    detectors = dict(detectors or zoo())
    first, second, third = list(detectors)[:3]
    data = adv.Shapes(n=n, seed=2)
    pgd = adv.PGD(eps=EPS, steps=steps)
    diverse = adv.MIFGSM(eps=EPS, steps=steps, views=(adv.InputDiversity(),))
    both = f"{first} + {second}"
    sources = {**detectors, both: adv.Ensemble([detectors[first], detectors[second]])}
    targets = {**detectors, f"{first} int8": adv.in_precision(detectors[first], "int8")}
    result = adv.assess(
        sources,
        [adv.Noise(eps=EPS), pgd, diverse],
        data,
        targets=targets,
        folder=folder / "kept",
        resamples=200,
        examples=2,
    )
    print(result)
    page = result.save(folder)

    ranking = adv.rank(detectors, adv.PGD(eps=1 / 255, steps=steps), data, folder=folder / "kept")
    print(ranking)
    ranking.plot().figure.savefig(folder / "ranking.png", dpi=110, bbox_inches="tight")

    def left(source: str, attack: adv.Attack) -> float | None:
        cell = result.cell(source, third, attack.label)
        return None if cell.left is None else round(cell.left.value, 4)

    figures = {
        "white_box_left": {
            c.source: round(c.left.value, 4)
            for c in result.cells
            if c.white_box and c.name == "PGD" and c.left is not None
        },
        f"left_of_{third}_by_pgd_on_{second}": left(second, pgd),
        f"left_of_{third}_by_diverse_on_{second}": left(second, diverse),
        f"left_of_{third}_by_diverse_on_both": left(both, diverse),
        "order": list(ranking.order),
        "ok": bool(
            all(
                c.ap.value < 0.5 * result.clean[c.target].ap.value
                for c in result.cells
                if c.white_box and c.name == "PGD"
            )
        ),
    }
    print(f"Open {os.path.relpath(page)}")
    print(json.dumps(figures))
    return figures


# %%
if __name__ == "__main__":
    main()
