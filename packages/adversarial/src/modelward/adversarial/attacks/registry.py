"""The attacks by name, for configuration files and the command."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from modelward.adversarial.attacks.apgd import APGD
from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.bim import BIM
from modelward.adversarial.attacks.boundary import Boundary
from modelward.adversarial.attacks.corruption import Corruption
from modelward.adversarial.attacks.dag import DAG
from modelward.adversarial.attacks.di2_fgsm import DI2FGSM
from modelward.adversarial.attacks.dpatch import DPatch
from modelward.adversarial.attacks.fgsm import FGSM
from modelward.adversarial.attacks.mi_fgsm import MIFGSM
from modelward.adversarial.attacks.nes import NES
from modelward.adversarial.attacks.ni_fgsm import NIFGSM
from modelward.adversarial.attacks.noise import Noise
from modelward.adversarial.attacks.pgd import PGD
from modelward.adversarial.attacks.random_search import RandomSearch
from modelward.adversarial.attacks.rays import RayS
from modelward.adversarial.attacks.robust_dpatch import RobustDPatch
from modelward.adversarial.attacks.si_fgsm import SIFGSM
from modelward.adversarial.attacks.square import Square
from modelward.adversarial.attacks.ti_fgsm import TIFGSM
from modelward.adversarial.attacks.tog import TOG
from modelward.adversarial.attacks.vmi_fgsm import VMIFGSM
from modelward.adversarial.attacks.worst_case import WorstObjective
from modelward.adversarial.objectives import make_objective
from modelward.core.errors import ConfigError

ATTACKS: dict[str, type[Attack]] = {
    kind.__name__.lower(): kind
    for kind in (
        Noise,
        FGSM,
        BIM,
        PGD,
        APGD,
        MIFGSM,
        NIFGSM,
        DI2FGSM,
        TIFGSM,
        SIFGSM,
        VMIFGSM,
        TOG,
        DAG,
        WorstObjective,
        Square,
        NES,
        RandomSearch,
        Boundary,
        RayS,
        DPatch,
        RobustDPatch,
        Corruption,
    )
}
"""Every attack that can be made from settings alone, by its name in lower case."""


def make_attack(name: str, **settings: Any) -> Attack:
    """Make an attack from its name and settings.

    An `objective` may be given by name, or as a name with its settings (`make_objective`), and several of
    them as `objectives`. Raises `ConfigError` for an unknown name (with the nearest ones) or setting.

    >>> make_attack("pgd", eps=4 / 255, steps=5).label
    'PGD Untargeted 4/255'
    >>> make_attack("pdg")
    Traceback (most recent call last):
    ...
    modelward.core.errors.ConfigError: expected an attack of noise, fgsm, ..., got 'pdg'
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
    if "objective" in settings:
        settings["objective"] = make_objective(settings["objective"])
    if "objectives" in settings:
        settings["objectives"] = tuple(make_objective(each) for each in settings["objectives"])
    try:
        return kind(**settings)
    except TypeError as error:
        raise ConfigError(f"expected settings of the attack {name!r}, got {settings}") from error
