"""Darknet's `.weights`: a short header, then the numbers of every convolution in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from modelward.adversarial.detectors.darknet_config import Section
from modelward.core.errors import DataError


def fill(blocks: Sequence[tuple[Section, nn.Module]], path: str | Path) -> None:
    """Fill convolutions with the numbers of a file, every one of which must be used.

    For each: biases; with batch norm also scales, means and variances; then the kernel
    (outputs, inputs / groups, height, width), all float32. Raises `DataError` when the file is too
    short or too long, naming the layer and by how much, or holds NaN.
    """
    values = _read(Path(path))
    needed = sum(_size(module) for _, module in blocks)
    at = 0
    for number, (section, module) in enumerate(blocks):
        if at + _size(module) > values.size:
            raise DataError(
                f"expected {needed} numbers in {Path(path).name}, got {values.size}: they end in "
                f"convolution {number} at {section.where}, {needed - values.size} short",
                hint="the .weights are cut off, or of another .cfg.",
            )
        for tensor in _parts(module):
            part = values[at : at + tensor.numel()]
            if not np.isfinite(part).all():
                raise DataError(
                    f"expected finite numbers in {Path(path).name}, got NaN or infinity in "
                    f"convolution {number} at {section.where}"
                )
            tensor.data.copy_(torch.from_numpy(part.copy()).view_as(tensor))
            at += tensor.numel()
    if at != values.size:
        raise DataError(
            f"expected {needed} numbers in {Path(path).name}, got {values.size}: "
            f"{values.size - at} are left over after the last convolution",
            hint="the .weights are of another .cfg.",
        )


def _read(file: Path) -> np.ndarray:
    """Skip the header: version as three int32, then images seen as int64 (int32 before 0.2)."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"expected readable .weights, got: {error}") from error
    if len(content) < 20:
        raise DataError(f"expected Darknet .weights, got {len(content)} bytes in {file.name}")
    major, minor, _ = np.frombuffer(content, dtype="<i4", count=3)
    if not (0 <= major < 1000 and 0 <= minor < 1000):
        raise DataError(
            f"expected the version of Darknet at the start of {file.name}, got {major}.{minor}",
            hint="conf is the .cfg file, weights the .weights file.",
        )
    header = 20 if major * 10 + minor >= 2 else 16
    body = content[header:]
    return np.frombuffer(body[: len(body) // 4 * 4], dtype="<f4")


def _parts(module: nn.Module) -> list[torch.Tensor]:
    """Give the tensors of a block in the file's order."""
    convolution, *rest = list(module.children())
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101 - _convolution builds it so
    norm = rest[0] if isinstance(rest[0], nn.BatchNorm2d) else None
    if norm is None:
        assert convolution.bias is not None  # noqa: S101
        return [convolution.bias, convolution.weight]
    assert norm.running_mean is not None  # noqa: S101
    assert norm.running_var is not None  # noqa: S101
    return [norm.bias, norm.weight, norm.running_mean, norm.running_var, convolution.weight]


def _size(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in _parts(module))
