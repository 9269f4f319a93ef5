"""Whether the numbers can be trusted: the checks every assessment goes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelward.adversarial.results import Attacked
from modelward.core.metrics import Estimate

TOLERANCE = 0.01
"""AP by which a stronger attack may be behind before it is called weak."""


def warnings_on(clean: Estimate, attacks: Sequence[Attacked]) -> tuple[str, ...]:
    """Say in plain sentences what speaks against the figures; empty when nothing does.

    An attack is an upper bound on robustness: these checks find bounds that are too loose.
    """
    found: list[str] = []
    if clean.value < 0.2:
        found.append(f"the clean AP is only {clean.value:.3f}: there is little to attack")
    if not any(a.name == "Noise" for a in attacks):
        found.append("there is no noise baseline to hold the attacks against: add Noise(eps=...)")
    found.extend(_no_better_than_noise(attacks))
    found.extend(_pgd_behind_fgsm(attacks))
    found.extend(_larger_eps_weaker(attacks))
    return tuple(found)


def _no_better_than_noise(attacks: Sequence[Attacked]) -> Iterator[str]:
    for noise in (a for a in attacks if a.name == "Noise"):
        for attack in attacks:
            if attack.uses_gradient and attack.eps <= noise.eps and _behind(attack, noise, 0.0):
                yield (
                    f"{attack.label} leaves AP {attack.ap.value:.3f}, no less than "
                    f"{noise.label} ({noise.ap.value:.3f}): the attack found nothing"
                    if attack.eps == noise.eps
                    else f"{noise.label} costs as much as {attack.label}: "
                    "the detector is sensitive to plain noise"
                )


def _pgd_behind_fgsm(attacks: Sequence[Attacked]) -> Iterator[str]:
    for fgsm in (a for a in attacks if a.name == "FGSM"):
        for pgd in (a for a in attacks if a.name == "PGD"):
            if _alike(fgsm, pgd) and fgsm.eps == pgd.eps and _behind(pgd, fgsm, TOLERANCE):
                yield (
                    f"{pgd.label} leaves AP {pgd.ap.value:.3f}, more than {fgsm.label} "
                    f"({fgsm.ap.value:.3f}): gradients may be masked, or PGD needs more steps"
                )


def _larger_eps_weaker(attacks: Sequence[Attacked]) -> Iterator[str]:
    for small in attacks:
        for large in attacks:
            same = small.name == large.name and _alike(small, large)
            if same and small.eps < large.eps and _behind(large, small, TOLERANCE):
                yield (
                    f"{large.label} leaves AP {large.ap.value:.3f}, more than {small.label} "
                    f"({small.ap.value:.3f}): a larger eps must not be weaker"
                )


def _behind(attack: Attacked, other: Attacked, tolerance: float) -> bool:
    """Whether an attack leaves at least as much AP as another that should not be stronger."""
    return attack.ap.value - other.ap.value >= tolerance


def _alike(a: Attacked, b: Attacked) -> bool:
    return a.settings.get("objective") == b.settings.get("objective")
