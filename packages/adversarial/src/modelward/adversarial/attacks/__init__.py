"""Attacks: one a file; settings in the constructor, data in the call."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.attacks.base import Attack
    from modelward.adversarial.attacks.fgsm import FGSM
    from modelward.adversarial.attacks.noise import Noise
    from modelward.adversarial.attacks.pgd import PGD
    from modelward.adversarial.attacks.registry import ATTACKS, make_attack

__all__ = ["ATTACKS", "FGSM", "PGD", "Attack", "Noise", "make_attack"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ATTACKS": "registry",
        "Attack": "base",
        "FGSM": "fgsm",
        "Noise": "noise",
        "PGD": "pgd",
        "make_attack": "registry",
    },
)
