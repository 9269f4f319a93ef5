"""What is attacked with what, by name; and whether it can be assessed together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.ensemble import Ensemble
from modelward.adversarial.data.base import DetectionData
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.strength import varied
from modelward.core.errors import DataError

Detectors = Detector | Sequence[Detector] | Mapping[str, Detector]


def named(detectors: Detectors) -> dict[str, Detector]:
    """Give detectors by name. Raises `DataError` for none, or two of one name."""
    if isinstance(detectors, Mapping):
        found = dict(detectors)
    else:
        several = list(detectors) if isinstance(detectors, Sequence) else [detectors]
        found = {detector.name: detector for detector in several}
        if len(found) < len(several):
            raise DataError(
                f"expected detectors of different names, got {[d.name for d in several]}",
                hint="give a mapping: {'first': detector, 'second': other}.",
            )
    if not found:
        raise DataError("expected at least one source and target, got none")
    return found


def shown(sources: Mapping[str, Detector]) -> dict[str, Detector]:
    """Give what images are shown to unless said otherwise: the sources, of ensembles the members."""
    found: dict[str, Detector] = {}
    for name, detector in sources.items():
        if isinstance(detector, Ensemble):
            behind = [d for d in detector.detectors if all(d is not o for o in sources.values())]
            found |= {each.name: each for each in behind if each.name not in found}
        else:
            found[name] = detector
    return found


def labelled(attacks: Attack | Sequence[Attack], eps: Sequence[float]) -> dict[str, Attack]:
    """Give attacks by label, each at every `eps`; labels that would be the same say what differs.

    Raises `DataError` for no attack, or the same one twice.

    >>> from modelward.adversarial import PGD
    >>> list(labelled([PGD(steps=5), PGD(steps=10)], []))
    ['PGD Untargeted 8/255 step=0.01569 steps=5', 'PGD Untargeted 8/255 step=0.007843 steps=10']
    """
    several = [attacks] if isinstance(attacks, Attack) else list(attacks)
    if not several:
        raise DataError("expected at least one attack, got none", hint="e.g. PGD(eps=8/255).")
    if len(eps):
        several = [varied(attack, eps=size) for attack in several for size in eps]
    found: dict[str, Attack] = {}
    for attack in several:
        alike = [other for other in several if other.label == attack.label]
        label = " ".join([attack.label, *_differing(attack, alike)])
        if label in found:
            raise DataError(f"expected each attack once, got {attack!r} twice")
        found[label] = attack
    return found


def _differing(attack: Attack, alike: Sequence[Attack]) -> list[str]:
    settings = [{k: _short(v) for k, v in other.settings.items()} for other in alike]
    own = {k: _short(v) for k, v in attack.settings.items()}
    return [f"{k}={own[k]}" for k in sorted(own) if len({s.get(k) for s in settings}) > 1]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def check(
    sources: Mapping[str, Detector],
    targets: Mapping[str, Detector],
    data: DetectionData,
) -> None:
    """Raise `DataError` for detectors and data that do not belong together."""
    if len(data) == 0:
        raise DataError("expected at least one image, got an empty data set")
    for name, detector in {**sources, **targets}.items():
        if tuple(detector.classes) != tuple(data.classes):
            raise DataError(
                f"expected data of the classes of '{name}' {_few(detector.classes)}, "
                f"got {_few(data.classes)}",
                hint="a label is an index into the class names: give the data the detector's, "
                "in their order.",
            )
        if name in sources and name in targets and sources[name] is not targets[name]:
            raise DataError(
                f"expected one detector called '{name}', got another of that name as a target",
                hint="give mappings with names of your own.",
            )


def _few(classes: Sequence[str]) -> str:
    return repr(tuple(classes)) if len(classes) <= 6 else f"({len(classes)}: {classes[0]!r}, …)"
