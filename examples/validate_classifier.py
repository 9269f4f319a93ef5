# %% [markdown]
# # Where does a classifier stop being right?
#
# A support vector machine reads the handwritten digits that scikit-learn ships (8 x 8 pixels), right on
# 98 % of those it never saw. The camera that will feed it may turn, blur, darken, add noise or be partly
# covered. Five such perturbations are the features; the output is the share of 300 unseen digits that
# are still read rightly; it should be at least 80 %. A study finds where that stops being so.

# %%
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import modelward.validation as val
from modelward.core.pages import axes, svg

FEATURES = [
    val.FeatureContinuous("rotation", -15, 15),  # degrees
    val.FeatureContinuous("noise", 0, 4),  # standard deviation, of 16 grey levels
    val.FeatureContinuous("blur", 0, 0.8),  # standard deviation, pixels
    val.FeatureContinuous("brightness", 0.7, 1.3),  # factor
    val.FeatureCategorical("covered", ["nothing", "left column", "top row", "corner"]),
]
OUTPUT = val.Output("accuracy", threshold=0.8, orientation="upper", certainty_target=0.85)


# %% [markdown]
# ## The model, and the camera


# %%
class Camera:
    """The trained model behind a camera with faults; called with the features, gives the accuracy."""

    def __init__(self, digits: int) -> None:
        x, y = load_digits(return_X_y=True)
        train, rest, target, labels = train_test_split(x, y, test_size=0.4, random_state=0)
        self.model = SVC(gamma=0.001, C=10).fit(train, target)
        self.images, self.labels = rest.reshape(-1, 8, 8)[:digits], labels[:digits]

    def seen(
        self, rotation: float, noise: float, blur: float, brightness: float, covered: str
    ) -> np.ndarray[Any, Any]:
        """Give the images as the model gets them, shape (n, 8, 8), from 0 to 16."""
        images = ndimage.rotate(self.images, rotation, axes=(1, 2), reshape=False, order=1)
        images = ndimage.gaussian_filter(images, (0, blur, blur)) * brightness
        # The same noise at each call: the system answers alike when asked alike.
        images = images + noise * np.random.default_rng(0).standard_normal(images.shape)
        hidden = {
            "left column": np.s_[:, :, :2],
            "top row": np.s_[:, :1, :],
            "corner": np.s_[:, :3, :3],
        }
        if covered in hidden:
            images[hidden[covered]] = 0
        return np.clip(images, 0, 16)

    def __call__(self, **values: Any) -> float:
        images = self.seen(**values)
        return float((self.model.predict(images.reshape(len(images), -1)) == self.labels).mean())


# %% [markdown]
# ## In pictures: what the model was shown, and P(fail) over what matters most


# %%
def draw_cases(camera: Camera, result: val.StudyResult, folder: Path, worst: list[Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = [feature.name for feature in FEATURES]
    figure, grid = plt.subplots(
        len(worst) + 1, 8, figsize=(8, 1.35 * (len(worst) + 1)), layout="constrained"
    )
    clean = dict(zip(names, (0, 0, 0, 1, "nothing"), strict=True))
    for row, case in zip(grid, [clean, *worst], strict=True):
        values = {name: case[name] for name in names}
        for ax, image in zip(row, camera.seen(**values), strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=16)
            ax.set_axis_off()
        words = ", ".join(
            f"{k} {v:.2g}" if not isinstance(v, str) else v for k, v in values.items()
        )
        title = row[0].set_title(f"{camera(**values):.0%} read: {words}", loc="left", fontsize=8)
        title.set_in_layout(False)
    figure.savefig(folder / "cases.png", dpi=110)
    plt.close(figure)
    (folder / "boundary.svg").write_text(str(svg(result.plot())))


def draw_slices(explained: dict[str, Any], folder: Path) -> None:
    ax = axes(figsize=(7.2, 4.0))
    for one in explained["slices"]:
        if not isinstance(one["values"][0], str):
            at = np.linspace(0, 1, len(one["values"]))
            low, high = one["values"][0], one["values"][-1]
            ax.plot(at, one["p_fail"], label=f"{one['feature']} ({low:.2g} to {high:.2g})")
    ax.set_xlabel("place in the range of the feature")
    ax.set_ylabel("P(fail), mean over the others")
    ax.set_ylim(0, 1.02)
    ax.legend()
    (folder / "slices.svg").write_text(str(svg(ax)))


# %%
def main(budget: int = 150, audit: int = 50, digits: int = 300, folder: Path | None = None) -> None:
    folder = folder or Path("modelward-runs/validate-classifier")
    folder.mkdir(parents=True, exist_ok=True)
    camera = Camera(digits)
    study = val.Study(FEATURES, [OUTPUT], name="digit reader", seed=0)
    study.run(camera, budget=budget, batch=5, stop_early=False)
    result = study.certify(camera, n=audit)
    print(result)
    explained = study.explain()
    print("\nWhat matters:")
    for row in explained["sensitivity"]["accuracy"]:
        print(f"  {row['feature']}: total {row['total']:.2f}, shuffled {row['permutation']:.2f}")
    draw_cases(camera, result, folder, explained["worst"][:3])
    draw_slices(explained, folder)
    page = study.to_page().save(folder / "validation.html")
    result.to_evidence().save(folder / "validation.evidence.json")
    print(f"report {page}")
    print(
        json.dumps(
            {
                "ok": bool(result.rules) and result.certificate.n >= audit,
                "runs": result.n,
                "clean_accuracy": round(
                    camera(rotation=0, noise=0, blur=0, brightness=1, covered="nothing"), 4
                ),
                "failing_share": round(result.failure_share.value, 4),
                "proven_certainty": round(result.certificate.certainty, 4),
                "first_rule": str(result.rules[0]) if result.rules else "",
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Find where a digit reader stops being right.")
    parser.add_argument("--budget", type=int, default=150)
    parser.add_argument("--audit", type=int, default=50)
    parser.add_argument("--digits", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=None)
    main(**vars(parser.parse_args()))
