"""The guide 'which method when', written from the study's own numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from modelward.monitoring.study.along import AFTER, BEFORE
from modelward.monitoring.study.rules import RULES
from modelward.monitoring.study.scenarios import SCENARIOS
from modelward.monitoring.study.windows import REFERENCE_ROWS

if TYPE_CHECKING:
    from modelward.monitoring.study.result import StudyResult

_LIMITS = """\
- Windows are drawn from one table each, with replacement, so their rows are independent. Rows of real
  streams hang together; see `compare(dependence=...)`.
- Constant limits are those in common use. Others would trade false alarms for changes found, and would
  have to be found anew for each size of window.
- Times are of the machine the study ran on, with the reference at hand as frame or sketch; they compare
  rules, and are no promise.
- A change that is found need not matter to a model, and one of the concept need not show in any
  column: estimate performance as well."""
_ANNOTATED = (
    "On real series in which five people marked changes (van den Burg and Williams 2020), a change "
    "counts as found when something is told within a tenth of the series after it:"
)
QUIET = 0.10
"""A rule is loud when at some size the interval of its share of false alarms lies wholly above this."""
_DOUBT = 0.05


def guide(result: StudyResult) -> str:
    """Write the guide as Markdown."""
    table = result.rules()
    sizes = sorted(set(table.index.get_level_values("n")))
    worst = _numbers(table["false_alarms"].groupby("rule", sort=False).max())
    surely = _numbers(table["false_alarms_low"].groupby("rule", sort=False).max())
    quiet = [rule for rule, share in surely.items() if share <= QUIET]
    parts = [
        "# Which drift method when",
        "Written by `modelward monitoring study` from the numbers of its own run: do not edit.",
        _how(result, sizes),
        "## In short",
        _lines(_advice(result, worst, quiet)),
        "## False alarms and changes found, by rows of the window",
        "![False alarms and changes found](drift-methods-rules.svg)",
        _rules(table, sizes),
        _calibration(result, table, sizes),
        "## Which change is found by which rule",
        "![Changes found by scenario](drift-methods-scenarios.svg)",
        _lines(
            f"*{s.name}* ({s.kind}; {s.source}): {s.words}."
            for s in SCENARIOS
            if s.name in set(result.windows["subject"])
        ),
        _best(result, quiet),
        "## Along a stream",
        _streams(result),
        "## What this does not show",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _how(result: StudyResult, sizes: Sequence[int]) -> str:
    seeds, streams = result.windows["seed"].nunique(), result.streams["seed"].nunique()
    return (
        f"Each rule learned from {REFERENCE_ROWS:,} rows and judged windows of "
        f"{_listed(f'{n:,}' for n in sizes)} rows: one as before and one changed, in "
        f"{result.windows['subject'].nunique()} scenarios of known change, {seeds} seeds each, the "
        f"same rows for all. Streams had {BEFORE:,} healthy rows after a warm-up and {AFTER:,} "
        f"changed ones, {streams} seeds. Intervals are of 95 %."
    )


def _advice(result: StudyResult, worst: Mapping[str, float], quiet: Sequence[str]) -> Iterable[str]:
    loud = [rule for rule in worst if rule not in quiet]
    by_rule = result.windows.groupby("rule", sort=False)
    power, cost = _numbers(by_rule["found"].mean()), _numbers(by_rule["milliseconds"].median())
    if quiet:
        best = max(quiet, key=power.__getitem__)
        yield (
            f"**{best}** found most ({power[best]:.0%}, in {cost[best]:.3g} ms a window) of the rules "
            f"of which it is not sure that they alarm on more than {QUIET:.0%} of healthy windows."
        )
        quick = [rule for rule in quiet if cost[rule] < 10]
        if quick and best not in quick:
            best = max(quick, key=power.__getitem__)
            yield f"**{best}** did of those that take less than 10 ms ({power[best]:.0%})."
        fast = min(quiet, key=cost.__getitem__)
        yield f"**{fast}** was the cheapest of these, {cost[fast]:.3g} ms a window."
    if loud:
        said = _listed(f"{rule} ({worst[rule]:.0%})" for rule in loud)
        yield (
            f"Not to be trusted as they stand, for at some size surely more than {QUIET:.0%} of healthy "
            f"windows alarm (seen at worst): {said}."
        )
    for kind in dict.fromkeys(s.kind for s in SCENARIOS):
        names = [s.name for s in SCENARIOS if s.kind == kind]
        rows = result.windows[result.windows["subject"].isin(names)]
        if quiet and len(rows):
            shares = _numbers(rows.groupby("rule", sort=False)["found"].mean())
            top = sorted(quiet, key=lambda rule: -shares[rule])[:2]
            told = _listed(f"{rule} found {shares[rule]:.0%}" for rule in top)
            yield f"Change of {kind}: {told}."
    delays = result.delays().groupby("rule", sort=False)
    false, found = _numbers(delays["false_alarms"].mean()), _numbers(delays["found"].mean())
    calm = [rule for rule, share in false.items() if share <= QUIET]
    if calm:
        best = max(calm, key=found.__getitem__)
        yield (
            f"Along a stream **{best}** found {found[best]:.0%} of the changes, with "
            f"{false[best]:.0%} of healthy streams alarmed."
        )


def _rules(table: pd.DataFrame, sizes: Sequence[int]) -> str:
    head = ["rule", *(f"false, {n:,}" for n in sizes), *(f"found, {n:,}" for n in sizes), "ms"]
    lines = []
    for rule in dict.fromkeys(table.index.get_level_values("rule")):
        rows = table.loc[rule]
        cells = [f"{rows['false_alarms'][n]:.0%}" for n in sizes]
        cells += [f"{rows['found'][n]:.0%}" for n in sizes]
        lines.append([rule, *cells, f"{rows['milliseconds'].median():.3g}"])
    return _table(head, lines)


def _calibration(result: StudyResult, table: pd.DataFrame, sizes: Sequence[int]) -> str:
    lines = []
    checks = len(sizes) * sum(rule.promise is not None for rule in RULES)
    for rule in RULES:
        if rule.promise is None or rule.name not in table.index.get_level_values("rule"):
            continue
        whole = result.windows[result.windows["rule"] == rule.name]
        rows = table.loc[[rule.name]].droplevel("rule")
        counts = (
            (round(rows["false_alarms"][n] * rows["trials"][n]), rows["trials"][n]) for n in sizes
        )
        kept = all(_chance(k, n, rule.promise) > _DOUBT / checks for k, n in counts)
        spans = [
            f"{rows['false_alarms_low'][n]:.0%} to {rows['false_alarms_high'][n]:.0%}"
            for n in sizes
        ]
        share = f"{whole['false_alarm'].mean():.1%}"
        lines.append(
            [rule.name, f"{rule.promise:.0%}", share, *spans, "kept" if kept else "**broken**"]
        )
    head = ["rule", "promised at most", "seen", *(f"interval, {n:,}" for n in sizes), "promise"]
    return (
        "Calibration: of the rules that promise a share of false alarms, what was seen. A promise "
        f"counts as broken where so many alarms had a chance of less than {_DOUBT:.0%} over all "
        f"{checks} checks (exact binomial, Bonferroni).\n\n" + _table(head, lines)
    )


def _chance(found: int, n: int, share: float) -> float:
    """Give the chance of so many alarms, or more, where the promise is kept."""
    from scipy import stats

    return float(stats.binom.sf(found - 1, n, share))


def _best(result: StudyResult, quiet: Sequence[str]) -> str:
    table = result.scenarios().loc[list(quiet)]
    if not quiet:
        return ""
    lines = []
    for name in table:
        shares = _numbers(table[name])
        top = sorted(shares, key=lambda rule: -shares[rule])[:3]
        lines.append([str(name), *(f"{rule} ({shares[rule]:.0%})" for rule in top)])
    head = ["change", "found most by", "then", "then"]
    return "Of the quiet rules:\n\n" + _table(head[: len(lines[0])], lines)


def _streams(result: StudyResult) -> str:
    lines = [
        [
            str(row["rule"]),
            str(row["subject"]),
            f"{row['false_alarms']:.0%}",
            f"{row['found']:.0%}",
            "-" if pd.isna(row["delay"]) else f"{row['delay']:.0f}",
            f"{row['milliseconds']:.3g}",
        ]
        for row in result.delays().reset_index().to_dict("records")
    ]
    head = ["detector", "stream", "alarmed before", "found", "median delay, rows", "ms a stream"]
    parts = ["![Delays](drift-methods-delays.svg)", _table(head, lines)]
    if len(result.annotated):
        rows = [
            [
                str(row["rule"]),
                f"{row['series']:.0f}",
                "-" if pd.isna(row["found"]) else f"{row['found']:.0%}",
                f"{row['false']:.2g}",
            ]
            for row in result.series().reset_index().to_dict("records")
        ]
        parts += [
            _ANNOTATED,
            _table(["detector", "series", "found", "false, a series"], rows),
        ]
    return "\n\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def _lines(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _listed(items: Iterable[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def _numbers(series: pd.Series[Any]) -> dict[str, float]:
    return {str(key): float(value) for key, value in series.items()}
