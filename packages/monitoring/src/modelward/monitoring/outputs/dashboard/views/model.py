"""One model: its performance, what drifted, what happened to it, and its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from modelward.core.errors import DataError
from modelward.core.pages import Block, Html, Links, Notice, Prose, Section, Table, Tile, Tiles
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import ModelStatus, Window
from modelward.monitoring.outputs.dashboard.addresses import address, link, shown, window_text
from modelward.monitoring.outputs.dashboard.pictures import drift_picture, performance_picture
from modelward.monitoring.outputs.dashboard.problems import NotFoundError
from modelward.monitoring.outputs.dashboard.render import View, side_by_side
from modelward.monitoring.outputs.dashboard.views import cells
from modelward.monitoring.outputs.dashboard.views.incidents import events_table
from modelward.monitoring.outputs.dashboard.views.quality import words
from modelward.monitoring.outputs.dashboard.views.tables import ways

_WINDOWS, _EVENTS, _FEATURES = 60, 25, 100


@dataclass(frozen=True, slots=True)
class Kept:
    """An Evidently report that was kept: the window it is of, when it was made, its address."""

    window: str
    made: str
    address: str


def model_view(
    fleet: Fleet,
    name: str,
    window: Window | None,
    reports: Sequence[Kept],
    *,
    page: int = 1,
    mlflow: str = "",
) -> View:
    """Give the page of a model; its features by the hundred, of which `page` is shown.

    Raises `NotFoundError` for one that is not in the catalogue.
    """
    status = known(fleet, name)
    history, events = fleet.history(name, _WINDOWS), fleet.events(name, limit=_EVENTS)
    blocks: list[Block] = [_notice(status), _tiles(status)]
    if status.incident is not None:
        blocks.append(Html(link("The incident it belongs to", "/incident", id=status.incident)))
    pictures = [performance_picture(history, events), drift_picture(history, events)]
    titled = zip(("Performance", "Drift"), pictures, strict=True)
    blocks.append(side_by_side([Section(title, [drawn]) for title, drawn in titled if drawn]))
    result = judged(fleet, name, window)
    if result is not None:
        blocks.append(Section("Features", features(result, name, window, page)))
    if status.failures:
        failed = Html(Markup("<p>{}</p>").format(words(status.failures)))
        blocks.append(Section("Failed expectations", [failed]))
    if history:
        blocks.append(Section("Windows", [_windows(history, name)]))
    if events:
        caption = (
            "Deployments, retrainings, data and notes; those of all models too, the newest first"
        )
        blocks.append(Section("What happened", [events_table(events, caption)]))
    blocks.append(Section("Versions and catalogue", [_catalogue(status, mlflow)]))
    if reports:
        items = [(f"Evidently: {r.window}", r.address, f"made {r.made}") for r in reports]
        blocks.append(Section("Full reports", [Links(items)]))
    return View(title=shown(name), lead="", blocks=blocks, trail=[("Fleet", "/")])


def known(fleet: Fleet, name: str) -> ModelStatus:
    """Give what is known of a model. Raises `NotFoundError` for one not in the catalogue."""
    try:
        return fleet.status(name)
    except DataError as error:
        raise NotFoundError(f"expected a model of the catalogue, got {name[:80]!r}") from error


def judged(fleet: Fleet, name: str, window: Window | None) -> DriftResult | None:
    """Give the decision on a window, None where none was judged yet."""
    try:
        return fleet.drift(name, window)
    except DataError as error:
        if window is not None:
            raise NotFoundError(error.fact) from error
        return None


def features(result: DriftResult, name: str, window: Window | None, page: int) -> list[Block]:
    """Give a table of the features, drifted ones first, each with the way to its page."""
    within = None if window is None else window_text(window)
    start, total = (page - 1) * _FEATURES, len(result.features)
    shown_now = result.ranked[start : start + _FEATURES]
    table = Table(
        f"{result.window}: drifted before those nothing can be said of, then the furthest first",
        (
            "feature",
            "verdict",
            "change of a share",
            "shift of the mean, sd",
            "q-value",
            "in words",
            "rule",
        ),
        [
            (
                link(f.feature, "/feature", model=name, name=f.feature, window=within),
                cells.state(f.verdict),
                cells.whole(cells.interval(f.test.effect)),
                None if f.test.shift is None else round(f.test.shift.value, 3),
                cells.chance(f.q_value),
                cells.words(f.words),
                cells.words(f.rule),
            )
            for f in shown_now
        ],
    )
    if total <= _FEATURES:
        return [table]

    def there(number: int) -> str:
        return address("/model", name=name, window=within, page=number)

    return [
        table,
        ways(
            "Pages of features",
            (start + 1, start + len(shown_now), total),
            before=there(page - 1) if page > 1 else "",
            after=there(page + 1) if start + _FEATURES < total else "",
        ),
    ]


def _notice(status: ModelStatus) -> Notice:
    words = {
        "alarmed": "Alarmed in its newest window.",
        "cannot say": "Its newest window could not be judged.",
        "silent": "Silent: no window for longer than it should take.",
        "new": "New: no window was recorded yet.",
        "steady": "Steady: nothing was shown that matters.",
    }
    return Notice(words[status.state], cells.STATUS[status.state])


def _tiles(status: ModelStatus) -> Tiles:
    found, loss = status.performance, cells.number(status.expected_loss)
    value = found.value if found else None
    realised = found is not None and found.realised is not None
    note = "" if found is None else f"{'measured with' if realised else 'estimated without'} labels"
    base = found.baseline if found else None
    return Tiles(
        [
            Tile("Expected loss a day", "not known" if loss is None else f"{loss:,.4g}"),
            Tile(
                found.metric if found else "Performance",
                cells.interval(value) or "not known",
                note + (f", {base.value:.4g} on the reference" if base else ""),
            ),
            Tile(
                "Features drifted",
                f"{len(status.drifted)} of {status.features}",
                f"{len(status.cannot_say)} cannot be judged" if status.cannot_say else "",
            ),
            Tile(
                "Failed checks",
                str(len(status.failures)),
                status="bad" if status.failures else "good",
            ),
            Tile(
                "Newest window",
                f"{status.rows} rows" if status.window else "none",
                cells.stretch(status.window) if status.window else "",
            ),
        ]
    )


def _windows(history: Sequence[ModelStatus], name: str) -> Table:
    return Table(
        "Judged windows, the newest first",
        ("window", "state", "rows", "drifted", "largest change", "performance", "failed checks"),
        [
            (
                link(cells.stretch(s.window), "/model", name=name, window=window_text(s.window)),
                cells.state(s.state),
                s.rows,
                len(s.drifted),
                round(s.largest_change, 3),
                cells.performance(s.performance),
                len(s.failures) or None,
            )
            for s in reversed(history)
            if s.window is not None
        ],
    )


def _catalogue(status: ModelStatus, mlflow: str) -> Block:
    model = status.model
    version: object = model.version
    if mlflow and model.registered and model.version:
        there = f"{mlflow}/#{address(f'/models/{_path(model.registered)}/versions/{_path(model.version)}')}"
        version = Markup('<a href="{}" rel="noreferrer">{}</a>').format(there, shown(model.version))
    rows: list[tuple[str, object]] = [
        ("owner", model.owner),
        ("group", model.group),
        ("task", model.task),
        ("metric", model.metric),
        ("predictions a day", f"{model.traffic:,.6g}"),
        ("cost of one unit lost on one prediction", f"{model.criticality:g}"),
        ("silent after", f"{model.silent_after:g} hours"),
        ("registered in MLflow as", model.registered),
        ("version", version),
        ("training run", model.run_id),
        ("reference", model.reference),
        *(sorted((f"tag {name}", value) for name, value in model.tags.items())),
    ]
    said = [(cells.cut(name, 60), _cell(value)) for name, value in rows if value]
    if not said:
        return Prose("Nothing more is known.")
    return Table("What the catalogue says", ("what", "value"), said)


def _cell(value: object) -> object:
    return value if isinstance(value, Markup) else cells.cut(str(value))


def _path(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="", errors="replace")
