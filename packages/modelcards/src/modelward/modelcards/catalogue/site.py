"""Making the site: every card once, then only those whose files changed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.core.files import write_whole
from modelward.core.optional import installed_version, require
from modelward.modelcards.catalogue.entry import Row, Stamp, make_entry, stamp
from modelward.modelcards.catalogue.index import index_html
from modelward.modelcards.codecs.paths import card_files
from modelward.modelcards.rules.ruleset import load_ruleset

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, repr=False)
class Catalogue:
    """What was made: the rows of the index, and how many pages were written, kept and taken away."""

    rows: tuple[Row, ...]
    written: int
    kept: int
    removed: int
    index: Path

    def __repr__(self) -> str:
        counts = Counter(row.standing for row in self.rows)
        words = ", ".join(f"{n} {standing}" for standing, n in counts.most_common())
        pages = f"{self.written} pages written, {self.kept} kept, {self.removed} removed"
        return f"{self.index}: {len(self.rows)} cards ({words or 'none'}); {pages}"

    def to_dict(self) -> dict[str, Any]:
        """Give every row as plain content."""
        rows = [row.to_dict() | {"numbers": [list(n) for n in row.numbers]} for row in self.rows]
        return {"cards": rows, "written": self.written, "kept": self.kept, "removed": self.removed}

    def to_json(self) -> str:
        """Give `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_frame(self) -> Any:
        """Give one row per card. Raises `MissingPackageError` without pandas."""
        pandas = require("pandas", feature="a table of cards", install="pandas")
        return pandas.DataFrame([row.to_dict() for row in self.rows])


def catalogue(
    folder: str | Path,
    out: str | Path,
    *,
    rulesets: tuple[str, ...] = ("default",),
    tracking_uri: str | None = None,
    refresh: bool = False,
) -> Catalogue:
    """Make a site of every card below a folder (files called modelcard or model_card, or ending so).

    The site is `out/index.html` with one page per card, and needs no server. Each card is validated
    and verified. A second call makes only the pages of cards of which a file (the card, its evidence,
    its model's and data's files) has changed, and takes away those whose card is gone; `refresh` makes
    all anew, as is needed when runs in MLflow have changed. Raises `DataError` where no card is.
    """
    root, site = Path(folder).resolve(), Path(out)
    if not root.is_dir():
        raise DataError(f"expected a folder of cards, got {folder}")
    settings = [installed_version("modelward-modelcards"), list(rulesets), tracking_uri, str(root)]
    known = {} if refresh else _known(site / MANIFEST, settings)
    rules = [load_ruleset(name) for name in rulesets]
    rows: list[Row] = []
    manifest: dict[str, Any] = {}
    written = 0
    for path in card_files([root]):
        file = path.relative_to(root).as_posix()
        old = known.get(file)
        if old is not None and _unchanged(old["stamps"]) and (site / old["row"]["page"]).is_file():
            manifest[file] = old
            rows.append(_read_row(old["row"]))
            continue
        entry = make_entry(path, root, rules, tracking_uri)
        write_whole(site / entry.row.page, entry.html)
        written += 1
        manifest[file] = {"stamps": entry.stamps, "row": entry.row.to_dict()}
        rows.append(entry.row)
    removed = _remove(site, known, manifest)
    index = site / "index.html"
    if written or removed or not index.is_file():
        write_whole(index, index_html(rows))
        content = {"settings": settings, "cards": manifest}
        write_whole(site / MANIFEST, json.dumps(content, ensure_ascii=False))
    return Catalogue(tuple(rows), written, len(rows) - written, removed, index)


def _known(path: Path, settings: list[Any]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
        cards: dict[str, Any] = content["cards"] if content["settings"] == settings else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # none yet, or one that was cut off: all is made anew
    return cards


def _unchanged(stamps: list[Stamp]) -> bool:
    return all(stamp(Path(old[0])) == old for old in stamps)


def _read_row(content: dict[str, Any]) -> Row:
    return Row(**content | {"numbers": tuple((name, value) for name, value in content["numbers"])})


def _remove(site: Path, known: dict[str, Any], manifest: dict[str, Any]) -> int:
    kept = {entry["row"]["page"] for entry in manifest.values()}
    gone = [e["row"]["page"] for file, e in known.items() if file not in manifest]
    cards = (site / "cards").resolve()
    removed = 0
    for page in gone:
        target = (site / page).resolve()
        if page not in kept and target.is_relative_to(cards) and target.is_file():
            target.unlink()
            removed += 1
    return removed
