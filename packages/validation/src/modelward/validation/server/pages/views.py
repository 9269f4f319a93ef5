"""What the pages of a job show: how far it is, and who leads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from modelward.core.pages import Figure, Html, Notice, Prose, Section, Table, Tile, Tiles
from modelward.core.pages.blocks import Block
from modelward.validation.server.pages import charts
from modelward.validation.server.pages.frame import fragment
from modelward.validation.words import percent

Json = dict[str, Any]


def link(text: str, address: str) -> Markup:
    """Give a link for a cell of a table."""
    return Markup(str(fragment("link.html", text=text, address=address)).strip())  # noqa: S704


def job_list(
    jobs: Sequence[Json], systems: Mapping[int, str], scenarios: Mapping[int, str]
) -> list[Block]:
    """List jobs, the newest first."""
    if not jobs:
        return [
            Notice("There is no job yet."),
            Prose(
                "A client makes the first one: ValicyAPI(address=…, api_key=…), then "
                "system + scenario + 'name'."
            ),
        ]
    rows = [
        [
            link(job["name"], f"/jobs/{job['id']}"),
            systems.get(job["system_id"], ""),
            scenarios.get(job["scenario_id"], ""),
            job["runs"]["told"],
            job["runs"]["leased"],
            state(job),
            ago(job["created"]),
        ]
        for job in reversed(jobs)
    ]
    columns = ["job", "system", "scenario", "runs told", "under way", "state", "made"]
    return [Table("Jobs, the newest first", columns, rows)]


def state(job: Json) -> Tile:
    """Say whether a job goes on."""
    return (
        Tile("state", "stopped", status="neutral")
        if job["stopped"]
        else Tile("state", "goes on", status="good")
    )


def progress(
    job: Json, history: Sequence[Json], explanation: Json, space: Json, workers: int
) -> list[Block]:
    """Show how far a job is: figures, certainty over time, failure regions in words."""
    last: Json = history[-1] if history else {"outputs": {}, "standings": {}, "told": 0}
    targets = {each["name"]: each["certainty_target"] for each in space["outputs"]}
    blocks: list[Block] = []
    if job["stopped"]:
        blocks.append(Notice(f"No more runs are proposed: {job['stopped']}.", "neutral"))
    elif not workers:
        blocks.append(
            Notice(
                "No worker runs, so no runs are prepared: start one with "
                "`modelward validation worker`.",
                "warning",
            )
        )
    counts = job["runs"]
    tiles = [
        Tile(
            "Runs told",
            f"{counts['told']:,}",
            f"{counts['leased']} under way, {counts['ready']} ready",
        )
    ]
    for name, target in targets.items():
        tiles += _certainty_tiles(
            name, target, last["outputs"].get(name), last["standings"].get(name)
        )
    blocks.append(Tiles(tiles))
    if history:
        picture = charts.certainty(history, targets)
        blocks.append(
            Section(
                "How certainty grew",
                [
                    Figure(
                        picture,
                        f"Certainty of {', '.join(targets)} over {last['told']} told runs.",
                        "Solid: proven by points that no model chose; valid however often one looks. "
                        "Dashed: what the models say of themselves, which proves nothing. "
                        "Dotted: the target.",
                    )
                ],
            )
        )
    else:
        blocks.append(Prose("Nothing is learnt yet: the first results are awaited."))
    blocks.append(Section("Where it fails", failure(explanation)))
    unknown = explanation.get("unknown") or []
    if unknown:
        blocks.append(Section("What is not known", [_list(unknown)]))
    blocks.append(Section("What is tested", _space(space)))
    return blocks


def failure(explanation: Json) -> list[Block]:
    """Say in words where it fails, and where it holds."""
    if not explanation.get("told"):
        return [Prose("Nothing is known yet.")]
    blocks: list[Block] = []
    for key, empty, title in (
        ("rules", "No region was found that mostly fails.", ""),
        ("safe", "", "Where it holds"),
    ):
        words = [str(rule["words"]) for rule in explanation.get(key) or []]
        if words:
            blocks.append(Section(title, [_list(words)]) if title else _list(words))
        elif empty:
            blocks.append(Prose(empty))
    blocks.append(Prose(f"As the models saw it after {explanation['told']} told runs."))
    return blocks


def models(history: Sequence[Json], space: Json) -> list[Block]:
    """Show the competition: who leads for each output, and how the scores went."""
    if not history:
        return [Prose("No model has been scored yet.")]
    blocks: list[Block] = []
    for output in space["outputs"]:
        name = output["name"]
        standings = history[-1]["standings"].get(name) or []
        rows = [
            [
                Tile("", model["name"], status="good") if model.get("leader") else model["name"],
                model["log_loss"],
                model["n"],
                model.get("weight"),
                model.get("born"),
            ]
            for model in standings
        ]
        table = Table(
            f"Models of {name}, the leader marked",
            ["model", "mean log loss", "forecasts", "weight", "since run"],
            rows,
        )
        picture = Figure(
            charts.competition(history, name),
            f"Mean log loss of each model of {name}, by told runs; lower is better.",
            "Each model foretells a result before it is told, and is scored by it: lower is better.",
        )
        blocks.append(Section(name, [table, picture]))
    return blocks


def runs_table(page: Json, space: Json, job: int) -> Table:
    """List runs with their outcomes, points and results: on a phone the first columns are seen."""
    features = [each["name"] for each in space["features"]]
    outputs = [each["name"] for each in space["outputs"]]
    rows = []
    for run in page["runs"]:
        results = run["results"] or {}
        rows.append(
            [
                link(f"{run['number']}", f"/api/v1/jobs/{job}/runs/{run['number']}"),
                _verdict(run),
                *(run["point"].get(name) for name in features),
                *(results.get(name) for name in outputs),
                run["kind"],
                (run["crash"] or "")[:60],
            ]
        )
    columns = ["run", "outcome", *features, *outputs, "kind", "crash"]
    return Table(f"{len(rows)} runs", columns, rows)


def ago(at: float) -> str:
    """Say how long ago a moment was.

    >>> ago(time.time() - 7200)
    '2 h ago'
    """
    seconds = max(0.0, time.time() - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"


def _verdict(run: Json) -> Tile | str:
    if run["state"] != "told":
        return str(run["state"])
    if run["crash"]:
        return Tile("", "crashed", status="bad")
    return Tile("", "failed", status="bad") if run["failed"] else Tile("", "passed", status="good")


def _certainty_tiles(
    name: str, target: float, now: Json | None, standings: Sequence[Json] | None
) -> list[Tile]:
    if not now:
        return [Tile(f"Certainty of {name}", "–", f"target {percent(target)}")]
    proven = now.get("proven") or 0.0
    reached = bool(now.get("reached"))
    tiles = [
        Tile(
            f"Certainty of {name}, proven",
            percent(proven, 1),
            f"target {percent(target)}; {now.get('n_audit', 0)} audit points",
            "good" if reached else "neutral",
        )
    ]
    share = now.get("failure_probability") or {}
    if share.get("value") is not None:
        low, high = float(share.get("low") or 0.0), float(share.get("high") or 1.0)
        between = f"{percent(low, 1)} to {percent(high, 1)}"
        tiles.append(Tile(f"{name}: fails", percent(share["value"], 1), between))
    undecided = now.get("undecided") or {}
    if undecided.get("value") is not None:
        tiles.append(Tile(f"{name}: undecided", percent(undecided["value"], 1), "of the space"))
    leader = next((m["name"] for m in standings or [] if m.get("leader")), None)
    if leader:
        tiles.append(Tile(f"{name}: leading model", leader))
    return tiles


def _space(space: Json) -> list[Block]:
    features = [
        [
            each["name"],
            each["kind"].removeprefix("Feature").lower(),
            ", ".join(map(str, each["levels"]))
            if "levels" in each
            else f"{each['lower']:g} to {each['upper']:g}",
            each.get("scale") or "",
        ]
        for each in space["features"]
    ]
    outputs = [[each["name"], _limit(each), each["certainty_target"]] for each in space["outputs"]]
    blocks: list[Block] = [
        Table("Features", ["feature", "kind", "range", "scale"], features),
        Table("Outputs", ["output", "correct", "certainty target"], outputs),
    ]
    if space["constraints"]:
        blocks.append(_list(space["constraints"]))
    return blocks


def _limit(output: Json) -> str:
    limit = output["threshold"]
    if output["orientation"] == "between":
        return f"from {limit[0]:g} to {limit[1]:g}"
    return f"{'below' if output['orientation'] == 'lower' else 'from'} {limit:g}"


def _list(texts: Sequence[str]) -> Html:
    return Html(fragment("rules.html", rules=texts))
