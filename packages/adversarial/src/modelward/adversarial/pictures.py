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

COLOURS = ("#ffd400", "#00e5ff", "#ff5cf0", "#8cff66", "#ff8a3d", "#ffffff")
_GAP = 6


def strip(examples: Sequence[Example], *, zoom: int = 2) -> bytes:
    """Draw one row for each example, clean | adversarial | difference x 10, as a PNG file.

    Detections with a score of at least .5 are drawn in the colour of their class.
    """
    rows = [
        (
            _drawn(e.image, e.seen, zoom),
            _drawn(e.adversarial, e.seen_adversarial, zoom),
            _upscaled(_difference(e.image, e.adversarial), zoom),
        )
        for e in examples
    ]
    width, height = rows[0][0].size
    canvas = Image.new(
        "RGB", (3 * width + 2 * _GAP, len(rows) * (height + _GAP) - _GAP), (128, 128, 128)
    )
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            canvas.paste(picture, (c * (width + _GAP), r * (height + _GAP)))
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG")
    return buffer.getvalue()


def _drawn(image: Tensor, seen: Detections, zoom: int) -> Image.Image:
    picture = _upscaled(_bytes(image.permute(1, 2, 0).cpu().numpy()), zoom)
    pen = ImageDraw.Draw(picture)
    shown = seen.above(SHOWN)
    for box, label in zip(shown.boxes.tolist(), shown.labels.tolist(), strict=True):
        corners = [zoom * value for value in box]
        pen.rectangle(corners, outline=COLOURS[label % len(COLOURS)], width=2)
    return picture


def _difference(image: Tensor, adversarial: Tensor) -> npt.NDArray[np.uint8]:
    """Amplify the perturbation around middle grey."""
    step = (adversarial - image).permute(1, 2, 0).cpu().numpy()
    return _bytes(0.5 + GAIN * step)


def _bytes(pixels: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    rounded: npt.NDArray[np.uint8] = np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8)
    return rounded


def _upscaled(pixels: npt.NDArray[np.uint8], zoom: int) -> Image.Image:
    height, width = pixels.shape[:2]
    return Image.fromarray(pixels).resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
