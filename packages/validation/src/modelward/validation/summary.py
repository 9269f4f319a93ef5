"""From the study to its result: the figures, the rules, and an honest list of what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.core.metrics import Estimate
from modelward.validation.boundary import slice_through
from modelward.validation.certainty import Certificate
from modelward.validation.domain import Floats, Output
from modelward.validation.explain import regions
from modelward.validation.result import StudyResult
from modelward.validation.words import percent

if TYPE_CHECKING:
    from modelward.validation.study import Study

_UNDECIDED = (0.1, 0.9)


def summarise(study: Study, *, hold: Mapping[str, Any]) -> StudyResult:
    """Sum up a study as it stands."""
    panel, certificate = study.surrogates(), study.certificate()
    p_fail = p_any(study)
    share = study.failure_probability()
    proven = certificate.failure_share
    low, high = proven.low or 0.0, 1.0 if proven.high is None else proven.high
    # The surrogates' share is the sharpest estimate, but never against what the audit proves.
    estimate = Estimate(min(max(share, low), high), low, high, study.level, certificate.n)
    rules, safe = regions(study)
    return StudyResult(
        name=study.name,
        seed=study.seed,
        rules=rules,
        safe=safe,
        failure_share=estimate,
        certificate=certificate,
        certainty=study.certainty(),
        self_assessed=float(np.maximum(p_fail, 1.0 - p_fail).mean()),
        standings=study.standings(),
        unknown=tuple(unknown(study)),
        stopped=study.stopped,
        config=_config(study),
        boundary=slice_through(study, panel, hold),
        runs=_rows(study),
    )


def p_any(study: Study) -> Floats:
    """Give the probability over the volume that any output fails."""
    passing = [1.0 - p for p in study.p_volume().values()]
    return np.asarray(1.0 - np.prod(passing, axis=0))


def unknown(study: Study) -> list[str]:
    """Say what is not known, in sentences. Raises `StateError` when nothing has been told."""
    study.surrogates()
    p_fail = p_any(study)
    return _unknown(study, study.certificate(), p_fail, float((p_fail > 0.5).mean()))


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
    law = (
        "uniformly from"
        if study.domain.distribution is None
        else "by the distribution given, within"
    )
    bounds = (
        f"What is proven holds for inputs drawn {law} the ranges given; nothing is said of "
        "what lies outside them, or of inputs that were not varied."
    )
    lines = [doubt, bounds]
    if certificate.n == 0:
        lines.append("No audit point has a result: nothing is proven of the verdicts.")
    if not any(failed):
        lines.append("No run failed: that no point fails is not shown by this.")
    if all(failed):
        lines.append("Every run failed: no point is known to be safe.")
    lines += [line for output in study.outputs if (line := _silent(study, output))]
    proven = certificate.failure_share
    if proven.excludes(share):
        lines.append(
            f"The surrogates hold {percent(share, 1)} of the space for failing, which the audit excludes: "
            "they are wrong somewhere."
        )
    crashed = sum(run.crash is not None for run in told)
    if crashed:
        they = "1 run crashed; it counts" if crashed == 1 else f"{crashed} runs crashed; they count"
        lines.append(f"{they} as failing, by how much is not known.")
    if study.pending:
        n = len(study.pending)
        lines.append(f"{n} proposed run{'s have' if n > 1 else ' has'} no result yet.")
    return lines


def _silent(study: Study, output: Output) -> str:
    values = np.array([r.results[output.name] for r in study.told if r.results is not None])
    if not len(values):
        return ""
    if np.ptp(values) == 0.0:
        return (
            f"Output '{output.name}' was {values[0]:g} in every run: where it would change was not "
            "seen."
        )
    low, high = float(values.min()), float(values.max())
    outside = [limit for limit in output.limits if not low <= limit <= high]
    if outside:
        return (
            f"The threshold {outside[0]:g} of output '{output.name}' lies outside all that was seen "
            f"({low:g} to {high:g}): whether anything reaches it is not known."
        )
    return ""


def _config(study: Study) -> dict[str, Any]:
    return {
        **study.domain.to_dict(),
        "outputs": [output.to_dict() for output in study.outputs],
        **study.settings.to_dict(),
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
