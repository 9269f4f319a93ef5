"""The verdict on the attacks of an assessment: the strongest on each detector, held against controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.survey import Part, Survey
from modelward.adversarial.matrix import Matrix, Task
from modelward.adversarial.results import Cell
from modelward.adversarial.scoring.matching import match
from modelward.adversarial.strength import Check, Strength, controls, judge, judge_share


def verdicts(
    matrix: Matrix,
    attacks: Mapping[str, Attack],
    known: Survey,
    cells: Sequence[Cell],
    *,
    n: int,
    jobs: int,
) -> tuple[Strength, ...]:
    """Judge the strongest attack with gradients on each source that is a target.

    Its controls run on the first `n` images; with n = 0, or where nothing is right there, what it left
    is held against what is usual.
    """
    found = []
    for name in matrix.sources:
        own = [c for c in cells if c.source == c.target == name and c.uses_gradient]
        if not own:
            continue
        strongest = _strongest(own)
        parts = known.first(n)
        held = _held(matrix.of(name), (name, attacks[strongest.attack]), parts, jobs)
        images = sum(len(part.ids) for part in parts) if held else 0
        if not held:
            clean = strongest.ap.value + strongest.drop.value
            held = [judge_share(clean, strongest.ap.value, eps=strongest.eps)]
        found.append(Strength(name, strongest.attack, images, tuple(held)))
    return tuple(found)


def _strongest(own: Sequence[Cell]) -> Cell:
    """Give the strongest attack of the smallest size that took half; where none did, of the largest.

    Where all is lost, stronger and weaker attacks look the same.
    """
    clean = own[0].ap.value + own[0].drop.value
    took = [c.eps for c in own if c.ap.value <= clean / 2]
    size = min(took) if took else max(c.eps for c in own)
    return min((c for c in own if c.eps == size), key=lambda c: c.ap.value)


def _held(matrix: Matrix, task: Task, parts: Sequence[Part], jobs: int) -> list[Check]:
    """Run the controls of an attack, and hold it against them."""
    name, attack = task
    against = {check: (name, each) for check, each in controls(attack).items()}
    if not parts:
        return []
    matrix.run(list(against.values()), parts, jobs=jobs, what=f"controls of {name}")
    clean = _ap(matrix, None, name, parts)
    if not clean > 0:
        return []
    left = _ap(matrix, task, name, parts)
    return list(judge(clean, left, {k: _ap(matrix, t, name, parts) for k, t in against.items()}))


def _ap(matrix: Matrix, task: Task | None, name: str, parts: Sequence[Part]) -> float:
    ids = [number for part in parts for number in part.ids]
    truth = [target for part in parts for target in part.targets]
    return match(matrix.seen(task, name, ids), truth, classes=matrix.data.classes).score().ap
