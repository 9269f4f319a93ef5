"""The page that shows the space: slices, pairs of features, and all features side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from modelward.core.pages import Figure, Html, Prose, Section, Table
from modelward.core.pages.blocks import Block
from modelward.validation.domain import Domain
from modelward.validation.server.pages import charts
from modelward.validation.server.pages.frame import fragment
from modelward.validation.server.service import Service

Json = dict[str, Any]
MOST_RUNS = 400
MOST_PAIRS, MOST_SLICES = 10, 12


def blocks(service: Service, job: int) -> list[Block]:
    """Give the blocks of the page."""
    # Drawn once for all who look: again when the models, or enough runs, are new.
    age = (service.explanation(job).get("told", 0), service.get_job(job)["runs"]["told"] // 20)
    return list(_drawn(service.database, service.tenant, job, age))


@lru_cache(maxsize=32)
def _drawn(database: Any, tenant: int, job: int, _: tuple[int, int]) -> tuple[Block, ...]:
    service = Service(database, tenant=tenant)
    explanation = service.explanation(job)
    space = service.get_scenario(service.get_job(job)["scenario_id"])
    runs = _some(service, job)
    if not runs:
        return (Prose("No run has been told yet."),)
    found: list[Block] = []
    if explanation.get("told"):
        found += _pairs(explanation, runs) + _slices(explanation) + _sensitivity(explanation)
    else:
        found.append(Prose("The models have not looked at the space yet."))
    found.append(Section("All features side by side", [_parallel(space, runs)]))
    return tuple(found)


def _some(service: Service, job: int) -> list[Json]:
    """Give told runs, evenly chosen where there are many."""
    runs: list[Json] = []
    after: int | None = -1
    while after is not None:
        page = service.list_runs(job, after=after, limit=1_000, state="told")
        runs += page["runs"]
        after = page["next"]
    step = len(runs) // MOST_RUNS + 1
    return runs[::-1][::step][::-1]


def _pairs(explanation: Json, runs: Sequence[Json]) -> list[Block]:
    pairs = (explanation.get("pairs") or [])[:MOST_PAIRS]
    figures = [
        Figure(
            charts.pair(each, runs),
            f"Probability of failure over {each['x']} and {each['y']}, with the boundary and runs.",
        )
        for each in pairs
    ]
    if not figures:
        return []
    words = (
        "Shaded: where it fails; olive: where the models are not sure (10 to 90 %); line: the "
        "boundary. Dots passed, crosses failed; runs lie off the plane in the other features."
    )
    grid = Html(fragment("grid.html", figures=figures))
    return [Section("Pairs of features", [Prose(words), grid])]


def _slices(explanation: Json) -> list[Block]:
    slices = (explanation.get("slices") or [])[:MOST_SLICES]
    figures = [
        Figure(charts.slice_(each), f"Probability of failure along {each['feature']}.")
        for each in slices
    ]
    if not figures:
        return []
    words = "P(fail) along one feature; the band shows how far it varies with the others."
    grid = Html(fragment("grid.html", figures=figures))
    return [Section("One feature at a time", [Prose(words), grid])]


def _sensitivity(explanation: Json) -> list[Block]:
    tables: list[Block] = [
        Table(
            f"How much each feature matters for {output}",
            ["feature", "alone (Sobol first)", "in all (Sobol total)", "shuffled"],
            [[r["feature"], r.get("first"), r.get("total"), r.get("permutation")] for r in rows],
        )
        for output, rows in (explanation.get("sensitivity") or {}).items()
    ]
    return [Section("What matters", tables)] if tables else []


def _parallel(space: Json, runs: Sequence[Json]) -> Html:
    domain = Domain.from_dict(
        {name: space[name] for name in ("features", "constraints", "distribution")}
    )
    unit = domain.to_unit([run["point"] for run in runs]).tolist()
    ends = [_ends(each) for each in space["features"]]
    lines = [(at, bool(run["failed"])) for at, run in zip(unit, runs, strict=True)]
    failed = sum(bad for _, bad in lines)
    return Html(
        fragment(
            "brushes.html",
            chart=charts.parallel(domain.names, ends, lines),
            alt=f"{len(lines)} runs across {len(ends)} features; {failed} of them failed.",
            caption="A line for each run: dashed orange failed, blue passed. Narrow the ranges below to "
            "see which runs pass through them.",
            names=domain.names,
        )
    )


def _ends(feature: Json) -> tuple[str, str]:
    if "levels" in feature:
        return str(feature["levels"][0]), str(feature["levels"][-1])
    return f"{feature['lower']:g}", f"{feature['upper']:g}"
