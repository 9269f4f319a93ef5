"""Defences under test: what is done to an image before a detector sees it."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.defences.base import Defence, straight_through
    from modelward.adversarial.defences.bit_depth import BitDepth
    from modelward.adversarial.defences.blur import Blur
    from modelward.adversarial.defences.custom import Custom
    from modelward.adversarial.defences.defended import Defended
    from modelward.adversarial.defences.jpeg import JPEG
    from modelward.adversarial.defences.random_resize import RandomResize
    from modelward.adversarial.defences.study import DefenceResult, assess_defence

__all__ = [
    "JPEG",
    "BitDepth",
    "Blur",
    "Custom",
    "Defence",
    "DefenceResult",
    "Defended",
    "RandomResize",
    "assess_defence",
    "straight_through",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "BitDepth": "bit_depth",
        "Blur": "blur",
        "Custom": "custom",
        "Defence": "base",
        "DefenceResult": "study",
        "Defended": "defended",
        "JPEG": "jpeg",
        "RandomResize": "random_resize",
        "assess_defence": "study",
        "straight_through": "base",
    },
)
