"""Pictures for the report: clean, adversarial and their difference, with boxes drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from torch import Tensor

from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.results import Example

SHOWN = 0.5
"""Score from which a detection is drawn."""

GAIN = 10
"""How many times the difference is amplified."""

SIDE = 240
"""Width that pictures are brought near to, so that a page stays small."""

COLOURS = ("#ffd400", "#00e5ff", "#ff5cf0", "#8cff66", "#ff8a3d", "#ffffff")
_GAP = 6


def strip(
    examples: Sequence[Example], *, classes: Sequence[str] = (), zoom: float | None = None
) -> bytes:
    """Draw one row for each example, clean | adversarial | difference x 10, as a PNG file.

    Detections with a score of at least .5 are drawn in the colour of their class, with its name where
    `classes` gives one. `zoom` is by default what brings an image near to `SIDE` pixels.
    """
    rows = []
    for e in examples:
        scale = zoom or _zoom(e.image.shape[-1])
        rows.append(
            (
                _drawn(e.image, e.seen, scale, classes),
                _drawn(e.adversarial, e.seen_adversarial, scale, classes),
                _scaled(_difference(e.image, e.adversarial), scale, Image.Resampling.NEAREST),
            )
        )
    width = max(row[0].width for row in rows)
    height = sum(row[0].height for row in rows) + _GAP * (len(rows) - 1)
    canvas = Image.new("RGB", (3 * width + 2 * _GAP, height), (128, 128, 128))
    top = 0
    for row in rows:
        for column, picture in enumerate(row):
            canvas.paste(picture, (column * (width + _GAP), top))
        top += row[0].height + _GAP
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _zoom(width: int) -> float:
    return float(max(1, round(SIDE / width))) if width <= SIDE else SIDE / width


def _drawn(image: Tensor, seen: Detections, zoom: float, classes: Sequence[str]) -> Image.Image:
    small = zoom < 1
    way = Image.Resampling.LANCZOS if small else Image.Resampling.NEAREST
    picture = _scaled(_bytes(image.permute(1, 2, 0).cpu().numpy()), zoom, way)
    pen = ImageDraw.Draw(picture)
    shown = seen.above(SHOWN)
    for box, label, score in zip(
        shown.boxes.tolist(), shown.labels.tolist(), shown.scores.tolist(), strict=True
    ):
        x1, y1, x2, y2 = (zoom * value for value in box)
        colour = COLOURS[label % len(COLOURS)]
        pen.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=2)
        if label < len(classes):
            text = f"{classes[label]} {score:.1f}"
            at = (min(x1 + 3, picture.width - pen.textlength(text) - 2), max(y1 + 1, 0))
            pen.rectangle(pen.textbbox(at, text), fill="#101010")
            pen.text(at, text, fill=colour)
    return picture


def _difference(image: Tensor, adversarial: Tensor) -> npt.NDArray[np.uint8]:
    """Amplify the perturbation around middle grey."""
    step = (adversarial - image).permute(1, 2, 0).cpu().numpy()
    return _bytes(0.5 + GAIN * step)


def _bytes(pixels: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    rounded: npt.NDArray[np.uint8] = np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8)
    return rounded


def _scaled(pixels: npt.NDArray[np.uint8], zoom: float, way: Image.Resampling) -> Image.Image:
    height, width = pixels.shape[:2]
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    return Image.fromarray(pixels).resize(size, way)
