"""The same network with its batch norms folded into the convolutions before them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d

from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.detectors.state import evaluating
from modelward.core.errors import DataError

_Kind = TypeVar("_Kind", bound=Detector)


def folded(detector: _Kind) -> _Kind:
    """Give a copy of a detector with its batch norms folded, after a look that it answers alike.

    Raises `DataError` for a detector without a network, and where a batch norm is not run right after
    the convolution beside it, so that the folded network answers otherwise.
    """
    given: Any = detector
    network = getattr(given, "network", None)
    if not isinstance(network, nn.Module):
        raise DataError(
            f"expected a detector with a network, got '{detector.name}'",
            hint="a black box computes as it does: ask its owner for another.",
        )
    made = copy.copy(given)
    made.network = folded_network(network)
    before, after = (getattr(each, "backbone", each) for each in (network, made.network))
    side = 320 if hasattr(network, "backbone") else 64
    images = torch.linspace(0, 1, 3 * side * side, device=given.device).view(1, 3, side, side)
    with torch.no_grad(), evaluating(before), evaluating(after):
        pairs = zip(_tensors(before(images)), _tensors(after(images)), strict=True)
        for one, other in pairs:
            if float((one - other).abs().max()) > 1e-3 * (1 + float(one.abs().max())):
                raise DataError(
                    f"expected '{detector.name}' to answer alike with its batch norms folded, "
                    "got a difference",
                    hint="a batch norm is not run right after the convolution beside it.",
                )
    result: _Kind = made
    return result


def folded_network(network: nn.Module) -> nn.Module:
    """Give a copy in which `convolution, batch norm` in a row are one convolution.

    In eval mode both are affine, so that the result is the same but for rounding. Where a batch norm
    stands right after a convolution among a module's children (as in a `Sequential` block), and their
    channels agree, the pair is taken; all else stays.

    >>> block = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()).eval()
    >>> folded_network(block)[1]
    Identity()
    """
    made = copy.deepcopy(network)
    shared = _shared(made)
    with torch.no_grad():
        for parent in made.modules():
            children = [(n, c) for n, c in parent.named_children() if id(c) not in shared]
            for (first, conv), (second, norm) in pairwise(children):
                if isinstance(conv, nn.Conv2d) and _folds(norm, conv.out_channels):
                    setattr(parent, first, _joined(conv, norm))
                    setattr(parent, second, nn.Identity())
    return made


def _folds(norm: nn.Module, channels: int) -> bool:
    if isinstance(norm, nn.BatchNorm2d):
        return norm.num_features == channels and norm.running_mean is not None
    return isinstance(norm, FrozenBatchNorm2d) and len(norm.running_mean) == channels


def _joined(conv: nn.Conv2d, norm: Any) -> nn.Conv2d:
    made = copy.deepcopy(conv)
    made.weight, made.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    return made


def _shared(network: nn.Module) -> set[int]:
    """Give the modules that stand in more than one place: what is used twice cannot be folded once."""
    seen: set[int] = set()
    twice: set[int] = set()
    for _, module in network.named_modules(remove_duplicate=False):
        (twice if id(module) in seen else seen).add(id(module))
    return twice


def _tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    else:
        for each in found.values() if isinstance(found, dict) else found:
            yield from _tensors(each)
