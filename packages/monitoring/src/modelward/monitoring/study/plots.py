"""The pictures of the study."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from modelward.core.pages import axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.monitoring.study.result import StudyResult

_MARKS = ("o", "s", "^", "D", "v")
FALSE, FOUND = "#b23a6b", "#3b7dd8"


def plot_rules(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Draw for each rule the share of healthy windows that alarm, and of changed ones found."""
    table = result.rules()
    rules = list(dict.fromkeys(table.index.get_level_values("rule")))[::-1]
    sizes = sorted(set(table.index.get_level_values("n")))
    ax = axes(ax, figsize=(7.2, 1.4 + 0.42 * len(rules)))
    for at, n in enumerate(sizes):
        offset = 0.22 * (at - (len(sizes) - 1) / 2)
        places = np.arange(len(rules)) - offset
        rows = table.xs(n, level="n").loc[rules]
        for column, color, word in (
            ("false_alarms", FALSE, "false alarms"),
            ("found", FOUND, "changes found"),
        ):
            bounds = rows[f"{column}_low"], rows[f"{column}_high"]
            ax.hlines(places, *bounds, color=color, linewidth=1.5, alpha=0.4)
            face = "none" if column == "false_alarms" else color  # told apart without colour, too
            ax.plot(
                rows[column],
                places,
                linestyle="none",
                marker=_MARKS[at % len(_MARKS)],
                markersize=5,
                color=color,
                markerfacecolor=face,
                label=f"{word}, {n} rows",
            )
    ax.axvline(0.05, color="#000000", linestyle="--", linewidth=1)
    ax.set_yticks(range(len(rules)), [plain(rule) for rule in rules])
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("share of windows (dashed: 5 %)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(sizes), fontsize="x-small")
    return ax


def plot_scenarios(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Draw which rule finds which change, as shares over all sizes."""
    table = result.scenarios()
    ax = axes(ax, figsize=(7.2, 1.6 + 0.34 * len(table)))
    ax.imshow(table.to_numpy(), vmin=0, vmax=1.35, cmap="Blues", aspect="auto")
    ax.grid(visible=False)
    for row, shares in enumerate(table.to_numpy()):
        for column, share in enumerate(shares):
            ax.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7)
    ax.set_xticks(range(table.shape[1]), [plain(name) for name in table], rotation=35, ha="right")
    ax.set_yticks(range(len(table)), [plain(name) for name in table.index])
    return ax


def plot_delays(result: StudyResult, ax: Axes | None = None) -> Axes:
    """Draw after how many rows each detector tells of a change, each stream by a mark of its own."""
    table = result.delays()["delay"].unstack("subject")
    ax = axes(ax, figsize=(7.2, 1.2 + 0.4 * len(table)))
    order = list(dict.fromkeys(result.streams["rule"]))[::-1]
    for at, (stream, delays) in enumerate(table.items()):
        ax.plot(
            delays.loc[order],
            range(len(order)),
            linestyle="none",
            marker=_MARKS[at % len(_MARKS)],
            label=plain(stream),
        )
    ax.set_yticks(range(len(order)), [plain(rule) for rule in order])
    ax.set_xlim(left=0)
    ax.set_xlabel("rows from the change to the first alarm (median where it is found)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="x-small")
    return ax


def pictures(result: StudyResult) -> Mapping[str, str]:
    """Give every picture as an SVG file's text, by name."""
    drawn: dict[str, Callable[[StudyResult], Axes]] = {"rules": plot_rules}
    drawn |= {"scenarios": plot_scenarios, "delays": plot_delays}
    found = {}
    for name, draw in drawn.items():
        file = io.StringIO()
        figure = draw(result).figure
        figure.savefig(  # type: ignore[union-attr]
            file, format="svg", bbox_inches="tight", facecolor="white", metadata={"Date": None}
        )
        found[name] = "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
    return found
