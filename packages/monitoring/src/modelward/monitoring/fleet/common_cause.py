"""Common causes: a column that went bad in more models at once than chance would give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

LEAST_MODELS = 3
ALPHA = 0.01
"""The rate of windows, among those without a common cause, in which one is told all the same."""
_PRIOR_TESTS, _PRIOR_RATE = 20, 0.05
_SAME = 0.5

Column = tuple[str, str]
"""A column as the fleet knows it: the declared source ("" where none is), and the name in it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Of one model's window: the columns that were judged, and those that have just gone bad."""

    model: str
    judged: frozenset[Column]
    bad: frozenset[Column]


@dataclass(frozen=True, slots=True)
class Cause:
    """Columns that went bad together, the models in which they did, and how sure that is.

    `expected` is the number of models that chance would give; `p_value` that of as many or more,
    corrected for the number of columns looked at.
    """

    columns: tuple[Column, ...]
    members: frozenset[str]
    judged: int
    expected: float
    p_value: float
    rule: str = field(default="", compare=False)


def common_causes(
    seen: Sequence[Columns], *, alpha: float = ALPHA, least: int = LEAST_MODELS
) -> tuple[Cause, ...]:
    """Find the columns that went bad in more models than chance would give, the surest first.

    Were the alarms of different models independent, the number of models in which a column goes bad
    would be binomial. Its rate is that at which other columns went bad in the models where this one
    did not, drawn a little towards 5 % (as if 20 more had been judged at that rate), so that a fleet
    with few columns has a rate too. A column is a common cause when at least `least` models have it
    and the chance of so many, times the number of columns, is at most `alpha` (Bonferroni). Columns
    that went bad in largely the same models (half of all of them) are one cause.

    >>> healthy = [Columns(f"m{i}", frozenset({("", "a"), ("", "b")}), frozenset()) for i in range(90)]
    >>> broken = [Columns(f"x{i}", frozenset({("", "a"), ("", "b")}), frozenset({("", "a")}))
    ...           for i in range(10)]
    >>> [(cause.columns, len(cause.members)) for cause in common_causes(healthy + broken)]
    [((('', 'a'),), 10)]
    """
    members: dict[Column, set[str]] = defaultdict(set)
    judged: dict[Column, int] = defaultdict(int)
    for each in seen:
        for column in each.judged:
            judged[column] += 1
        for column in each.bad:
            members[column].add(each.model)
    counts = {each.model: (len(each.bad), len(each.judged)) for each in seen}
    total = (sum(bad for bad, _ in counts.values()), sum(n for _, n in counts.values()))
    found = []
    for column, having in members.items():
        if len(having) < least:
            continue
        cause = _judge(column, having, judged, counts, total)
        if cause.p_value <= alpha:
            found.append(cause)
    return _joined(sorted(found, key=lambda c: (c.p_value, -len(c.members), c.columns)), alpha)


def _judge(
    column: Column,
    having: set[str],
    judged: Mapping[Column, int],
    counts: Mapping[str, tuple[int, int]],
    total: tuple[int, int],
) -> Cause:
    from scipy.special import bdtrc  # scipy.stats would take a second to import

    theirs = [counts[name] for name in having]
    bad = total[0] - sum(b for b, _ in theirs)
    tested = total[1] - sum(n for _, n in theirs) - (judged[column] - len(having))
    rate = (bad + _PRIOR_TESTS * _PRIOR_RATE) / (tested + _PRIOR_TESTS)
    chance = float(bdtrc(len(having) - 1, judged[column], min(1.0, rate)))
    return Cause(
        columns=(column,),
        members=frozenset(having),
        judged=judged[column],
        expected=judged[column] * rate,
        p_value=min(1.0, chance * len(judged)),
    )


def _joined(causes: Iterable[Cause], alpha: float) -> tuple[Cause, ...]:
    """Put columns together whose members are largely the same."""
    groups: list[list[Cause]] = []
    for cause in causes:
        for group in groups:
            first = group[0].members
            if len(first & cause.members) >= _SAME * len(first | cause.members):
                group.append(cause)
                break
        else:
            groups.append([cause])
    return tuple(_one(group, alpha) for group in groups)


def _one(group: Sequence[Cause], alpha: float) -> Cause:
    first = group[0]
    return Cause(
        columns=tuple(column for cause in group for column in cause.columns),
        members=frozenset().union(*(cause.members for cause in group)),
        judged=first.judged,
        expected=first.expected,
        p_value=first.p_value,
        rule=(
            f"{len(first.members)} of {first.judged} models with the column, "
            f"{first.expected:.2g} expected by chance: binomial p = {first.p_value:.1e} over all "
            f"columns, at most {alpha:g}"
        ),
    )
