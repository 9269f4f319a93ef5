"""A card of a PyTorch module."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.creation.data import describe_data
from modelward.modelcards.creation.project import environment_of
from modelward.modelcards.creation.templates import content_of_template, merged

_MOST_LAYERS = 200


def content_of_module(module: Any, *, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a module says of itself as a card's content.

    Raises `DataError` for what is no module.
    """
    if not hasattr(module, "named_parameters") or not hasattr(module, "state_dict"):
        raise DataError(f"expected a torch.nn.Module, got {type(module).__name__}")
    counts = [
        (key, parameter.numel(), parameter.requires_grad)
        for key, parameter in module.named_parameters()
    ]
    layers = [
        f"{key}: {_layer(layer)}"
        for key, layer in module.named_modules()
        if key and not list(layer.children())
    ]
    shown = layers[:_MOST_LAYERS] + (
        [f"and {len(layers) - _MOST_LAYERS} more"] if len(layers) > _MOST_LAYERS else []
    )
    parameters: dict[str, Any] = {
        "model_architecture": type(module).__name__
        + (f" ({len(layers)} layers)" if layers else ""),
        "layers": shown,
        "parameter_count": sum(count for _, count, _ in counts),
        "trainable_parameter_count": sum(count for _, count, trained in counts if trained),
        "state_fingerprint": state_fingerprint(module),
    }
    if data:
        parameters["data"] = describe_data(data)
    known = {
        "model_parameters": parameters,
        "environment": environment_of("torch", "torchvision", "numpy"),
    }
    return merged(content_of_template("classification", name=name or type(module).__name__), known)


def state_fingerprint(module: Any) -> str:
    """Give the SHA-256 of a module's state: names, types, shapes and values, in the order it has."""
    hasher = hashlib.sha256()
    for key, tensor in module.state_dict().items():
        if not hasattr(tensor, "detach"):
            hasher.update(f"{key}\0{tensor!r}\0".encode())
            continue
        plain = tensor.detach().cpu().contiguous()
        hasher.update(f"{key}\0{plain.dtype}\0{tuple(plain.shape)}\0".encode())
        hasher.update(plain.reshape(-1).view(_bytes()).numpy().tobytes())
    return "sha256:" + hasher.hexdigest()


def _bytes() -> Any:
    import torch

    return torch.uint8


def _layer(layer: Any) -> str:
    return " ".join(repr(layer).split())[:120]
