"""Whether an attack was strong enough for what it left to mean anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from modelward.adversarial.attacks.base import Attack

SLACK = 0.05
"""Share of the clean AP by which a control may be ahead before the attack is called weak."""
USUAL = 0.25
"""Share of the clean AP that strong attacks of 2/255 or more leave of undefended detectors, at most.

ARES 2.0 (thu-ml/ares, COCO val2017, PGD of 2/255) leaves 7 to 20 % of ten detectors.
"""
FLOOR = 0.05
"""Share of the clean AP that may be left where the attack may do anything."""

Verdict = Literal["strong", "weak", "not examined"]


@dataclass(frozen=True, slots=True)
class Check:
    """One control of an attack's strength, what it found, and in plain words."""

    name: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Strength:
    """The verdict on one white-box attack, from controls run on the first `n` images (0: none were).

    An attack gives an upper bound on robustness: `weak` says that a control found a lower one, so that
    what is left says little; `strong` that none did.
    """

    detector: str
    attack: str
    n: int
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """`strong`, `weak`, or `not examined` where no controls were run and nothing speaks against it."""
        if not all(check.passed for check in self.checks):
            return "weak"
        return "strong" if self.checks and self.n else "not examined"

    def __str__(self) -> str:
        failed = [check.words for check in self.checks if not check.passed]
        held = (
            f"{len(self.checks)} controls on {self.n} images held" if self.n else "no controls ran"
        )
        said = "; ".join(failed) or held
        how = "was not examined" if self.verdict == "not examined" else f"is {self.verdict}"
        return f"{self.attack} on {self.detector} {how}: {said}"

    def to_dict(self) -> dict[str, Any]:
        """Give the verdict and its checks as plain values."""
        return {
            "detector": self.detector,
            "attack": self.attack,
            "n": self.n,
            "verdict": self.verdict,
            "checks": [asdict(check) for check in self.checks],
        }


def judge_share(clean: float, left: float, *, eps: float | None = None) -> Check:
    """Hold what a white-box attack left against what is usual in the field.

    >>> judge_share(0.4095, 0.2379).passed
    False
    >>> judge_share(0.337, 0.062, eps=2 / 255).passed
    True
    """
    share = left / clean if clean > 0 else math.nan
    usual = f"strong attacks leave less than {USUAL:.0%} of detectors that are not defended"
    small = eps is not None and eps < 2 / 255 - 1e-9
    passed = small or not share > USUAL  # written so that NaN passes: nothing was there to lose
    words = f"{share:.0%} of the clean AP are left; {usual}"
    return Check("usual share", passed, words if not small else f"{words}, from 2/255 on")


def controls(attack: Attack) -> dict[str, Attack]:
    """Give the attacks that a white-box attack is held against, by the name of the check.

    Random noise of its size; a single step; three restarts; twice the steps; a size that may do
    anything; and a black box, which knows less.
    """
    from modelward.adversarial.attacks.fgsm import FGSM
    from modelward.adversarial.attacks.noise import Noise
    from modelward.adversarial.attacks.registry import ATTACKS

    settings = attack.settings
    found: dict[str, Attack] = {"noise": Noise(eps=attack.eps, norm=attack.norm)}
    if not isinstance(attack, FGSM):
        found["single step"] = FGSM(eps=attack.eps, norm=attack.norm, objective=attack.objective)
    if "restarts" in settings and settings.get("random_start", True):
        found["restarts"] = varied(attack, restarts=settings["restarts"] + 2)
    if "steps" in settings:
        found["twice the steps"] = varied(attack, steps=2 * settings["steps"])
    huge = 0.5 if attack.norm == "linf" else 64 * attack.eps
    if "eps" in settings:
        found["huge eps"] = varied(attack, eps=huge)
    square = ATTACKS.get("square")
    if square is not None and attack.norm == "linf":
        found["black box"] = square(eps=attack.eps, queries=50)  # type: ignore[call-arg]
    return found


def varied(attack: Attack, **changes: Any) -> Attack:
    """Give the same attack with other settings; a step keeps its share of eps.

    >>> from modelward.adversarial import PGD
    >>> varied(PGD(eps=8 / 255, steps=10), eps=4 / 255).step * 255
    1.0
    """
    from modelward.adversarial.attacks.worst_case import WorstCase

    if isinstance(attack, WorstCase):
        return WorstCase(attacks=tuple(varied(each, **changes) for each in attack.attacks))
    settings = attack.settings
    if "eps" in changes and settings.get("step") is not None:
        settings["step"] *= changes["eps"] / attack.eps
    return type(attack)(**{**settings, **changes})


def judge(clean: float, left: float, held: Mapping[str, float]) -> Iterator[Check]:
    """Hold the AP an attack left against what its `controls` left of the same images."""
    slack = SLACK * clean
    for name, control in held.items():
        passed, words = _WORDS[name]
        ok = {
            "noise": left < control - slack,
            "huge eps": control <= FLOOR * clean,
        }.get(name, left <= control + slack)
        yield Check(name, ok, (passed if ok else words).format(left=left, control=control))


_WORDS = {
    "noise": (
        "leaves AP {left:.3f}, random noise of the same size {control:.3f}",
        "random noise of the same size leaves AP {control:.3f}, the attack {left:.3f}: it found little",
    ),
    "single step": (
        "leaves AP {left:.3f}, a single step {control:.3f}",
        (
            "a single step leaves AP {control:.3f}, less than all its steps ({left:.3f}): "
            "gradients may be masked, or the steps are wrong"
        ),
    ),
    "restarts": (
        "two more restarts leave AP {control:.3f} instead of {left:.3f}: no gain that counts",
        "two more restarts leave AP {control:.3f} instead of {left:.3f}: one start is not enough",
    ),
    "twice the steps": (
        "twice the steps leave AP {control:.3f} instead of {left:.3f}: no gain that counts",
        "twice the steps leave AP {control:.3f} instead of {left:.3f}: it had not arrived",
    ),
    "huge eps": (
        "where it may do anything it leaves AP {control:.3f}",
        (
            "where it may do anything it still leaves AP {control:.3f}: gradients are masked, or the "
            "objective does not lead to what AP counts"
        ),
    ),
    "black box": (
        "a black box leaves AP {control:.3f}, the attack {left:.3f}",
        (
            "a black box, which knows less, leaves AP {control:.3f} instead of {left:.3f}: "
            "gradients are masked"
        ),
    ),
}
