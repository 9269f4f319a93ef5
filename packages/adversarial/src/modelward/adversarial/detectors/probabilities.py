"""From the probabilities a head gives to objectness and class logits, as objectives use them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def softmax_logits(logits: Tensor, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Split a softmax over labels `(..., L)` into objectness `(...)` and class logits `(..., C)`.

    The objectness is the log-odds of a label of `numbers`, a class logit that of the class among them:
    sigmoid times sigmoid is the softmax itself. What is in no label of `numbers` is background.

    >>> o, c = softmax_logits(torch.tensor([[0.0, 1.0, 2.0]]), numbers=(1, 2))
    >>> torch.allclose(o.sigmoid()[:, None] * c.sigmoid(), torch.tensor([[0.2447, 0.6652]]), atol=1e-4)
    True
    """
    own = logits[..., list(numbers)]
    other = torch.ones(logits.shape[-1], dtype=torch.bool, device=logits.device)
    other[list(numbers)] = False
    objectness = own.logsumexp(dim=-1) - logits[..., other].logsumexp(dim=-1)
    return objectness, logit_of(functional.log_softmax(own, dim=-1))


def independent_logits(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Split one sigmoid a class `(..., C)` into objectness `(...)` and class logits `(..., C)`.

    The objectness is the log-odds that any class is there, were they independent, and a class logit that
    of the class given so: sigmoid times sigmoid is the class's own sigmoid.

    >>> o, c = independent_logits(torch.tensor([[0.0, 1.0]]))
    >>> torch.allclose(o.sigmoid()[:, None] * c.sigmoid(), torch.tensor([[0.5, 0.7311]]), atol=1e-4)
    True
    """
    nothing = -functional.softplus(logits).sum(dim=-1)  # log-probability of no class at all
    anything = torch.log(-torch.expm1(nothing.clamp(max=-1e-6)))
    return anything - nothing, logit_of(functional.logsigmoid(logits) - anything[..., None])


def logit_of(log_share: Tensor) -> Tensor:
    """Give the logit of a probability from its logarithm, which is at most 0."""
    return log_share - torch.log(-torch.expm1(log_share.clamp(max=-1e-6)))
