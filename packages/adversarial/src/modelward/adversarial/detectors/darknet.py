"""Darknet's files: the network a `.cfg` describes, filled with the numbers of a `.weights`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelward.adversarial.detectors.darknet_config import Section, read_sections
from modelward.adversarial.detectors.darknet_weights import fill
from modelward.adversarial.detectors.yolo_head import Scale
from modelward.core.errors import DataError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "linear": nn.Identity,
    "leaky": nn.LeakyReLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "mish": nn.Mish,
    "swish": nn.SiLU,
    "logistic": nn.Sigmoid,
}


class DarknetNetwork(nn.Module):
    """A network built from the sections of a `.cfg`: `(N, 3, H, W)` to one map for each `[yolo]`.

    Convolutions (grouped, with or without batch norm), max pooling, upsampling, routes (of several
    layers, of a part of the channels), shortcuts and dropout: what YOLOv3, its spp and tiny forms
    and the small nets of its family are made of. `size` is (height, width) in the file, `classes` their
    number, `scales` the strides and prior boxes of the maps.

    Raises `DataError` for a section or setting it does not know, with its line.
    """

    def __init__(self, sections: list[Section]) -> None:
        super().__init__()
        net, layers = sections[0], sections[1:]
        self.size = net.integer("height"), net.integer("width")
        self.plan: list[_Layer] = []
        self.modules_by_layer = nn.ModuleList()
        channels: list[int] = []
        strides: list[float] = []
        scales: list[Scale] = []
        classes: set[int] = set()
        for number, section in enumerate(layers):
            before = channels[-1] if channels else net.integer("channels", 3)
            place = _Place(number, channels, strides, before, strides[-1] if strides else 1.0)
            layer, module, wide, stride = _build(section, place)
            if section.kind == "yolo":
                scales.append(_scale(section, stride))
                classes.add(section.integer("classes"))
                wanted = len(scales[-1].anchors) * (5 + section.integer("classes"))
                if before != wanted:
                    raise DataError(
                        f"expected {wanted} channels before [yolo] at {section.where}, "
                        f"got {before}",
                        hint="filters of the convolution before are anchors x (5 + classes).",
                    )
            self.plan.append(layer)
            self.modules_by_layer.append(module)
            channels.append(wide)
            strides.append(stride)
        if len(classes) != 1:
            raise DataError(
                f"expected [yolo] sections of one number of classes, got {sorted(classes)}"
            )
        self.classes = classes.pop()
        self.scales = tuple(scales)
        # What a later layer reads is kept; the rest is let go of as soon as it was used.
        self._kept = {source for layer in self.plan for source in layer.sources}

    def forward(self, images: Tensor) -> list[Tensor]:
        """Give the maps of raw numbers, in the order of the `[yolo]` sections."""
        kept: dict[int, Tensor] = {}
        maps: list[Tensor] = []
        x = images
        for number, (layer, module) in enumerate(
            zip(self.plan, self.modules_by_layer, strict=True)
        ):
            if layer.kind == "route":
                x = torch.cat([kept[source] for source in layer.sources], dim=1)
                x = module(x)
            elif layer.kind == "shortcut":
                x = module(x + kept[layer.sources[0]])
            elif layer.kind == "yolo":
                maps.append(x)
            else:
                x = module(x)
            if number in self._kept:
                kept[number] = x
        return maps


class _Layer:
    """What forward needs to know of a section."""

    def __init__(self, kind: str, sources: tuple[int, ...] = ()) -> None:
        self.kind = kind
        self.sources = sources


class _Part(nn.Module):
    """One of several equal parts of the channels."""

    def __init__(self, groups: int, part: int) -> None:
        super().__init__()
        self.groups = groups
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return x.chunk(self.groups, dim=1)[self.part]


class _MaxPool(nn.Module):
    """Darknet's pooling: `size` - 1 places of padding, the smaller half before."""

    def __init__(self, size: int, stride: int, padding: int) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        before = self.padding // 2
        after = self.padding - before
        x = functional.pad(x, (before, after, before, after), value=-torch.inf)
        return functional.max_pool2d(x, self.size, self.stride)


def read_darknet(conf: str | Path, weights: str | Path) -> DarknetNetwork:
    """Read both files. Raises `DataError`, which names the line or the layer at fault."""
    sections = read_sections(conf)
    network = DarknetNetwork(sections)
    blocks = [
        (section, module)
        for section, module in zip(sections[1:], network.modules_by_layer, strict=True)
        if section.kind == "convolutional"
    ]
    fill(blocks, weights)
    return network.eval()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the network a section stands: its number, and what lies before it."""

    number: int
    channels: Sequence[int]
    strides: Sequence[float]
    wide: int
    stride: float


_Built = tuple[_Layer, nn.Module, int, float]


def _build(section: Section, place: _Place) -> _Built:
    """Give the layer, its module, and the channels and stride behind it."""
    builder = _BUILDERS.get(section.kind)
    if builder is None:
        raise DataError(
            f"expected a section of a YOLOv3 network at {section.where}, got [{section.kind}]",
            hint=f"{', '.join(_BUILDERS)} are known.",
        )
    return builder(section, place)


def _convolutional(section: Section, place: _Place) -> _Built:
    module, filters = _convolution(section, place.wide)
    stride = place.stride * section.integer("stride", 1)
    return _Layer(section.kind), module, filters, stride


def _maxpool(section: Section, place: _Place) -> _Built:
    step = section.integer("stride", 1)
    size = section.integer("size", step)
    pool = _MaxPool(size, step, section.integer("padding", size - 1))
    return _Layer(section.kind), pool, place.wide, place.stride * step


def _upsample(section: Section, place: _Place) -> _Built:
    factor = section.integer("stride", 2)
    module = nn.Upsample(scale_factor=factor)
    return _Layer(section.kind), module, place.wide, place.stride / factor


def _dropout(section: Section, place: _Place) -> _Built:
    module = nn.Dropout(section.number("probability", 0.5))
    return _Layer(section.kind), module, place.wide, place.stride


def _yolo(section: Section, place: _Place) -> _Built:
    return _Layer(section.kind), nn.Identity(), place.wide, place.stride


def _route(section: Section, place: _Place) -> _Built:
    sources = tuple(_absolute(section, at, place.number) for at in section.integers("layers"))
    total = sum(place.channels[source] for source in sources)
    groups, part = section.integer("groups", 1), section.integer("group_id", 0)
    if total % groups or not 0 <= part < groups:
        raise DataError(
            f"expected groups that divide {total} channels and group_id below them at "
            f"{section.where}, got {groups} and {part}"
        )
    module: nn.Module = _Part(groups, part) if groups > 1 else nn.Identity()
    return _Layer(section.kind, sources), module, total // groups, place.strides[sources[0]]


def _shortcut(section: Section, place: _Place) -> _Built:
    source = _absolute(section, section.integer("from"), place.number)
    if place.channels[source] != place.wide:
        raise DataError(
            f"expected {place.wide} channels from the shortcut at {section.where}, "
            f"got {place.channels[source]}"
        )
    module = _activation(section, "linear")
    return _Layer(section.kind, (source,)), module, place.wide, place.stride


_BUILDERS: dict[str, Callable[[Section, _Place], _Built]] = {
    "convolutional": _convolutional,
    "maxpool": _maxpool,
    "upsample": _upsample,
    "route": _route,
    "shortcut": _shortcut,
    "dropout": _dropout,
    "yolo": _yolo,
}


def _convolution(section: Section, inputs: int) -> tuple[nn.Sequential, int]:
    size, filters = section.integer("size", 1), section.integer("filters", 1)
    groups = section.integer("groups", 1)
    if inputs % groups or filters % groups:
        raise DataError(
            f"expected groups that divide {inputs} inputs and {filters} filters at "
            f"{section.where}, got {groups}"
        )
    padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0)
    normed = bool(section.integer("batch_normalize", 0))
    convolution = nn.Conv2d(
        inputs,
        filters,
        size,
        section.integer("stride", 1),
        padding,
        dilation=section.integer("dilation", 1),
        groups=groups,
        bias=not normed,
    )
    parts: list[nn.Module] = [convolution]
    if normed:
        parts.append(nn.BatchNorm2d(filters))
    parts.append(_activation(section, "logistic"))
    return nn.Sequential(*parts), filters


def _activation(section: Section, default: str) -> nn.Module:
    name = section.text("activation", default)
    if name not in ACTIVATIONS:
        raise DataError(
            f"expected an activation of {', '.join(ACTIVATIONS)} at {section.where}, got {name!r}"
        )
    return nn.LeakyReLU(0.1) if name == "leaky" else ACTIVATIONS[name]()


def _absolute(section: Section, at: int, number: int) -> int:
    source = number + at if at < 0 else at
    if not 0 <= source < number:
        raise DataError(
            f"expected a layer before number {number} at {section.where}, got {at}",
            hint="negative numbers count back from the section itself.",
        )
    return source


def _scale(section: Section, stride: float) -> Scale:
    numbers = section.numbers("anchors")
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    mask = section.integers("mask") if "mask" in section.settings else range(len(pairs))
    if any(not 0 <= i < len(pairs) for i in mask) or len(numbers) % 2:
        raise DataError(
            f"expected a mask of the {len(pairs)} anchors at {section.where}, got {list(mask)}"
        )
    anchors = tuple((float(pairs[i][0]), float(pairs[i][1])) for i in mask)
    return Scale(int(stride), anchors, section.number("scale_x_y", 1.0))
