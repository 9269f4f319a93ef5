"""Take the pictures of the documentation from the pages that the examples made.

`make demo` makes most of them; the pages of the validation server need `examples/validation_server.py`,
which is run here where it has not been. Each picture is of the real page in a real browser: a desktop in
light colours, and a phone in dark ones where that is telling.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "modelward-runs"
IMAGES = ROOT / "docs" / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP, PHONE = {"width": 1120, "height": 900}, {"width": 390, "height": 844}
COLOURS = 128
"""Of a picture: pages are flat, and so a quarter of the size."""

PAGES = {
    "pipeline": "pipeline.html",
    "drift": "drift.html",
    "validation": "validation.html",
    "adversarial": "detector.html",
    "card-engineer": "modelcard-engineer.html",
    "card-risk": "modelcard-risk.html",
    "card-public": "modelcard-public.html",
    "card-edited": "modelcard-edited.html",
    "catalogue": "catalogue/index.html",
}
DASHBOARD = {
    "dashboard-fleet": "/",
    "dashboard-incidents": "/incidents",
    "dashboard-model": f"/model?name={quote('scene-classifier')}",
    "dashboard-quality": "/quality",
    "dashboard-workflows": "/workflows",
}
SERVER = {"server-progress": "", "server-space": "/space", "server-models": "/models"}
SMALL = ["pipeline", "card-public", "dashboard-fleet", "validation"]
"""Pages that are also shown on a phone, in dark colours."""

SIDE_BY_SIDE = [
    "dashboard-fleet",
    "pipeline",
    "validation",
    "adversarial",
    "card-engineer",
    "card-edited",
    "dashboard-model",
    "drift",
    "catalogue",
]


def keep(png: bytes, name: str) -> None:
    """Write a picture, with few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)


class Camera:
    """Takes pictures of pages by name."""

    def __init__(self, browser: Browser, bar: Any) -> None:
        self.bar = bar
        self.desktop = browser.new_page(viewport=DESKTOP, color_scheme="light")
        self.phone = browser.new_page(viewport=PHONE, color_scheme="dark")

    def take(self, name: str, address: str) -> None:
        """Take a page, and its small form where that is wanted."""
        self.desktop.goto(address)
        keep(self.desktop.screenshot(), name)
        if name in SMALL:
            self.phone.goto(address)
            keep(self.phone.screenshot(), f"{name}-phone")
        self.bar.update()


@contextmanager
def dashboard() -> Iterator[str]:
    """Serve the dashboard of the lifecycle's fleet, and give its address."""
    import uvicorn

    from modelward.monitoring import Settings, create_app

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    app = create_app(Settings(fleet=f"sqlite:///{RUNS / 'lifecycle' / 'fleet.db'}"))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        sys.path.insert(0, str(ROOT / "examples"))
        from validation_server import wait_until_ready

        wait_until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def validation_server() -> Iterator[tuple[str, str]]:
    """Serve the validation server's job of its example, and give address and key."""
    from validation_server import command, wait_until_ready

    kept = RUNS / "validation-server" / "validation.db"
    if not kept.is_file():
        example = ROOT / "examples" / "validation_server.py"
        subprocess.run([sys.executable, example], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {**os.environ, "MODELWARD_VALIDATION_DATABASE": f"sqlite:///{kept}"}
    made = subprocess.run(
        command("create-key", "camera"), env=environment, capture_output=True, text=True, check=True
    )
    server = subprocess.Popen(
        command("serve", "--port", str(port)),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", made.stdout.strip()
    finally:
        server.terminate()
        server.wait(timeout=30)


def side_by_side(names: list[str], path: Path, width: int = 460) -> None:
    """Put pictures side by side, three in a row."""
    pictures = [Image.open(IMAGES / f"{name}.png").convert("RGB") for name in names]
    small = [p.resize((width, p.height * width // p.width)) for p in pictures]
    height = max(p.height for p in small)
    rows = -(-len(small) // 3)
    sheet = Image.new("RGB", (3 * (width + 12) + 12, rows * (height + 12) + 12), "#8a929b")
    for number, picture in enumerate(small):
        sheet.paste(picture, (12 + number % 3 * (width + 12), 12 + number // 3 * (height + 12)))
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Take them all."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium found: set CHROMIUM to its path")
    story = RUNS / "lifecycle"
    if not (story / "index.html").is_file():
        sys.exit("nothing to picture yet: run `make demo` first")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        total = 1 + len(PAGES) + len(DASHBOARD) + len(SERVER)
        with tqdm(total=total, desc="pictures", disable=None) as bar:
            camera = Camera(browser, bar)
            camera.desktop.set_viewport_size({"width": 1120, "height": 1500})
            camera.take("lifecycle", (story / "index.html").as_uri())
            camera.desktop.set_viewport_size(DESKTOP)
            for name, page in PAGES.items():
                camera.take(name, (story / page).as_uri())
            with dashboard() as address:
                for name, view in DASHBOARD.items():
                    camera.take(name, address + view)
            with validation_server() as (address, key):
                for tab in (camera.desktop, camera.phone):
                    tab.goto(f"{address}/login")
                    tab.fill("#key", key)
                    tab.press("#key", "Enter")
                    tab.wait_for_url("**/jobs")
                for name, view in SERVER.items():
                    camera.take(name, f"{address}/jobs/1{view}")
        browser.close()
    side_by_side(SIDE_BY_SIDE, IMAGES / "one-look.png")
    size = sum(path.stat().st_size for path in IMAGES.glob("*.png"))
    print(
        f"{len(list(IMAGES.glob('*.png')))} pictures, {size / 1e6:.1f} MB, in {IMAGES.relative_to(ROOT)}"
    )


if __name__ == "__main__":
    main()
