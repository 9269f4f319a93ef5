"""Draw the images that `config.yml` attacks: 60 of circles, squares and triangles, in COCO's form."""

# %%
from __future__ import annotations

import json
from pathlib import Path

import modelward.adversarial as adv


def main(folder: Path = Path(__file__).parent / "data", *, n: int = 60) -> None:
    """Write `images/` and `labels.json` into the folder."""
    data = adv.write_coco(adv.Shapes(n=n, seed=5), folder)
    print(json.dumps({"ok": True, "images": len(data), "folder": str(folder)}))


# %%
if __name__ == "__main__":
    main()
