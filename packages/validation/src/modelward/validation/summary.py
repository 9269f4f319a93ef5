"""From the study to its result: the figures, the rules, and an honest list of what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.core.metrics import Estimate
from modelward.validation.boundary import slice_through
from modelward.validation.certainty import Certificate, interval
from modelward.validation.explain import Rule, find_rules
from modelward.validation.result import StudyResult
from modelward.validation.words import percent

if TYPE_CHECKING:
    from modelward.validation.study import Study

_UNDECIDED = (0.1, 0.9)


def summarise(study: Study, *, hold: Mapping[str, float]) -> StudyResult:
    """Sum up a study as it stands."""
    panel, certificate = study.surrogates(), study.certificate()
    p_fail = panel.p_fail(study.volume)
    fails = panel.fails(study.volume)
    share = float(fails.mean())
    proven = certificate.failure_share
    low, high = proven.low or 0.0, 1.0 if proven.high is None else proven.high
    # The surrogates' share is the sharpest estimate, but never against what the audit proves.
    estimate = Estimate(min(max(share, low), high), low, high, study.level, certificate.n)
    rules = find_rules(study.domain, fails, study.volume)
    safe = find_rules(study.domain, fails, study.volume, outcome=False, most=1)
    return StudyResult(
        name=study.name,
        seed=study.seed,
        rules=tuple(_checked(study, rule) for rule in rules),
        safe=tuple(_checked(study, rule) for rule in safe),
        failure_share=estimate,
        certificate=certificate,
        self_assessed=float(np.maximum(p_fail, 1.0 - p_fail).mean()),
        standings=study.standings(),
        unknown=tuple(_unknown(study, certificate, p_fail, share)),
        stopped=study.stopped,
        config=_config(study),
        boundary=slice_through(study, hold),
        runs=_rows(study),
    )


def _checked(study: Study, rule: Rule) -> Rule:
    """Count the runs in a rule's region; only audits of the frozen surrogate test it."""
    inside = [run for run in study.told if rule.contains(run.values)]
    hits = [run.failed(study.outputs) == rule.fails for run in inside]
    tests = [hit for run, hit in zip(inside, hits, strict=True) if run.frozen]
    checked = interval(sum(tests), len(tests), level=study.level) if tests else None
    return replace(rule, told=(len(inside), sum(hits)), checked=checked)


def _unknown(
    study: Study, certificate: Certificate, p_fail: np.ndarray[Any, Any], share: float
) -> list[str]:
    told = study.told
    failed = [run.failed(study.outputs) for run in told]
    undecided = float(((p_fail > _UNDECIDED[0]) & (p_fail < _UNDECIDED[1])).mean())
    doubt = (
        f"{percent(undecided, 1)} of the space is undecided by the surrogates' own account (P(fail) "
        f"between {percent(_UNDECIDED[0])} and {percent(_UNDECIDED[1])}), which proves nothing."
    )
    bounds = (
        "What is proven holds for inputs drawn uniformly from the ranges given; nothing is said of "
        "what lies outside them, or of inputs that were not varied."
    )
    lines = [doubt, bounds]
    if certificate.n == 0:
        lines.append("No audit point has a result: nothing is proven of the verdicts.")
    if not any(failed):
        lines.append("No run failed: that no point fails is not shown by this.")
    if all(failed):
        lines.append("Every run failed: no point is known to be safe.")
    lines += [line for output in study.outputs if (line := _silent(study, output.name))]
    proven = certificate.failure_share
    if proven.excludes(share):
        lines.append(
            f"The surrogates hold {percent(share, 1)} of the space for failing, which the audit excludes: "
            "they are wrong somewhere."
        )
    crashed = sum(run.crash is not None for run in told)
    if crashed:
        lines.append(f"{crashed} runs crashed; they count as failing, by how much is not known.")
    if study.pending:
        lines.append(f"{len(study.pending)} proposed runs have no result yet.")
    return lines


def _silent(study: Study, output: str) -> str:
    values = {run.results[output] for run in study.told if run.results is not None}
    if len(values) != 1:
        return ""
    return (
        f"Output '{output}' was {values.pop():g} in every run: where it would change was not seen."
    )


def _config(study: Study) -> dict[str, Any]:
    proposer = study.proposer
    return {
        "features": study.domain.to_dict(),
        "outputs": [asdict(output) for output in study.outputs],
        "initial": proposer.initial,
        "explore": proposer.explore,
        "audit": proposer.audit,
        "level": study.level,
        "inputs": "uniform on each feature's scale",
    }


def _rows(study: Study) -> tuple[dict[str, Any], ...]:
    blank: dict[str, Any] = dict.fromkeys(output.name for output in study.outputs)
    return tuple(
        {
            "run": run.id,
            **run.values,
            **(run.results or blank),
            "kind": run.kind,
            "failed": run.failed(study.outputs),
            "crash": run.crash,
        }
        for run in study.told
    )
