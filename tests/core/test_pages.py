"""Pages: escaped, self-contained, accessible, and drawn by a real browser without a complaint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup

from modelward.core.errors import DataError
from modelward.core.pages import (
    Figure,
    Html,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
    Tile,
    Tiles,
    axes,
    image_uri,
    interactive,
    notebook,
    plain,
    plotly_script,
    svg,
)

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}{{policy}}"


def chart(label: str = "error") -> Markup:
    ax = axes()
    ax.plot([0, 1, 2], [0.1, 0.3, 0.2], label=label)
    ax.fill_between([0, 1, 2], [0.0, 0.2, 0.1], [0.2, 0.4, 0.3], alpha=0.2)
    ax.set_xlabel("row")
    ax.set_title("Error")
    ax.legend()
    return svg(ax)


def page(**changes: Any) -> Page:
    fields: dict[str, Any] = {
        "title": "One page",
        "lead": "It shows every block.",
        "back": ("All pages", "index.html"),
        "blocks": [
            Notice("All is well", "good"),
            Tiles([Tile("Error", "4 %", "before", "bad"), Tile("Rows", "400")]),
            Section(
                "Where it fails",
                [
                    Prose("First.\n\nSecond."),
                    Table(
                        "Features",
                        ["name", "shift", "state"],
                        [["age", 1.23456, Tile("", "drifted", status="bad")], ["sex", None, "ok"]],
                        {0: "bad"},
                    ),
                    Section("Deeper", [Figure(chart(), alt="Error over rows", caption="Error")]),
                    Links([("Report", "report/index.html", "the whole report")]),
                ],
            ),
        ],
    }
    return Page(**(fields | changes))


def test_everything_a_user_may_write_is_escaped() -> None:
    html = page(
        title=HOSTILE,
        lead=HOSTILE,
        footer=HOSTILE,
        back=(HOSTILE, "a.html"),
        blocks=[
            Notice(HOSTILE),
            Tiles([Tile(HOSTILE, HOSTILE, HOSTILE, "bad")]),
            Section(HOSTILE, [Prose(HOSTILE), Table(HOSTILE, [HOSTILE], [[HOSTILE]])]),
            Figure(chart(HOSTILE), alt=HOSTILE, caption=HOSTILE),
            Links([(HOSTILE, "b.html", HOSTILE)]),
        ],
    ).render()
    assert "<script" not in html
    assert "<img" not in html
    assert "onerror=alert(2)&gt;" in html
    assert "49" not in re.sub(r"[\d.]+", "", html), "a template in the data was evaluated"
    assert html.count("{{policy}}") > 5, "only the page's own policy is filled in"


def test_headings_make_an_outline() -> None:
    html = page().render()
    levels = [int(level) for level in re.findall(r"<h(\d)>", html)]
    assert levels == [1, 2, 3]


def test_nothing_refers_outside() -> None:
    html = page().render()
    assert re.findall(r"""(?:src|href)=["']?(https?:|//)""", html) == []
    assert "@import" not in html
    assert "url(http" not in html


def test_svg_fits_light_and_dark_and_has_its_own_ids() -> None:
    first, second = chart(), chart()
    assert "style=" not in first
    assert "currentColor" in first
    assert "#000000" not in first
    assert "<text" in first, "text stays text"
    ids = [set(re.findall(r' id="([^"]+)"', drawing)) for drawing in (first, second)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
    for drawing, own in zip((first, second), ids, strict=True):
        used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', drawing)
        assert {a or b for a, b in used} <= own
    assert first.unescape().startswith("<svg")


def test_names_are_drawn_as_they_are() -> None:
    ax = axes()
    ax.set_xlabel(plain("cost$_$ and $x$"))
    assert "cost$_$ and $x$" in svg(ax)


def test_axes_of_the_caller_are_kept() -> None:
    ax = axes()
    assert axes(ax) is ax


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Notice("x", "fine"), "good, warning, bad, neutral"),  # type: ignore[arg-type]
        (lambda: Tile("a", "b", status="great"), "good, warning"),  # type: ignore[arg-type]
        (lambda: Table("t", ["a", "b"], [[1, 2], [1]]), "expected 2 cells in row 1"),
        (lambda: Figure(Markup("<svg/>"), alt=" "), "text in words"),
        (lambda: Figure("https://example.org/x.png", alt="x"), "expected a picture made by"),
        (lambda: Html("<b>x</b>"), "expected markupsafe.Markup"),  # type: ignore[arg-type]
        (lambda: Links([("x", "javascript:alert(1)", "")]), "expected a relative or http"),
        (lambda: Links([("x", "//example.org/a", "")]), "expected a relative or http"),
        (lambda: page(back=("x", "javascript:alert(1)")), "expected a relative or http"),
        (lambda: image_uri(b"<svg onload=alert(1)>"), "PNG or JPEG"),
    ],
)
def test_what_a_page_does_not_take(make: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        make()


def test_image_becomes_data() -> None:
    uri = image_uri(b"\x89PNG\r\n\x1a\n" + b"0" * 8)
    assert f'<img src="{uri}" alt="a dot">' in page(blocks=[Figure(uri, alt="a dot")]).render()


def test_notebook_fragment_is_shut_in() -> None:
    html = notebook(Notice("drift", "bad"))
    assert html.startswith('<div class="modelward"><style>@scope (.modelward)')
    assert "<script" not in html


def test_save_makes_the_folder(tmp_path: Path) -> None:
    path = page().save(tmp_path / "a" / "b.html")
    assert path.read_text("utf-8").startswith("<!doctype html>")


def luminance(color: list[float]) -> float:
    channel = [c / 255 for c in color[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channel]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


CONTRAST = """() => {
  const seen = [];
  const solid = e => { while (e) { const c = getComputedStyle(e).backgroundColor;
    if (!c.endsWith(', 0)')) return c; e = e.parentElement; } return 'rgb(255,255,255)'; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const t = walk.currentNode, e = t.parentElement;
    if (!t.textContent.trim() || e.closest('.skip') || e.closest('script,style')) continue;
    const s = getComputedStyle(e);
    seen.push([t.textContent.trim().slice(0, 30), e.closest('svg') ? s.fill : s.color, solid(e)]); }
  return seen; }"""


def rgb(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"[\d.]+", text)]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_console_in_a_browser(browser: Any, tmp_path: Path, scheme: str) -> None:
    blocks = [
        *page().blocks,
        *[Notice(f"state {s}", s) for s in ("good", "warning", "bad", "neutral")],  # type: ignore[arg-type]
        Table("t", ["a"], [["x"], ["y"], ["z"]], {0: "good", 1: "warning", 2: "bad"}),
    ]
    path = page(blocks=blocks).save(tmp_path / "p.html")
    tab = browser.new_page(color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda m: complaints.append(m.text))
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.on("request", lambda r: requests.append(r.url))
    tab.goto(path.as_uri())
    ratios = {}
    for text, ink, ground in tab.evaluate(CONTRAST):
        light, dark = sorted((luminance(rgb(ink)), luminance(rgb(ground))), reverse=True)
        ratios[text] = (light + 0.05) / (dark + 0.05)
    tab.close()
    assert len(ratios) > 20
    assert {t: r for t, r in ratios.items() if r < 4.5} == {}, "WCAG AA wants 4.5:1"
    assert complaints == []
    assert {r for r in requests if not r.startswith(("file:", "data:"))} == set()


@pytest.mark.slow
def test_page_fits_a_phone(browser: Any, tmp_path: Path) -> None:
    wide = Table("wide", [f"column {i}" for i in range(20)], [list(range(20))])
    path = page(blocks=[*page().blocks, wide]).save(tmp_path / "p.html")
    tab = browser.new_page(viewport={"width": 320, "height": 640})
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    tab.close()


@pytest.mark.slow
def test_injected_script_does_not_run(browser: Any, tmp_path: Path) -> None:
    # Even where markup got past the templates, the page's policy stops what it does not name.
    evil = Html(Markup("<p onclick='window.bad=1' id='e'>x</p><script src='x.js'></script>"))
    path = page(blocks=[evil]).save(tmp_path / "p.html")
    (tmp_path / "x.js").write_text("window.bad = 1")
    tab = browser.new_page()
    tab.goto(path.as_uri())
    tab.click("#e")
    assert tab.evaluate("window.bad") is None
    tab.close()


@pytest.mark.slow
def test_interactive_chart_works_offline_under_the_policy(browser: Any, tmp_path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="</script><b>x"))
    blocks = [
        Html(plotly_script()),
        Figure(interactive(figure), alt="a line"),
        Figure(interactive(go.Figure(go.Bar(y=np.arange(3)))), alt="bars"),
    ]
    html = page(blocks=blocks).render()
    assert html.count("<script>") == 3
    assert "script-src 'sha256-" in html
    path = tmp_path / "p.html"
    path.write_text(html, encoding="utf-8")
    tab = browser.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda e: errors.append(str(e)))
    tab.on("console", lambda m: errors.append(m.text))
    tab.goto(path.as_uri())
    tab.wait_for_selector(".chart .main-svg")
    assert tab.locator(".chart .plot-container").count() == 2
    tab.close()
    assert errors == []
