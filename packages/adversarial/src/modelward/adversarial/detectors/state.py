"""A module kept as it was: eval mode for a while, and a digest that tells any change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in eval mode, and restore the training flag of every part afterwards.

    A detector may freeze some of its batch norms in training mode; a plain `module.train()`
    afterwards would wake them.

    >>> module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2).eval())
    >>> with evaluating(module):
    ...     module[0].training
    False
    >>> module[0].training, module[1].training
    (True, False)
    """
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in flags:
            part.training = training


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Work in eval mode, and ask for no gradients of parameters; all flags are restored afterwards.

    A loss that is differentiated by the pixels alone then keeps no activations for the weights' sake:
    the same gradient in less memory, and on a CPU in less time.

    >>> module = nn.Linear(2, 1)
    >>> with frozen(module):
    ...     module.weight.requires_grad
    False
    >>> module.weight.requires_grad
    True
    """
    wanted = [part for part in module.parameters() if part.requires_grad]
    for part in wanted:
        part.requires_grad_(False)
    try:
        with evaluating(module):
            yield
    finally:
        for part in wanted:
            part.requires_grad_(True)


def state_digest(module: nn.Module) -> str:
    """Give the SHA-256 over name, type, shape and bytes of every parameter and buffer.

    >>> layer = nn.Linear(2, 1)
    >>> before = state_digest(layer)
    >>> _ = layer.weight.data.add_(1e-6)
    >>> state_digest(layer) == before
    False
    """
    hasher = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        content = value.detach().cpu().contiguous().reshape(-1)
        hasher.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        hasher.update(content.view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()
