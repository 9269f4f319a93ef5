"""The index: search, filters, and two cards side by side, in one page that needs no server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup

from modelward.core.pages import Block, Html, Page, Tile, Tiles
from modelward.core.pages.blocks import Status
from modelward.modelcards.catalogue.entry import Row

_FILTERS = ("standing", "status", "risk", "owner")
_COLOURS: dict[str, Status] = {"verified": "good", "failed": "bad", "unreadable": "bad"}


def index_html(rows: Sequence[Row]) -> str:
    """Draw the index of all cards."""
    counts = Counter(row.standing for row in rows)
    tiles = [Tile("Cards", f"{len(rows):,}")]
    tiles += [
        Tile(standing.capitalize(), f"{n:,}", status=_COLOURS.get(standing, "warning"))
        for standing, n in counts.most_common()
    ]
    blocks: list[Block] = [Tiles(tiles), Html(_form(rows)), Html(_script(rows))]
    return Page(
        title="Model cards",
        lead="What is known of each model, and whether it still stands.",
        blocks=blocks,
        footer="Made by modelward-modelcards.",
    ).render()


def _form(rows: Sequence[Row]) -> Markup:
    selects = Markup("").join(_select(name, rows) for name in _FILTERS)
    return Markup(
        '<form id="find" role="search" aria-label="Cards"><p><label for="words">Search</label>&nbsp;'
        '<input id="words" type="search" autocomplete="off"></p><p>{}</p></form>'
        '<p id="count" role="status"></p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Cards"><table><caption>Cards'
        '</caption><thead><tr><th scope="col">model</th><th scope="col">version</th>'
        '<th scope="col">status</th><th scope="col">risk</th><th scope="col">owner</th>'
        '<th scope="col">claims</th><th scope="col">compare</th></tr></thead>'
        '<tbody id="rows"></tbody></table></div><section id="compare" hidden><h2>Side by side</h2>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Side by side"><table><caption>'
        'Two cards</caption><tbody id="pair"></tbody></table></div></section>'
        "<noscript><ul>{}</ul></noscript>"
    ).format(selects, Markup("").join(_link(row) for row in rows[:500]))


def _select(name: str, rows: Sequence[Row]) -> Markup:
    values = Counter(str(getattr(row, name)) for row in rows)
    options = Markup("").join(
        Markup('<option value="{}">{} ({})</option>').format(value, value or "not said", n)
        for value, n in sorted(values.items())
    )
    return Markup(
        '<label for="f-{}">{}</label>&nbsp;<select id="f-{}"><option value="*">any</option>{}</select> '
    ).format(name, name.capitalize(), name, options)


def _link(row: Row) -> Markup:
    return Markup('<li><a href="{}">{}</a> {}: {} of {} claims failed</li>').format(
        row.page, row.name, row.version, row.failed, row.claims
    )


def _script(rows: Sequence[Row]) -> Markup:
    """Put data and program into one script: the page's policy names its digest, and no other runs."""
    data = json.dumps([_packed(row) for row in rows], ensure_ascii=False, separators=(",", ":"))
    # Inside a script only these could end it, or begin a comment of HTML.
    safe = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    program = (files("modelward.modelcards.catalogue") / "index.js").read_text("utf-8")
    return Markup(f"<script>const CARDS={safe};\n{program}</script>")  # noqa: S704 - made safe above


def _packed(row: Row) -> list[object]:
    numbers = [list(pair) for pair in row.numbers]
    return [row.page, row.name, row.version, row.status, row.risk, row.owner, row.standing,
            row.claims, row.failed, row.overview, row.file, numbers]  # fmt: skip
