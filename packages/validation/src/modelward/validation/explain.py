"""What was learnt, for people: where it fails, what matters, how far from passing, what is open."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.validation.certainty import interval
from modelward.validation.counterfactual import NearestPassing, nearest_passing
from modelward.validation.domain import Bools, Floats
from modelward.validation.panel import Panel
from modelward.validation.rules import Rule, find_rules
from modelward.validation.runs import ANY, Run, margins
from modelward.validation.sensitivity import Sensitivity, sensitivity
from modelward.validation.slices import Pair, Slice, pair_over, slice_along

if TYPE_CHECKING:
    from modelward.validation.study import Study

_FLOPS = 4e10
"""What an explanation may cost: the surrogates' predictions are its price."""
_SHOWN, _CASES, _PAIRED = 12, 5, 4
_ENOUGH = 10
"""Audit points without which rules are not tested on them."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Rules, sensitivities by output, worst cases, nearest passing inputs, slices and pairs."""

    rules: tuple[Rule, ...]
    safe: tuple[Rule, ...]
    sensitivity: dict[str, tuple[Sensitivity, ...]]
    worst: tuple[dict[str, Any], ...]
    nearest: tuple[NearestPassing, ...]
    slices: tuple[Slice, ...]
    pairs: tuple[Pair, ...]
    unknown: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "rules": [rule.to_dict() for rule in self.rules],
            "safe": [rule.to_dict() for rule in self.safe],
            "sensitivity": {k: [s.to_dict() for s in v] for k, v in self.sensitivity.items()},
            "worst": list(self.worst),
            "nearest_passing": [n.to_dict() for n in self.nearest],
            "slices": [s.to_dict() for s in self.slices],
            "pairs": [p.to_dict() for p in self.pairs],
            "unknown": list(self.unknown),
        }


def explain(study: Study) -> Explanation:
    """Explain a study as it stands. Raises `StateError` when nothing has been told."""
    from modelward.validation.summary import unknown

    panel, domain = study.surrogates(), study.domain
    budget = int(np.clip(_FLOPS / max(1, min(study.n_told, 1_500)) ** 2, 8_000, 60_000))

    def p_any(x: Floats) -> Floats:
        return panel.p_fail(x)

    matters = {
        o.name: sensitivity(
            domain,
            lambda x, name=o.name: panel.p_fail(x, name),  # type: ignore[misc]
            evaluations=budget // (4 * len(study.outputs)),
            seed=study.seed,
        )
        for o in study.outputs
    }
    ranked = _ranked(study, matters)
    rules, safe = regions(study)
    return Explanation(
        rules=rules,
        safe=safe,
        sensitivity=matters,
        worst=tuple(_row(study, run) for run in worst_runs(study)),
        nearest=_nearest(study, panel),
        slices=_slices(study, p_any, ranked, budget // 4),
        pairs=_pairs(study, p_any, ranked, budget // 3),
        unknown=tuple(unknown(study)),
    )


def regions(study: Study) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Give rules for where it fails and where it holds, tested on audit points.

    The rules are found by surrogates that did not learn from the audit points which test them: the
    frozen ones, or models of the leading kind trained on all other runs.
    """
    audits = [r for r in study.told if r.kind == "audit" and r.frozen == study.frozen]
    panel = study.surrogates()
    if not study.frozen:
        others = [run for run in study.told if run.kind != "audit"]
        if len(audits) >= _ENOUGH and len(others) >= _ENOUGH:
            panel = _without_audits(study, others)
        else:
            audits = []
    fails = panel.fails(study.volume)
    rules = find_rules(study.domain, fails, study.volume)
    safe = find_rules(study.domain, fails, study.volume, outcome=False, most=2)
    return (
        tuple(_tested(study, rule, audits) for rule in rules),
        tuple(_tested(study, rule, audits) for rule in safe),
    )


def worst_runs(study: Study, *, n: int = _CASES) -> list[Run]:
    """Give the failed runs that are farthest beyond a limit, crashes first."""
    told = study.told
    depth = np.full(len(told), np.inf)
    for output in study.outputs:
        margin = margins(told, output)
        depth = np.minimum(depth, margin / (float(np.abs(margin).mean()) or 1.0))
    order = sorted(
        (i for i, run in enumerate(told) if run.failed(study.outputs)),
        key=lambda i: (told[i].crash is None, depth[i]),
    )
    return [told[i] for i in order[:n]]


def _without_audits(study: Study, others: list[Run]) -> Panel:
    panel = copy.copy(study.panel)
    unit = study.domain.to_unit([run.values for run in others])
    encoded = study.domain.encode(unit)
    panel.competitions = {}
    for output in study.outputs:
        competition = copy.copy(study.panel.competitions[output.name])
        leader = copy.copy(competition.leader)
        leader.model = copy.deepcopy(leader.model)
        leader.model.fit(encoded, margins(others, output), seed=study.seed)
        leader.trained = len(others)
        competition.competitors = [leader]
        panel.competitions[output.name] = competition
    return panel


def _tested(study: Study, rule: Rule, audits: list[Run]) -> Rule:
    inside = [run for run in study.told if rule.contains(run.values)]
    hits = sum(run.failed(study.outputs) == rule.fails for run in inside)
    rule = replace(rule, told=(len(inside), hits))
    if not audits:
        return rule
    tests = [run.failed(study.outputs) == rule.fails for run in audits if rule.contains(run.values)]
    return replace(
        rule,
        checked=interval(sum(tests), len(tests), level=study.level) if tests else None,
        volume=interval(len(tests), len(audits), level=study.level),
    )


def _ranked(study: Study, matters: dict[str, tuple[Sensitivity, ...]]) -> list[int]:
    """Features by the most that they matter for any output."""
    most = dict.fromkeys(study.domain.names, 0.0)
    for rows in matters.values():
        for row in rows:
            most[row.feature] = max(most[row.feature], row.permutation)
    names = study.domain.names
    return sorted(range(len(names)), key=lambda j: -most[names[j]])


def _slices(study: Study, p_fail: Any, ranked: list[int], budget: int) -> tuple[Slice, ...]:
    shown = sorted(ranked[:_SHOWN])
    n = 31
    others = study.volume[: int(np.clip(budget // (n * len(shown)), 8, 200))]
    return tuple(slice_along(study.domain, p_fail, others, j, n=n) for j in shown)


def _pairs(study: Study, p_fail: Any, ranked: list[int], budget: int) -> tuple[Pair, ...]:
    shown = sorted(ranked[:_PAIRED])
    both = [(x, y) for i, x in enumerate(shown) for y in shown[i + 1 :]]
    if not both:
        return ()
    n = 25 if len(study.domain) == 2 else 17
    others = study.volume[: int(np.clip(budget // (n * n * len(both)), 1, 40))]
    if len(study.domain) == 2:
        n, others = 41, study.volume[:1]
    return tuple(pair_over(study.domain, p_fail, others, x, y, n=n) for x, y in both)


def _nearest(study: Study, panel: Panel) -> tuple[NearestPassing, ...]:
    def fails(x: Floats) -> Bools:
        return panel.fails(x)

    unit = study._book.unit
    told = [run for run in study.told if not run.failed(study.outputs)]
    seen = unit[[run.id for run in told]]
    sure = study.volume[:1_024]
    passing = np.vstack([seen, sure[panel.p_fail(sure, ANY) < 0.2]])
    passing = passing[~fails(passing)] if len(passing) else passing
    found = [
        nearest_passing(study.domain, fails, unit[run.id], passing, run=run.id)
        for run in worst_runs(study)
    ]
    return tuple(one for one in found if one is not None)


def _row(study: Study, run: Run) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(output.name for output in study.outputs)
    return {"run": run.id, **run.values, **(run.results or blank), "crash": run.crash}
