"""The dashboard in a real Chromium, served by the real command: looks, keyboard, hostile names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from tests.monitoring.watching import HOSTILE, eventually, free_port, in_trouble

KEY = "s3cret"
NAME = quote(HOSTILE, safe="")
VIEWS = {
    "fleet": "/",
    "incidents": "/incidents",
    "model": f"/model?name={NAME}",
    "feature": "/feature?model=broken-0&name=age",
    "quality": "/quality",
    "workflows": "/workflows",
}
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}

CONTRAST = """() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number);
    return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255;
    return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll('a,p,td,th,dt,dd,h1,h2,label,span,caption,button,footer')) {
    if (!e.innerText || !e.innerText.trim() || !e.getClientRects().length) continue;
    const [a, b] = [parse(getComputedStyle(e).color), behind(e)].map(light);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.push([e.tagName, e.innerText.slice(0, 40), ratio.toFixed(2)]);
  }
  return poor;
}"""

UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]),select,button,a[href]')]
  .filter(e => !(e.labels && e.labels.length) && !e.innerText.trim() && !e.getAttribute('aria-label'))
  .map(e => e.outerHTML)"""


@contextmanager
def served(url: str, log: Path, *more: str, key: str | None = None) -> Iterator[tuple[str, Any]]:
    """Run `modelward monitoring serve` until the block ends."""
    port = free_port()
    environment = {**os.environ} | ({} if key is None else {"MODELWARD_MONITORING_KEY": key})
    command = [sys.executable, "-m", "modelward.core.command", "monitoring", "serve"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--fleet", url, "--port", str(port), *more],
            stdout=out,
            stderr=out,
            env=environment,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            eventually(
                "it answers", lambda: requests.get(f"{address}/healthz", timeout=2).ok, log=log
            )
            yield address, process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('dashboard') / 'fleet.db'}"
    in_trouble(made).close()
    return made


@pytest.fixture(scope="module")
def address(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(url, tmp_path_factory.mktemp("log") / "serve.log", "--rows", "10") as (found, _):
        yield found


@contextmanager
def opened(browser: Any, **settings: Any) -> Iterator[tuple[Any, list[str]]]:
    """Give a tab, and what went wrong in it."""
    context = browser.new_context(**settings)
    wrong: list[str] = []
    tab = context.new_page()
    tab.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    try:
        yield tab, wrong
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_seen_and_read(
    browser: Any, address: str, view: str, screen: str, scheme: str
) -> None:
    width, height = SCREENS[screen]
    viewport = {"width": width, "height": height}
    with opened(browser, viewport=viewport, color_scheme=scheme) as (tab, wrong):
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address + VIEWS[view])
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(CONTRAST) == []
        assert tab.evaluate(UNNAMED) == []
        picture = tab.screenshot(full_page=True)
        assert len(zlib.compress(picture)) > 15_000  # an empty page is far smaller
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(21, 24, 28)") == (scheme == "dark")
        assert asked == [address + VIEWS[view]]  # one request is the whole page
        assert wrong == []


def test_the_whole_way_by_keyboard(browser: Any, address: str) -> None:
    with opened(browser, viewport={"width": 1280, "height": 900}) as (tab, wrong):
        tab.goto(address)
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.innerText") == "Skip to content"
        tab.get_by_label("Search names").focus()
        tab.keyboard.type("well")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**search=well**")
        assert "8 models" in tab.inner_text("main")
        reach(tab, "model")  # the heading sorts
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        tab.keyboard.press("Enter")
        tab.wait_for_url("**sort=name**")
        reach(tab, "well-0")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/model?name=well-0")
        reach(tab, "age")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/feature?**")
        assert tab.inner_text("h1") == "age"
        assert wrong == []


def reach(tab: Any, text: str) -> None:
    """Press Tab until the focus is on what begins with a text."""
    for _ in range(80):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.innerText").split("\n")[0].split(" ")[0] == text:
            return
    pytest.fail(f"no way by keyboard to {text!r}")


def test_hostile_names_stay_names(browser: Any, address: str) -> None:
    with opened(browser) as (tab, wrong):
        tab.goto(address)
        link = tab.locator('main a[href^="/model?"]', has_text="<script>").first
        link.click()
        assert "/model?name=" in tab.url
        assert '<script>alert("1")</script>' in tab.inner_text("h1")
        assert tab.locator("main script, main i").count() == 0
        assert wrong == []


def test_the_policy_holds_even_if_markup_got_in(browser: Any, address: str) -> None:
    with opened(browser) as (tab, _):
        tab.goto(address)
        ran = tab.evaluate(
            """() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';
            document.body.append(s); return window.ran; }"""
        )
        assert ran is None


def test_a_person_gives_the_key_as_a_password(browser: Any, url: str, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    with served(url, log, key=KEY) as (address, process):
        assert requests.get(address, timeout=10).status_code == 401
        credentials = {"username": "me", "password": KEY}
        with opened(browser, http_credentials=credentials) as (tab, _):
            tab.goto(address)
            assert tab.inner_text("h1") == "Fleet"
        process.send_signal(signal.SIGTERM)
        process.wait(20)  # it stops when told to
        assert KEY not in log.read_text("utf-8")
        assert '"status": 401' in log.read_text("utf-8")


def test_what_is_unsafe_is_refused_by_the_command(url: str) -> None:
    command = [sys.executable, "-m", "modelward.core.command", "monitoring", "serve"]
    done = subprocess.run(
        [*command, "--fleet", url, "--host", "0.0.0.0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "expected a key" in done.stderr
    assert "Traceback" not in done.stderr
