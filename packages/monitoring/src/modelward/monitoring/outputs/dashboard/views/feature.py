"""One feature of a model: the reference against a window, and how far it moved over time."""

from __future__ import annotations

from modelward.core.errors import DataError
from modelward.core.pages import Block, Notice, Section, Table, Tile, Tiles
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.outputs.dashboard.addresses import address, link, shown, window_text
from modelward.monitoring.outputs.dashboard.pictures import distribution_picture, feature_picture
from modelward.monitoring.outputs.dashboard.problems import NotFoundError
from modelward.monitoring.outputs.dashboard.render import View
from modelward.monitoring.outputs.dashboard.views import cells
from modelward.monitoring.outputs.dashboard.views.model import judged, known
from modelward.monitoring.sketch.numeric import NumericSketch

_WINDOWS = 60


def feature_view(fleet: Fleet, model: str, name: str, window: Window | None) -> View:
    """Give the page of a feature. Raises `NotFoundError` for a model or feature that is not there."""
    known(fleet, model)
    result = judged(fleet, model, window)
    if result is None:
        raise NotFoundError(f"expected a model with a judged window, got {model[:80]!r}")
    try:
        found = result[name]
        history = fleet.feature_history(model, name, _WINDOWS)
    except DataError as error:
        raise NotFoundError(f"expected a feature of the model, got {name[:80]!r}") from error
    blocks: list[Block] = [_notice(found, result), _tiles(found)]
    drawn = distribution_picture(result, name)
    if drawn is not None:
        blocks.append(Section("Reference and window", [drawn, *_summary(result, name)]))
    over_time = feature_picture(history)
    if over_time is not None:
        blocks.append(Section("Over time", [over_time]))
    table = Table(
        "Judged windows, the newest first",
        ("window", "verdict", "change of a share", "shift of the mean, sd", "q-value", "in words"),
        [
            (
                link(cells.stretch(w), "/feature", model=model, name=name, window=window_text(w)),
                cells.state(f.verdict),
                cells.whole(cells.interval(f.test.effect)),
                None if f.test.shift is None else round(f.test.shift.value, 3),
                cells.chance(f.q_value),
                cells.words(f.words),
            )
            for w, f in reversed(history)
        ],
    )
    blocks.append(Section("Windows", [table]))
    return View(
        title=shown(name),
        lead="",
        blocks=blocks,
        trail=[("Fleet", "/"), (shown(model), address("/model", name=model))],
    )


def _notice(found: FeatureDrift, result: DriftResult) -> Notice:
    said = {"drifted": "Drifted", "cannot say": "Cannot say", "steady": "Steady"}[found.verdict]
    return Notice(f"{said} in {result.window}: {shown(found.words)}.", cells.STATUS[found.verdict])


def _tiles(found: FeatureDrift) -> Tiles:
    test = found.test
    return Tiles(
        [
            Tile("Change of a share", cells.interval(test.effect) or "not known"),
            Tile("Shift of the mean, sd", cells.interval(test.shift) or "none"),
            Tile("q-value", _chance(found.q_value), found.rule),
            Tile("Test", test.method or "none", f"kind of column: {test.kind}"),
        ]
    )


def _summary(result: DriftResult, name: str) -> list[Block]:
    """Give the figures of a numeric feature on both sides."""
    before, after = result.reference.columns[name], result.current.columns[name]
    if not isinstance(before, NumericSketch) or not isinstance(after, NumericSketch):
        return []

    def figures(side: NumericSketch) -> list[object]:
        some = side.n > 0
        return [
            side.rows,
            side.missing,
            side.infinite,
            side.moments.mean if some else None,
            side.minimum if some else None,
            side.maximum if some else None,
        ]

    columns = ("", "rows", "missing", "infinite", "mean", "smallest", "largest")
    rows = [["reference", *figures(before)], ["window", *figures(after)]]
    return [Table("Figures of both", columns, rows)]


def _chance(value: float | None) -> str:
    said = cells.chance(value)
    return "none" if said is None else f"{said:.3g}" if isinstance(said, float) else str(said)
