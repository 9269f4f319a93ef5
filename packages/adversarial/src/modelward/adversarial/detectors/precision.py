"""A detector as it is on a device of low precision: half floats, bfloat16, or whole numbers of 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.detectors.folding import folded
from modelward.adversarial.detectors.state import evaluating
from modelward.core.errors import ConfigError

Precision = Literal["fp16", "bf16", "int8"]
PRECISIONS = ("fp16", "bf16", "int8")
_TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}
_Kind = TypeVar("_Kind", bound=Detector)


def in_precision(
    detector: _Kind, precision: Precision, *, calibration: Tensor | None = None
) -> _Kind:
    """Give a copy of a detector that computes as in `fp16`, `bf16` or `int8`; to attack or to be shown.

    Batch norm is folded into the convolutions, as it is for use. Then weights, and what goes into and
    comes out of every convolution and linear layer, are rounded to what the type can hold; sums are
    taken in float32, as such devices do. `int8`: weights symmetric, a scale for each output channel;
    inputs with one scale and zero point a layer, whose range is that seen on `calibration` images
    `(N, 3, H, W)`, else that of each batch. Backwards, rounding counts as the identity.

    Raises `ConfigError` for another precision, and `DataError` for a detector without a network.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, arXiv 1712.05877, sections 2.1 and 3; the identity backwards:
    Bengio et al., arXiv 1308.3432.

    >>> from modelward.adversarial import Shapes, Yolo3, Yolo3Network
    >>> detector = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> in_precision(detector, "int8").name
    'yolo3 int8'
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"expected a precision of {', '.join(PRECISIONS)}, got {precision!r}")
    made: Any = folded(detector)
    made.name = f"{detector.name} {precision}"
    layers = [m for m in made.network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers:
        _round_weights(layer, precision)
    roundings = [_Rounding(layer, precision) for layer in layers]
    if calibration is not None and precision == "int8":
        for rounding in roundings:
            rounding.watching = True
        with torch.no_grad(), evaluating(made.network):
            made.predict(calibration)
        for rounding in roundings:
            rounding.watching = False
    result: _Kind = made
    return result


@torch.no_grad()
def _round_weights(layer: nn.Conv2d | nn.Linear, precision: Precision) -> None:
    if precision == "int8":
        layer.weight.copy_(per_channel(layer.weight))
        return
    for part in (layer.weight, layer.bias):
        if part is not None:
            part.copy_(part.to(_TYPES[precision]).to(part.dtype))


def per_channel(weight: Tensor) -> Tensor:
    """Round weights `(O, ...)` to 255 steps a channel, symmetric about 0.

    >>> per_channel(torch.tensor([[1.0, 0.5, -0.2]])) * 127
    tensor([[127.0000,  64.0000, -25.0000]])
    """
    scale = weight.abs().flatten(1).amax(dim=1).clamp(min=1e-12) / 127
    scale = scale.view(-1, *[1] * (weight.ndim - 1))
    return (weight / scale).round().clamp(-127, 127) * scale


class _Rounding:
    """Rounds what goes into a layer, and for half floats what comes out of it."""

    def __init__(self, layer: nn.Module, precision: Precision) -> None:
        self.precision = precision
        self.watching = False
        self.handles: list[RemovableHandle] = [layer.register_forward_pre_hook(self.before)]
        if precision != "int8":
            self.handles.append(layer.register_forward_hook(self.after))
        self.layer = layer
        layer.register_buffer("range_seen", torch.zeros(2), persistent=True)

    def before(self, _: nn.Module, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Round the input."""
        return (self._rounded(inputs[0]), *inputs[1:])

    def after(self, _: nn.Module, __: Any, output: Tensor) -> Tensor:
        """Round the output."""
        return self._rounded(output)

    def _rounded(self, values: Tensor) -> Tensor:
        plain = values.detach()
        if self.precision == "int8":
            rounded = self._eight_bits(plain)
        else:
            rounded = plain.to(_TYPES[self.precision]).to(values.dtype)
        return values + (rounded - plain) if values.requires_grad else rounded

    def _eight_bits(self, values: Tensor) -> Tensor:
        seen: Any = self.layer.range_seen
        low, high = (float(v) for v in seen)
        if self.watching or low == high:
            now_low, now_high = (float(v) for v in torch.aminmax(values))
            low, high = min(low, now_low, 0.0), max(high, now_high, 0.0)
        if self.watching:
            seen.copy_(torch.tensor([low, high]))
            return values
        scale = max((high - low) / 255, 1e-12)
        zero = round(-low / scale)
        return ((values / scale).round() + zero).clamp(0, 255).sub(zero) * scale
