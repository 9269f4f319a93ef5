"""The attacks by name, for configuration files and the command."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.fgsm import FGSM
from modelward.adversarial.attacks.noise import Noise
from modelward.adversarial.attacks.pgd import PGD
from modelward.core.errors import ConfigError

ATTACKS: dict[str, type[Attack]] = {"fgsm": FGSM, "noise": Noise, "pgd": PGD}
"""Every attack by its name in lower case."""


def make_attack(name: str, **settings: Any) -> Attack:
    """Make an attack from its name and settings.

    Raises `ConfigError` for an unknown name (with the nearest ones) or setting.

    >>> make_attack("pgd", eps=4 / 255, steps=5).label
    'PGD Untargeted 4/255'
    >>> make_attack("pdg")
    Traceback (most recent call last):
    ...
    modelward.core.errors.ConfigError: expected an attack of fgsm, noise, pgd, got 'pdg'
    <BLANKLINE>
    Hint: did you mean 'pgd'?
    """
    kind = ATTACKS.get(name.lower())
    if kind is None:
        near = get_close_matches(name.lower(), ATTACKS, n=1)
        raise ConfigError(
            f"expected an attack of {', '.join(ATTACKS)}, got {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    try:
        return kind(**settings)
    except TypeError as error:
        raise ConfigError(f"expected settings of the attack {name!r}, got {settings}") from error
