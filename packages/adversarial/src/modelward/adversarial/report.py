"""The report of an assessment: one page that stands alone."""

from __future__ import annotations

from modelward.adversarial.pictures import GAIN, SHOWN, strip
from modelward.adversarial.plots import curve, heat_map, series
from modelward.adversarial.results import Assessment, Cell
from modelward.adversarial.tables import (
    cells_table,
    fates_table,
    interval,
    lost_table,
    name,
    parts_table,
    percent,
)
from modelward.core.pages import (
    Block,
    Figure,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
    Tile,
    Tiles,
    image_uri,
    svg,
)

MOST_PICTURES = 12
"""Strips of pictures on a page."""


def assessment_page(result: Assessment, *, beside: bool = False) -> Page:
    """Give the page; with `beside` it links to the files `save` writes beside it."""
    from modelward.core.optional import installed_version

    several = len({*result.sources, *result.targets}) > 1
    maps = [_map(result, attack) for attack in result.attacks] if several else []
    figures: list[Block] = [
        Figure(svg(curve(result)), _curve_in_words(result), "AP left against eps."),
        cells_table(result),
    ]
    parts: list[Block] = [parts_table(result, target) for target in result.targets]
    shown: list[Block] = [_pictures(result, cell) for cell in _shown(result)]
    subject = ", ".join(result.targets)
    return Page(
        title=f"Adversarial assessment of {subject}",
        lead=f"COCO average precision on {result.n} images of {result.data}, before and after "
        f"{_count(len(result.attacks), 'attack')}, all scored on the same images.",
        blocks=[
            _tiles(result),
            *notices(result),
            Section("Figures", figures),
            *([Section("What transfers", maps)] if maps else []),
            Section("What was lost", [fates_table(result), lost_table(result), *parts]),
            *(
                [Section("How strong the attacks were", [_checks(result)])]
                if result.strength
                else []
            ),
            *([Section("Pictures", shown)] if shown else []),
            Section("How it was measured", [*_how(result), *([_links()] if beside else [])]),
        ],
        footer=f"modelward-adversarial {installed_version('modelward-adversarial')}",
    )


def notices(result: Assessment) -> list[Block]:
    """Give the verdict on each source's attack, each warning, and what was left out, as notices."""
    found = [
        Notice(f"{each}.", "good" if each.verdict == "strong" else "warning")
        for each in result.strength
    ]
    found += [Notice(text, "warning") for text in (*result.warnings, *result.related())]
    if result.left_out:
        found.append(
            Notice(
                f"{_count(len(result.left_out), 'image')} left out: "
                + "; ".join(result.left_out[:5])
                + ("; …" if len(result.left_out) > 5 else ""),
                "warning",
            )
        )
    if not found:
        found.append(Notice("The checks across the figures held.", "good"))
    return list(found)


def _tiles(result: Assessment) -> Tiles:
    tiles = []
    for target, scores in result.clean.items():
        tiles.append(Tile(f"Clean AP, {target}", f"{scores.ap.value:.3f}", interval(scores.ap)))
        own = [c for c in result.cells if c.target == target]
        worst = min(own, key=lambda c: c.ap.value)
        share = worst.ap.value / scores.ap.value if scores.ap.value else 0.0
        tiles.append(
            Tile(
                f"Least AP, {target}",
                f"{worst.ap.value:.3f}",
                f"{interval(worst.ap)}, {share:.0%} of clean, by {name(result, worst)}",
            )
        )
    return Tiles(tiles)


def _map(result: Assessment, attack: str) -> Figure:
    cells = [c for c in result.cells if c.attack == attack]
    said = ", ".join(f"from {c.source} to {c.target} {percent(c.left)}" for c in cells)
    return Figure(
        svg(heat_map(result, attack)),
        f"Heat map of the share of AP50 left under {attack}: {said}.",
        f"{attack}: what is left of each target's AP50, with intervals of "
        f"{result.config['level']:.0%}.",
    )


def _checks(result: Assessment) -> Table:
    return Table(
        "Controls, each run on the first images and held against the attack there",
        ("detector", "attack", "verdict", "control", "held", "what it found"),
        [
            (
                each.detector,
                each.attack,
                each.verdict,
                check.name,
                "yes" if check.passed else "no",
                check.words,
            )
            for each in result.strength
            for check in each.checks
        ],
    )


def _shown(result: Assessment) -> list[Cell]:
    """Give the cells of which pictures are shown: of cells that differ in eps alone, the largest."""
    largest = [cells[-1] for cells in series(result).values() if cells[-1].examples]
    return largest[:MOST_PICTURES]


def _pictures(result: Assessment, cell: Cell) -> Figure:
    return Figure(
        image_uri(strip(cell.examples, classes=result.config["classes"])),
        f"{len(cell.examples)} images, each clean, after {name(result, cell)}, and the difference "
        f"amplified {GAIN} times, with the detections of a score of at least {SHOWN:g} drawn as boxes.",
        f"{name(result, cell)}: clean | adversarial | difference × {GAIN}. Boxes: what {cell.target} sees with "
        f"a score of at least {SHOWN:g}, coloured by class.",
    )


def _how(result: Assessment) -> list[Block]:
    config = result.config
    rows = [("attack", text) for text in config["attacks"]]
    rows += [("detector", f"{name_}: {text}") for name_, text in config["detectors"].items()]
    rows += [("device", f"{name_}: {text}") for name_, text in config["devices"].items()]
    rows += [
        (key.replace("_", " "), str(config[key]))
        for key in ("interval", "level", "resamples", "batch", "control_images", "threads")
    ]
    rows += [("seed", str(result.seed)), ("data", f"{result.data}, sha256 {result.data_sha256}")]
    rows += [(f"sha256 of {name_}", sha256) for name_, sha256 in result.detectors.items()]
    return [
        Prose(
            "Average precision is COCO's, over the IoU thresholds .50 to .95 and the classes. Intervals "
            "are bootstrap intervals over images (BCa): images are drawn with replacement and AP is "
            "accumulated anew; clean and attacked figures of an image stay together in what is compared."
            "\n\nAn attack gives an upper bound on robustness: a stronger one may leave less. The "
            "detectors' parameters and buffers were the same bytes after all attacks as before."
        ),
        Table("Settings", ("setting", "value"), rows),
    ]


def _links() -> Links:
    return Links(
        [
            (
                "Record",
                "assessment.evidence.json",
                "sealed: figures, settings, environment, digests",
            ),
            ("Figures", "assessment.json", "all of them, as plain values"),
        ]
    )


def _curve_in_words(result: Assessment) -> str:
    clean = ", ".join(f"{s.ap.value:.3f} for {t}" for t, s in result.clean.items())
    parts = [f"{name(result, c)} leaves {c.ap.value:.3f}" for c in result.cells]
    return f"Average precision on clean images is {clean}; {'; '.join(parts)}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
