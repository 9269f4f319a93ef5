"""The pictures of a job, as SVG that stands in a page."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from modelward.core.pages import axes, plain, svg
from modelward.core.pages.charts import PALETTE

_drawing = threading.Lock()
"""matplotlib's settings belong to the process: one picture at a time."""
BLUE, ORANGE, OLIVE = PALETTE[0], PALETTE[1], PALETTE[5]
MARKS = ("-", "--", "-.", ":")


def certainty(history: Sequence[Mapping[str, Any]], targets: Mapping[str, float]) -> Markup:
    """Draw how the certainty of each output grew: proven, and as the models see themselves."""
    with _drawing:
        ax = axes(figsize=(6.0, 3.0))
        told = [row["told"] for row in history]
        for i, (name, target) in enumerate(targets.items()):
            colour = PALETTE[i % len(PALETTE)]
            rows = [row["outputs"].get(name, {}) for row in history]
            ax.plot(told, _of(rows, "proven"), color=colour, label=f"{_short(name)}: proven")
            ax.plot(
                told,
                _of(rows, "self_assessed"),
                color=colour,
                linestyle="--",
                linewidth=1.0,
                label=f"{_short(name)}: self-assessed",
            )
            ax.axhline(target, color=colour, linestyle=":", linewidth=1.2)
            ax.annotate(f"target {target:g}", (told[0], target), xytext=(2, 3),
                        textcoords="offset points", fontsize=8)  # fmt: skip
        ax.set_ylim(0.0, 1.03)
        ax.set_xlabel("runs told")
        ax.set_ylabel("certainty")
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=9, ncols=2)
        return svg(ax)


def competition(history: Sequence[Mapping[str, Any]], output: str) -> Markup:
    """Draw the log loss of each model that ever competed for an output."""
    with _drawing:
        ax = axes(figsize=(6.4, 3.0))
        lines: dict[str, list[tuple[int, float]]] = {}
        for row in history:
            for model in row["standings"].get(output, []):
                if model["log_loss"] is not None:
                    lines.setdefault(model["name"], []).append((row["told"], model["log_loss"]))
        for i, (name, points) in enumerate(lines.items()):
            ax.plot(
                *zip(*points, strict=True),
                color=PALETTE[i % len(PALETTE)],
                linestyle=MARKS[i // len(PALETTE) % len(MARKS)],
                marker="." if len(points) == 1 else None,
                label=_short(name),
            )
        ax.set_ylim(bottom=0.0)
        ax.set_xlabel("runs told")
        ax.set_ylabel("mean log loss (nats)")
        if lines:
            ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=9, ncols=3)
        return svg(ax)


def pair(content: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw P(fail) over two features, the boundary, where it is uncertain, and the runs."""
    import numpy as np

    with _drawing:
        ax = axes(figsize=(3.6, 3.0))
        x, y = content["x"], content["y"]
        xs, xticks = _axis(content["x_values"])
        ys, yticks = _axis(content["y_values"])
        p = np.array(content["p_fail"], dtype=np.float64)
        ax.contourf(xs, ys, p, levels=[0.5, 1.01], colors=[ORANGE], alpha=0.22)
        ax.contourf(xs, ys, p, levels=[0.1, 0.9], colors=[OLIVE], alpha=0.2)
        if p.min() < 0.5 < p.max():
            ax.contour(xs, ys, p, levels=[0.5], colors=["#000000"], linewidths=1.2)
        for failed, marker, colour in ((False, ".", BLUE), (True, "x", ORANGE)):
            some = [run for run in runs if bool(run["failed"]) == failed]
            ax.scatter(
                [_place(run["point"][x], content["x_values"]) for run in some],
                [_place(run["point"][y], content["y_values"]) for run in some],
                s=16,
                marker=marker,
                c=colour,
                linewidths=0.8,
                alpha=0.6,
            )
        ax.set_xlim(min(xs), max(xs))
        ax.set_ylim(min(ys), max(ys))
        if xticks:
            ax.set_xticks(xs, xticks)
        if yticks:
            ax.set_yticks(ys, yticks)
        ax.set_xlabel(_short(x))
        ax.set_ylabel(_short(y))
        ax.grid(visible=False)
        return svg(ax)


def slice_(content: Mapping[str, Any]) -> Markup:
    """Draw P(fail) along one feature, with the band in which it varies over the others."""
    with _drawing:
        ax = axes(figsize=(3.6, 2.4))
        xs, ticks = _axis(content["values"])
        if content.get("low") is not None and content.get("high") is not None:
            ax.fill_between(xs, content["low"], content["high"], color=BLUE, alpha=0.18)
        ax.plot(xs, content["p_fail"], color=BLUE)
        ax.axhline(0.5, color="#000000", linewidth=0.8, linestyle=":")
        if ticks:
            ax.set_xticks(xs, ticks)
        ax.set_ylim(0.0, 1.0)
        ax.set_xlabel(_short(content["feature"]))
        ax.set_ylabel("P(fail)")
        return svg(ax)


WIDTH, HEIGHT, MARGIN = 900, 320, 60


def parallel(
    names: Sequence[str],
    ends: Sequence[tuple[str, str]],
    lines: Sequence[tuple[Sequence[float], bool]],
) -> Markup:
    """Draw each run as a line across one axis for each feature; `lines` are in [0, 1].

    Each line carries its places, so that the page's script can fade those outside a range.
    """
    gap = (WIDTH - 2 * MARGIN) / max(1, len(names) - 1)
    xs = [MARGIN + i * gap for i in range(len(names))]
    top, bottom = 40, HEIGHT - 30
    parts = [f'<svg class="parallel" viewBox="0 0 {WIDTH} {HEIGHT}" role="presentation">']
    for at, failed in sorted(lines, key=lambda line: line[1]):
        points = " ".join(
            f"{x:.1f},{bottom - v * (bottom - top):.1f}" for x, v in zip(xs, at, strict=True)
        )
        places = " ".join(f"{v:.3f}" for v in at)
        kind = "failed" if failed else "passed"
        parts.append(f'<polyline class="{kind}" points="{points}" data-at="{places}"/>')
    for x, name, (low, high) in zip(xs, names, ends, strict=True):
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        for y, text in ((16, _cut(name, 16)), (32, high), (bottom + 18, low)):
            parts.append(
                f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{escape(_cut(text, 16))}</text>'
            )
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - names escaped, all else is numbers


def _axis(values: Sequence[Any]) -> tuple[list[float], list[str]]:
    """Give where values lie, and their names where they are levels rather than numbers."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return [float(v) for v in values], []
    return [float(i) for i in range(len(values))], [_short(v) for v in values]


def _place(value: Any, values: Sequence[Any]) -> float:
    numbers, levels = _axis(values)
    return numbers[list(values).index(value)] if levels else float(value)


def _short(name: Any) -> str:
    return plain(_cut(name, 24))


def _cut(text: Any, most: int) -> str:
    return str(text) if len(str(text)) <= most else str(text)[: most - 1] + "…"


def _of(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [float("nan") if row.get(name) is None else float(row[name]) for row in rows]
