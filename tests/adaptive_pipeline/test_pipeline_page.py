"""The page of the loop in a real browser, and the live view in a narrow terminal, whatever names hold."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    Performance,
    PipelineResult,
    SinceDrift,
    Store,
    Version,
    live,
    summarise,
)
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, learn
from modelward.core.pages import Page

HOSTILE = "<script>window.bad=1</script><img src=x onerror=alert(2)>[/red][bold]$x_$\"'&{{7*7}}"


class Named(MemoryRegistry):
    """Numbers its versions with a name beside it."""

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self.suffix = suffix

    def register(self, model: Any, *, alias: str, columns: Sequence[str], **more: Any) -> Version:
        made = super().register(model, alias=alias, columns=columns, **more)
        name = made.version + self.suffix
        self.models[name] = self.models.pop(made.version)
        self.aliases[alias] = name
        return self.version(name)


def told(suffix: str = "", reason: str = "a new sensor") -> AdaptivePipeline:
    """Two promotions by verdict, the second rolled back by hand, and a trial under way."""
    registry = Named(suffix)
    registry.register(Threshold(0.5), alias="champion", columns=["x"])
    loop = AdaptivePipeline(
        store=Store("sqlite://"),
        registry=registry,
        train=learn,
        triggers=[Performance(reference=100)],
        window=SinceDrift(minimum=60),
        comparison=Comparison(minimum=40, maximum=1_000),
        arbiter=Arbiter(cooldown=50),
        executor=Inline(),
        watch=0,
        clock=lambda: 0.0,
    )
    feed(loop, 0.5, 150)
    for promotions, cut in [(1, 0.85), (2, 0.3)]:
        while loop.controller.standing.promotions < promotions and loop.store.served() < 2_000:
            feed(loop, cut, 20)
        feed(loop, cut, 150)  # what the new champion is held to from then on
    assert loop.controller.standing.promotions == 2
    loop.rollback(reason)
    feed(loop, 0.85, 150)
    loop.retrain(reason)
    feed(loop, 0.85, 30)
    assert loop.phase == "shadowing"
    kinds = [entry.kind for entry in loop.ledger.entries()]
    assert (kinds.count("promotion"), kinds.count("rollback")) == (2, 1)
    return loop


def feed(loop: AdaptivePipeline, cut: float, n: int) -> None:
    first = loop.store.served()
    for i, x in enumerate(np.random.default_rng(first).uniform(size=n).tolist(), first):
        loop.predict({"x": x}, f"r{i}")
        loop.label(f"r{i}", int(x > cut))


@pytest.fixture(scope="module")
def plain() -> PipelineResult:
    return told().summary()


@pytest.fixture(scope="module")
def hostile() -> PipelineResult:
    return told(HOSTILE, HOSTILE).summary()


@pytest.fixture(params=["plain", "hostile"])
def result(request: pytest.FixtureRequest) -> PipelineResult:
    found: PipelineResult = request.getfixturevalue(request.param)
    return found


def open_page(browser: Any, page: Page, path: Path, **more: Any) -> tuple[Any, list[str]]:
    """Open a page from its file; what it complains of, or asks of the network, comes back as well."""
    tab = browser.new_page(**more)
    seen: list[str] = []
    tab.on("console", lambda message: seen.append(message.text))
    tab.on("pageerror", lambda error: seen.append(str(error)))
    tab.on("dialog", lambda dialog: seen.append(dialog.message))
    tab.on("request", lambda r: r.url.startswith(("file:", "data:")) or seen.append(r.url))
    tab.goto(page.save(path).as_uri())
    return tab, seen


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_opens_without_a_complaint_and_fits(
    result: PipelineResult, browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 640}
    tab, seen = open_page(
        browser, result.to_page(), tmp_path / "p.html", viewport=size, color_scheme=scheme
    )
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("window.bad") is None
    assert tab.locator("script").count() == 0
    assert tab.locator("img[src=x]").count() == 0
    pictures = tab.locator("figure svg, figure img")
    assert pictures.count() == 3  # the loss, and the newest two trials
    words = pictures.evaluate_all(
        "all => all.map(e => e.alt || e.ariaLabel || e.closest('[aria-label]')?.ariaLabel || '')"
    )
    assert all(len(each) > 20 for each in words), words
    text = tab.locator("body").inner_text()
    assert f"version {result.champion} beside" not in text.splitlines()[0]
    assert result.champion in text
    assert "rolled back" in text
    tab.close()
    assert seen == []


def test_what_names_hold_is_text_and_nothing_else(hostile: PipelineResult) -> None:
    html = hostile.to_page().render()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;window.bad=1" in html
    assert "49" not in html.split("</style>")[1].split("<svg")[0]
    assert "$x_$" in html  # not set as a formula in the pictures either
    fragment = hostile._repr_html_()
    assert "<script" not in fragment


def test_the_page_tells_the_whole_story(plain: PipelineResult) -> None:
    html = plain.to_page().render()
    assert "On trial" in html
    assert html.count("takes over from") == 3
    back = [a for a in plain.adaptations if a.rolled_back is not None]
    assert [a.new for a in back] == ["3"]
    assert plain.trial is not None
    assert plain.trial.champion == plain.champion == "2"
    assert plain.evidence[0].verdict is None
    assert plain.to_json()


def shown(result: PipelineResult, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False, color_system=None).print(live.draw(result))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120, 40])
def test_the_live_view_keeps_to_its_width(result: PipelineResult, width: int) -> None:
    from rich.cells import cell_len

    lines = shown(result, width)
    assert max(cell_len(line) for line in lines) <= width
    boxes = [line for line in lines if line.startswith(("╭", "╰"))]
    assert all(line.rstrip().endswith(("╮", "╯")) for line in boxes)
    text = "\n".join(lines)
    for title in ("champion", "labels", "experiment", "loss over the requests", "last decisions"):
        assert title in text


def test_the_live_view_shows_names_as_they_are(hostile: PipelineResult) -> None:
    """Square brackets are no markup: they neither vanish nor break the view."""
    text = "".join(shown(hostile, 400))
    assert text.count("[/red][bold]") >= 8
    assert "\x1b" not in text


def test_the_live_view_in_eighty_columns(plain: PipelineResult) -> None:
    text = "\n".join(shown(plain, 80))
    assert "version 2 serves" in text
    assert "version 4 beside 2" in text
    assert "▁" in text
    assert "command     rollback: a new sensor" in text
    assert "version 2 takes over from 3" in text


def test_what_a_person_promotes_after_a_lost_trial_has_no_gain() -> None:
    """The verdict of an earlier trial is not that of the one which was promoted by hand."""
    registry = Named("")
    registry.register(Threshold(0.5), alias="champion", columns=["x"])
    loop = AdaptivePipeline(
        store=Store("sqlite://"),
        registry=registry,
        train=lambda data, context: Threshold(0.5),
        triggers=[Performance(reference=5_000)],
        window=SinceDrift(minimum=60),
        comparison=Comparison(minimum=40, maximum=60),
        arbiter=Arbiter(cooldown=0),
        executor=Inline(),
        watch=0,
        clock=lambda: 0.0,
    )
    feed(loop, 0.5, 100)
    loop.retrain("once")
    assert loop.phase == "shadowing"
    feed(loop, 0.5, 100)
    (verdict,) = loop.ledger.entries("verdict")
    assert verdict.body["verdict"] != "promote"
    loop.retrain("twice")
    while loop.phase != "shadowing":  # after a lost trial the arbiter waits for more labels
        feed(loop, 0.5, 10)
        assert loop.store.served() < 2_000
    loop.promote("it is time")
    (adaptation,) = loop.summary().adaptations
    assert math.isnan(adaptation.gain.value)
    assert summarise(loop.store).to_json()
    assert loop.summary().to_page().render()
