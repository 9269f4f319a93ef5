"""The report of an assessment: a page, its table and curve, and the evidence record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelward.adversarial.pictures import GAIN, SHOWN, strip
from modelward.adversarial.results import Assessment, Attacked
from modelward.core.evidence import Artifact, Environment, Evidence, Input, Metric, Subject
from modelward.core.pages import (
    Figure,
    Notice,
    Page,
    Prose,
    Section,
    Table,
    Tile,
    Tiles,
    axes,
    image_uri,
    svg,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def assessment_page(result: Assessment) -> Page:
    """Give the self-contained page of an assessment."""
    from modelward.core.optional import installed_version

    drawing = Figure(svg(curve(result)), _curve_in_words(result), "AP left against eps.")
    shown = [_pictures(a) for a in result.attacks if a.examples]
    config = [(key, str(value)) for key, value in result.config.items() if key != "attacks"]
    return Page(
        title=f"Adversarial assessment of {result.detector}",
        lead=f"COCO average precision on {result.n} images before and after "
        f"{len(result.attacks)} attacks, all scored on the same images.",
        blocks=[
            _tiles(result),
            *warning_blocks(result),
            Section("Figures", [table(result), drawing]),
            *([Section("Pictures", shown)] if shown else []),
            Section(
                "How it was measured",
                [
                    Prose(
                        "Intervals are bootstrap intervals over images (BCa): images are drawn with "
                        "replacement and AP is accumulated anew; clean and attacked figures of an "
                        "image stay together in the drop."
                    ),
                    Table(
                        "Settings",
                        ("setting", "value"),
                        [
                            *config,
                            *(("attack", text) for text in result.config["attacks"]),
                            ("seed", str(result.seed)),
                            ("data", f"{result.data}, sha256 {result.data_sha256[:16]}…"),
                            ("detector sha256", f"{result.detector_sha256[:16]}…"),
                        ],
                    ),
                ],
            ),
        ],
        footer=f"modelward-adversarial {installed_version('modelward-adversarial')}",
    )


def _tiles(result: Assessment) -> Tiles:
    clean = Tile("Clean AP", f"{result.ap.value:.3f}", _interval(result.ap.low, result.ap.high))
    rest = [
        Tile(
            a.label,
            f"{a.ap.value:.3f}",
            f"{_interval(a.ap.low, a.ap.high)}, {_share(a, result):.0%} of clean",
        )
        for a in result.attacks
    ]
    return Tiles([clean, *rest])


def warning_blocks(result: Assessment) -> list[Notice]:
    """Give each warning as a notice, or one that says that all checks held."""
    if result.warnings:
        return [Notice(text, "warning") for text in result.warnings]
    return [
        Notice(
            "The checks of the attacks' strength held: each gradient attack beats noise, "
            "PGD is not behind FGSM, larger eps are not weaker.",
            "good",
        )
    ]


def table(result: Assessment) -> Table:
    """Give the figures: a row for the clean images and one for each attack."""
    clean = ("clean", *_cells(result.ap.value, result.ap.low, result.ap.high), result.ap50.value)
    rows = [
        (
            a.label,
            *_cells(a.ap.value, a.ap.low, a.ap.high),
            a.ap50.value,
            f"{a.drop.value:.3f} {_interval(a.drop.low, a.drop.high)}",
            a.linf * 255,
            a.l2,
            a.seconds,
        )
        for a in result.attacks
    ]
    return Table(
        f"Average precision, intervals of {result.config['level']:.0%}",
        ("images", "AP", "interval", "AP50", "drop of AP", "max step /255", "mean L2", "seconds"),
        [(*clean, None, None, None, None), *rows],
    )


def curve(result: Assessment, ax: Axes | None = None) -> Axes:
    """Draw AP against eps, one line for each attack and objective, from the clean AP at 0."""
    ax = axes(ax)
    for name, points in _series(result).items():
        levels = [result.ap, *(a.ap for a in points)]
        values = [level.value for level in levels]
        below = [max(0.0, level.value - (level.low or 0.0)) for level in levels]
        above = [max(0.0, (level.high or 0.0) - level.value) for level in levels]
        ax.errorbar(
            [0.0, *(a.eps * 255 for a in points)],
            values,
            yerr=[below, above],
            marker="o",
            capsize=3,
            label=name,
        )
    ax.set_xlabel("eps (grey levels of 255)")
    ax.set_ylabel("AP .50:.95")
    ax.set_ylim(0, None)
    ax.legend()
    return ax


def _series(result: Assessment) -> dict[str, list[Attacked]]:
    series: dict[str, list[Attacked]] = {}
    for attacked in sorted(result.attacks, key=lambda a: a.eps):
        series.setdefault(attacked.label.rpartition(" ")[0], []).append(attacked)
    return series


def _curve_in_words(result: Assessment) -> str:
    parts = [f"{a.label} leaves {a.ap.value:.3f}" for a in result.attacks]
    return f"Average precision is {result.ap.value:.3f} on clean images; {'; '.join(parts)}."


def _pictures(attacked: Attacked) -> Figure:
    return Figure(
        image_uri(strip(attacked.examples)),
        f"{len(attacked.examples)} images, each clean, after {attacked.label}, and the difference "
        f"amplified {GAIN} times, with the detections of a score of at least {SHOWN:g} drawn as boxes.",
        f"{attacked.label}: clean | adversarial | difference × {GAIN}. Boxes: detections of a score "
        f"of at least {SHOWN:g}, coloured by class.",
    )


def evidence(result: Assessment, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
    """Give the sealed record of an assessment."""
    metrics = [
        Metric.of("ap", result.ap, higher_is_better=True),
        Metric.of("ap50", result.ap50, higher_is_better=True),
        *(
            Metric.of("ap", value, slice=f"class {name}", higher_is_better=True)
            for name, value in result.per_class.items()
        ),
    ]
    for a in result.attacks:
        metrics += [
            Metric.of("ap", a.ap, slice=a.label, higher_is_better=True),
            Metric.of("ap50", a.ap50, slice=a.label, higher_is_better=True),
            Metric.of("ap_drop", a.drop, slice=a.label, higher_is_better=False),
            Metric.of("linf", a.linf, slice=a.label, unit="of the pixel range"),
            Metric.of("seconds", a.seconds, slice=a.label, unit="s"),
        ]
    findings = [
        f"{a.label} leaves {_share(a, result):.0%} of the clean AP ({result.ap.value:.3f} to "
        f"{a.ap.value:.3f} on the same {result.n} images)"
        for a in result.attacks
    ]
    return Evidence.create(
        kind="adversarial.assessment",
        subject=Subject(name=result.detector, sha256=result.detector_sha256),
        tool="modelward-adversarial",
        config=result.config,
        seed=result.seed,
        environment=Environment.current(device=result.device),
        inputs=[Input(name=result.data, sha256=result.data_sha256, rows=result.n)],
        metrics=metrics,
        findings=[*findings, *(f"warning: {text}" for text in result.warnings)],
        artifacts=artifacts,
    )


def _share(attacked: Attacked, result: Assessment) -> float:
    return attacked.ap.value / result.ap.value if result.ap.value else 0.0


def _cells(value: float, low: float | None, high: float | None) -> tuple[float, str]:
    return value, _interval(low, high)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"
