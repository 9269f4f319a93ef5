"""A YOLOv5 network rebuilt from the inert records of a checkpoint, with our own modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from modelward.adversarial.detectors.checkpoint import Record
from modelward.adversarial.detectors.yolo5_layers import (
    C3,
    Bottleneck,
    Concat,
    Conv,
    Focus,
    Heads,
    Pyramid,
)
from modelward.adversarial.detectors.yolo5_network import Step, Yolo5Network, is_network
from modelward.adversarial.detectors.yolo_head import Scale
from modelward.core.errors import DataError

MOST_STEPS = 500
_Children = Mapping[str, nn.Module]


def rebuild(content: Any) -> Yolo5Network:
    """Rebuild the network; that of the moving average where the checkpoint keeps one.

    Half-precision numbers become float32. Raises `DataError` where there is no YOLOv5 network, or
    one with a layer that is not known.
    """
    record = content
    if isinstance(content, dict):
        record = content.get("ema") if is_network(content.get("ema")) else content.get("model")
    if not is_network(record) or not is_network(record.state["_modules"].get("model")):
        what = list(content)[:8] if isinstance(content, dict) else type(content).__name__
        raise DataError(
            f"expected a checkpoint with a YOLOv5 network, got {what}",
            hint="a bare state_dict does not say how its layers are joined.",
        )
    layers = list(record.state["_modules"]["model"].state["_modules"].values())
    if not 2 <= len(layers) <= MOST_STEPS:
        raise DataError(f"expected 2 to {MOST_STEPS} layers in the checkpoint, got {len(layers)}")
    steps = [Step(_sources(layer, number), _module(layer)) for number, layer in enumerate(layers)]
    if not isinstance(steps[-1].module, Heads):
        raise DataError(f"expected a network that ends in Detect, got {_name(layers[-1])}")
    network = Yolo5Network(
        steps, scales=_scales(layers[-1], record), names=_names(record.state.get("names"))
    )
    return network.float().eval()


def _sources(layer: Record, number: int) -> tuple[int, ...]:
    came = layer.state.get("f", -1)
    sources = tuple(came) if isinstance(came, (list, tuple)) else (came,)
    if not sources or not all(
        isinstance(s, int) and -max(number, 1) <= s < number for s in sources
    ):
        raise DataError(f"expected sources before layer {number} of the checkpoint, got {came!r}")
    # -1 is the step before; other negative numbers count back from this one.
    return tuple(s if s >= -1 else number + s for s in sources)


def _module(record: Any) -> nn.Module:
    if not isinstance(record, Record):
        raise DataError(f"expected a layer in the checkpoint, got {type(record).__name__}")
    name = _name(record)
    if name not in _MAKERS:
        raise DataError(
            f"expected layers of YOLOv5 in the checkpoint, got {record.kind}",
            hint=f"known are {', '.join(sorted(_MAKERS))}.",
        )
    children = {
        str(key): _module(child)
        for key, child in (record.state.get("_modules") or {}).items()
        if child is not None
    }
    try:
        module = _MAKERS[name](record.state, children)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"expected a whole {name} in the checkpoint, got: {error!r}") from error
    _fill(module, record)
    return module


def _fill(module: nn.Module, record: Record) -> None:
    """Give a module the numbers that lie on the record itself."""
    own = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
    kept = {**(record.state.get("_parameters") or {}), **(record.state.get("_buffers") or {})}
    for key, tensor in own.items():
        came = kept.get(key)
        if not isinstance(came, Tensor) or came.shape != tensor.shape:
            shape = tuple(came.shape) if isinstance(came, Tensor) else None
            raise DataError(
                f"expected {key} of shape {tuple(tensor.shape)} in {record.kind}, got {shape}"
            )
        tensor.data.copy_(came)


def _name(record: Record) -> str:
    return record.kind.rsplit(".", maxsplit=1)[-1]


def _conv2d(state: Mapping[str, Any], _: _Children) -> nn.Module:
    bias = (state.get("_parameters") or {}).get("bias") is not None
    padding = state["padding"]
    return nn.Conv2d(
        int(state["in_channels"]),
        int(state["out_channels"]),
        tuple(state["kernel_size"]),
        tuple(state["stride"]),
        padding if isinstance(padding, str) else tuple(padding),
        tuple(state["dilation"]),
        int(state["groups"]),
        bias=bias,
    )


def _norm(state: Mapping[str, Any], _: _Children) -> nn.Module:
    return nn.BatchNorm2d(int(state["num_features"]), eps=float(state["eps"]))


def _pool(state: Mapping[str, Any], _: _Children) -> nn.Module:
    return nn.MaxPool2d(
        state["kernel_size"], state["stride"], state["padding"], ceil_mode=bool(state["ceil_mode"])
    )


def _upsample(state: Mapping[str, Any], _: _Children) -> nn.Module:
    if state.get("mode", "nearest") != "nearest":
        raise ValueError(f"upsampling {state['mode']!r}")
    return nn.Upsample(scale_factor=float(state["scale_factor"]))


def _block(_: Mapping[str, Any], parts: _Children) -> nn.Module:
    return Conv(parts["conv"], parts.get("bn"), parts.get("act", nn.Identity()))


def _c3(_: Mapping[str, Any], parts: _Children) -> nn.Module:
    return C3(parts["cv1"], parts["cv2"], parts["cv3"], parts["m"])


def _bottleneck(state: Mapping[str, Any], parts: _Children) -> nn.Module:
    return Bottleneck(parts["cv1"], parts["cv2"], add=bool(state["add"]))


def _spp(_: Mapping[str, Any], parts: _Children) -> nn.Module:
    return Pyramid(parts["cv1"], parts["cv2"], list(parts["m"].children()))


def _sppf(_: Mapping[str, Any], parts: _Children) -> nn.Module:
    return Pyramid(parts["cv1"], parts["cv2"], [parts["m"]], again=3)


def _concat(state: Mapping[str, Any], _: _Children) -> nn.Module:
    if state.get("d", 1) != 1:
        raise ValueError(f"joined along dimension {state['d']}")
    return Concat()


_MAKERS: dict[str, Callable[[Mapping[str, Any], _Children], nn.Module]] = {
    "Conv2d": _conv2d,
    "BatchNorm2d": _norm,
    "MaxPool2d": _pool,
    "Upsample": _upsample,
    "SiLU": lambda *_: nn.SiLU(inplace=True),
    "Hardswish": lambda *_: nn.Hardswish(inplace=True),
    "LeakyReLU": lambda state, _: nn.LeakyReLU(float(state["negative_slope"]), inplace=True),
    "ReLU": lambda *_: nn.ReLU(inplace=True),
    "Identity": lambda *_: nn.Identity(),
    "Sequential": lambda _, parts: nn.Sequential(*parts.values()),
    "ModuleList": lambda _, parts: nn.ModuleList(parts.values()),
    "Conv": _block,
    "DWConv": _block,
    "Bottleneck": _bottleneck,
    "C3": _c3,
    "SPP": _spp,
    "SPPF": _sppf,
    "Focus": lambda _, parts: Focus(parts["conv"]),
    "Concat": _concat,
    "Detect": lambda _, parts: Heads(list(parts["m"].children())),
}


def _scales(detect: Record, network: Record) -> list[Scale]:
    anchors = (detect.state.get("_buffers") or {}).get("anchors")
    strides = detect.state.get("stride", network.state.get("stride"))
    if not isinstance(anchors, Tensor) or anchors.ndim != 3 or not isinstance(strides, Tensor):
        raise DataError("expected anchors and strides in the checkpoint's Detect, got none")
    if len(strides) != len(anchors) or not bool((strides > 0).all()):
        raise DataError(f"expected a stride > 0 for each scale, got {strides.tolist()}")
    pixels = anchors.to(torch.float32) * strides.to(torch.float32).view(-1, 1, 1)
    return [
        Scale(int(stride), tuple((float(w), float(h)) for w, h in pairs))
        for stride, pairs in zip(strides.tolist(), pixels.tolist(), strict=True)
    ]


def _names(names: Any) -> list[str] | None:
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)]
    return [str(name) for name in names] if isinstance(names, list) else None
