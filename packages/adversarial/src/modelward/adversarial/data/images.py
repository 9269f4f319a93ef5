"""Reading image files of every common kind into pixels in [0, 1]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from modelward.core.errors import DataError

LARGEST = 50_000_000
"""Pixels of an image; more are refused before they are decoded."""


class UnreadableImageError(DataError):
    """An image file that cannot be read: it is reported by name, and skipped."""


def read_image(path: str | Path) -> Tensor:
    """Read an image `(3, H, W)` float32 in [0, 1], turned as its EXIF orientation says.

    Grey, palette, transparent, CMYK and 16-bit images become red, green and blue; what is transparent
    lies on black. Raises `UnreadableImageError` for a file that is missing, cut off, too large or of no
    known kind.
    """
    file = Path(path)
    try:
        with Image.open(file) as opened:
            width, height = opened.size
            if width * height > LARGEST:
                raise UnreadableImageError(
                    f"expected at most {LARGEST} pixels in {file.name}, got {width} x {height}"
                )
            turned = ImageOps.exif_transpose(opened)
            pixels = _rgb(turned)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise UnreadableImageError(
            f"expected a readable image in {file.name}, got: {error}"
        ) from error
    except (ValueError, EOFError, MemoryError) as error:  # what Pillow raises for broken content
        raise UnreadableImageError(
            f"expected a readable image in {file.name}, got: {type(error).__name__}: {error}"
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _rgb(image: Image.Image) -> np.ndarray:
    """Give the pixels `(H, W, 3)` float32 in [0, 1]."""
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.float32) / 65535
        return np.repeat(np.clip(grey, 0, 1)[..., None], 3, axis=2)
    if image.mode == "F":
        grey = np.asarray(image, dtype=np.float32)
        return np.repeat(np.clip(np.nan_to_num(grey), 0, 1)[..., None], 3, axis=2)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over)
    return np.asarray(image.convert("RGB"), dtype=np.float32) / np.float32(255)
