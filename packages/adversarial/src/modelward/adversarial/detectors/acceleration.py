"""The same detector, made faster by what the framework offers."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.detectors.folding import folded
from modelward.core.errors import DataError

_Kind = TypeVar("_Kind", bound=Detector)


def accelerated(
    detector: _Kind,
    *,
    fold: bool = True,
    channels_last: bool = True,
    compiled: bool = False,
    bfloat16: bool = False,
) -> _Kind:
    """Give a copy of a detector that computes the same faster, forwards and backwards.

    `fold` joins batch norms with their convolutions, `channels_last` lays maps out as convolutions
    like them: both change results by rounding alone. `compiled` hands the network to `torch.compile`
    (a minute or more at the first call of each shape; a C++ compiler is needed on a CPU). `bfloat16`
    lets layers compute in it (fast where the processor has it, slow elsewhere), which changes results
    in the third place. What each gains is measured in docs/benchmarks. The folded network is another
    set of parameters: the digest differs from the given one's. Only the backbone is taken of networks
    that prepare their images themselves (torchvision's).

    Raises `DataError` for a detector without a network, or one that cannot be folded.

    >>> from modelward.adversarial import Shapes, Yolo3, Yolo3Network
    >>> detector = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> accelerated(detector).name
    'yolo3'
    """
    given: Any = detector
    network = getattr(given, "network", None)
    if not isinstance(network, nn.Module):
        raise DataError(f"expected a detector with a network, got '{detector.name}'")
    made = copy.copy(given)
    if fold:
        whole: Any = folded(given).network
    else:
        whole = copy.deepcopy(network)
    inner: Any = whole.backbone if hasattr(network, "backbone") else whole
    inner = _Fast(inner, channels_last=channels_last, bfloat16=bfloat16)
    if hasattr(network, "backbone"):
        whole.backbone = inner
        made.network = whole
    else:
        made.network = inner
    if compiled:
        inner.network = torch.compile(inner.network)
    result: _Kind = made
    return result


class _Fast(nn.Module):
    """Runs a network on maps in another layout or type, and gives floats."""

    def __init__(self, network: nn.Module, *, channels_last: bool, bfloat16: bool) -> None:
        super().__init__()
        self.last, self.lower = channels_last, bfloat16
        if channels_last:
            network = network.to(memory_format=torch.channels_last)
        self.network: Any = network
        if hasattr(network, "out_channels"):
            self.out_channels = network.out_channels

    def forward(self, images: Tensor) -> Any:
        """Give what the network gives, as float32."""
        if self.last:
            images = images.contiguous(memory_format=torch.channels_last)
        if not self.lower:
            return self.network(images)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            found = self.network(images)
        return _floats(found)


def _floats(found: Any) -> Any:
    if isinstance(found, Tensor):
        return found.float()
    if isinstance(found, dict):
        return type(found)((name, _floats(each)) for name, each in found.items())
    return type(found)(_floats(each) for each in found)
