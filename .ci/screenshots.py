"""Take the pictures of the documentation from the pages that `make demo` made."""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "modelward-runs" / "lifecycle"
IMAGES = ROOT / "docs" / "images"
# Page of the run, name of the picture, height of the window.
SHOTS = [("index.html", "lifecycle", 1500)]

chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
if chromium is None:
    sys.exit("no chromium found: set CHROMIUM to its path")
if not (RUN / "index.html").is_file():
    sys.exit("nothing to picture yet: run `make demo` first")
with sync_playwright() as playwright:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    for page, name, height in SHOTS:
        tab = browser.new_page(viewport={"width": 1120, "height": height})
        tab.goto((RUN / page).as_uri())
        tab.screenshot(path=IMAGES / f"{name}.png")
        print(IMAGES / f"{name}.png")
    browser.close()
