"""The part of the report that explains: what matters, how far from passing, slices and pairs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from modelward.core.pages import Block, Figure, Section, Table, axes, svg
from modelward.validation.explain import Explanation
from modelward.validation.slices import Pair, Slice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS, _PAIRS = 3, 6


def sections(explanation: Explanation) -> list[Section]:
    """Give the sections of the page that explain."""
    why: list[Block] = [_matters(explanation)]
    if explanation.slices:
        why.append(_figure_slices(explanation.slices))
    if explanation.pairs:
        why.append(_figure_pairs(explanation.pairs[:_PAIRS]))
    found = [Section("What matters", why)]
    cases: list[Block] = []
    if explanation.worst:
        cases.append(_worst(explanation))
    if explanation.nearest:
        cases.append(_nearest(explanation))
    return [*found, Section("Single cases", cases)] if cases else found


def _matters(explanation: Explanation) -> Table:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    rows = [
        (output, row.feature, share(row.first), share(row.total), f"{row.permutation:.3f}")
        for output, ranked in explanation.sensitivity.items()
        for row in ranked[:12]
    ]
    columns = ("output", "feature", "alone", "with interactions", "shuffled")
    title = "Shares of the variance of P(fail) (Sobol indices), and its mean change when shuffled"
    return Table(title, columns, rows)


def _figure_slices(slices: tuple[Slice, ...]) -> Figure:
    figure, grid = _grid(len(slices), width=8.4, height=2.1)
    for ax, one in zip(grid, slices, strict=False):
        _draw_slice(ax, one)
    steepest = max(slices, key=lambda s: max(s.p_fail) - min(s.p_fail))
    alt = (
        f"P(fail) along each feature, averaged over the others. It moves most along "
        f"{steepest.feature}: from {min(steepest.p_fail):.2f} to {max(steepest.p_fail):.2f}."
    )
    caption = "Line: the mean of P(fail) over the other features. Band: 10th to 90th percentile."
    return Figure(svg(figure), alt, caption)


def _draw_slice(ax: Axes, one: Slice) -> None:
    if any(isinstance(value, str) for value in one.values):
        places = list(range(len(one.values)))
        ax.bar(places, one.p_fail, color="#3b7dd8")
        ax.set_xticks(places, [str(value)[:12] for value in one.values], rotation=20, ha="right")
    else:
        at = [float(value) for value in one.values]
        ax.fill_between(at, one.low, one.high, alpha=0.2, color="#3b7dd8", linewidth=0)
        ax.plot(at, one.p_fail, color="#3b7dd8")
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel(one.feature[:30])
    ax.set_ylabel("P(fail)")


def _figure_pairs(pairs: tuple[Pair, ...]) -> Figure:
    figure, grid = _grid(len(pairs), width=8.4, height=2.6)
    for ax, pair in zip(grid, pairs, strict=False):
        image = ax.imshow(
            pair.p_fail, origin="lower", aspect="auto", vmin=0, vmax=1, cmap="cividis"
        )
        for axis, values, name in (
            (ax.xaxis, pair.x_values, pair.x),
            (ax.yaxis, pair.y_values, pair.y),
        ):
            places = _places(values)
            axis.set_ticks(places, labels=[_short(values[i]) for i in places])
            axis.set_label_text(name[:30])
        ax.grid(visible=False)
    figure.colorbar(image, ax=list(grid), label="P(fail)", shrink=0.8)
    names = ", ".join(f"{pair.x} and {pair.y}" for pair in pairs)
    return Figure(
        svg(figure),
        f"Maps of P(fail) over pairs of features: {names}.",
        "P(fail) over pairs of the features that matter most, averaged over the others.",
    )


def _grid(n: int, *, width: float, height: float) -> tuple[Any, Any]:
    columns = min(n, _COLUMNS)
    rows = math.ceil(n / columns)
    figure: Any = axes(
        figsize=(width if columns == _COLUMNS else 3.2 * columns + 1, height * rows)
    ).figure
    figure.clear()
    figure.set_layout_engine("constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[n:]:
        spare.set_axis_off()
    return figure, grid[:n]


def _places(values: tuple[Any, ...]) -> list[int]:
    if len(values) <= 4 or isinstance(values[0], str):
        return list(range(len(values)))
    return [0, len(values) // 2, len(values) - 1]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:12]


def _worst(explanation: Explanation) -> Table:
    columns = tuple(explanation.worst[0])
    rows = [tuple(row[name] for name in columns) for row in explanation.worst]
    return Table("The worst runs: crashes first, then the farthest beyond a limit", columns, rows)


def _nearest(explanation: Explanation) -> Table:
    rows = [
        (
            one.run,
            ", ".join(f"{k}: {_short(a)} to {_short(b)}" for k, (a, b) in one.changes.items()),
            round(one.distance, 3),
        )
        for one in explanation.nearest
    ]
    columns = ("run", "would pass, by the surrogates, with", "distance")
    return Table("What would have to change", columns, rows)
