"""The boundary on a slice through the domain: where the surrogates see it, and the runs around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.pages import axes
from modelward.validation.domain import (
    Feature,
    FeatureCategorical,
    FeatureContinuous,
    Floats,
    Value,
)
from modelward.validation.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.validation.panel import Panel
    from modelward.validation.study import Study

_CELLS = 41


@dataclass(frozen=True, slots=True)
class Boundary:
    """P(fail) on a grid over two features, the others held.

    `x` and `y` are (feature, grid values); `p_fail[i][j]` belongs to `y` value i and `x` value j.
    `held` are the other features' values. `logarithmic` names the features on a log scale.
    With a single feature, `y` is None and `p_fail` has one row. `levels` names those of categorical
    features, whose grid values are their numbers.
    """

    x: tuple[str, tuple[float, ...]]
    y: tuple[str, tuple[float, ...]] | None
    held: dict[str, Value]
    p_fail: tuple[tuple[float, ...], ...] = field(repr=False)
    logarithmic: tuple[str, ...] = ()
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def in_words(self) -> str:
        """Say what the map shows."""
        share = float((np.array(self.p_fail) > 0.5).mean())
        across = self.x[0] if self.y is None else f"{self.x[0]} and {self.y[0]}"
        held = ", ".join(f"{name} = {_short(value)}" for name, value in self.held.items())
        return f"Map over {across}{f', with {held}' if held else ''}: {percent(share)} of it fails."


def slice_through(study: Study, panel: Panel, hold: Mapping[str, Any]) -> Boundary:
    """Map P(fail) over the two features that matter most, the others held.

    A feature matters by how far P(fail) moves when its column is shuffled. Features are held at
    `hold`, or at the told run that is nearest to the middle of the failing ones; a feature in
    `hold` is not mapped while others remain.

    Raises `DataError` for an unknown feature or a value out of range.
    """
    domain = study.domain
    unknown = sorted(set(hold) - set(domain.names))
    if unknown:
        raise DataError(f"expected features of {list(domain.names)} to hold, got {unknown}")
    middle = domain.points(_centre(study)[None, :])[0] | dict(hold)
    centre = domain.to_unit([middle])[0]
    weight = _importance(study, panel) - 10.0 * np.array([name in hold for name in domain.names])
    first = [int(i) for i in np.argsort(-weight, kind="stable")[:2]]
    mapped = [domain.features[i] for i in first]
    lines = [_steps(f) for f in mapped]
    across, along = np.meshgrid(lines[0], lines[1] if len(first) > 1 else [0.5])
    grid = np.tile(centre, (across.size, 1))
    grid[:, first[0]] = across.ravel()
    if len(first) > 1:
        grid[:, first[1]] = along.ravel()
    p_fail = panel.p_fail(domain.snap(grid)).reshape(across.shape).round(4)
    named = [
        (f.name, tuple(f.from_unit(steps).tolist())) for f, steps in zip(mapped, lines, strict=True)
    ]
    return Boundary(
        named[0],
        named[1] if len(named) > 1 else None,
        {n: v for i, (n, v) in enumerate(middle.items()) if i not in first},
        tuple(map(tuple, p_fail.tolist())),
        tuple(f.name for f in domain.features if _logarithmic(f)),
        {
            f.name: tuple(str(level) for level in f.levels)
            for f in mapped
            if isinstance(f, FeatureCategorical)
        },
    )


def draw(boundary: Boundary, runs: list[dict[str, Any]], ax: Axes | None = None) -> Axes:
    """Draw the map with the told runs: crosses failed, dots passed; faint where off the slice."""
    ax = axes(ax, figsize=(7.2, 4.4))
    p_fail = np.array(boundary.p_fail)
    failed = np.array([bool(run["failed"]) for run in runs], dtype=bool)
    name, x = boundary.x
    at = _column(boundary, runs, name)
    if boundary.y is None:
        ax.plot(x, p_fail[0], label="P(fail), self-assessed")
        ax.plot(at, failed.astype(float), "|", color="#000000", label="runs")
        ax.set_ylabel("P(fail)")
    else:
        other, y = boundary.y
        if p_fail.min() < 0.5 < p_fail.max():
            ax.contour(x, y, p_fail, levels=[0.5], colors=["#000000"], linewidths=1.4)
        ax.contourf(x, y, p_fail, levels=[0.5, 1.01], colors=["#c4622d"], alpha=0.22)
        ax.contourf(x, y, p_fail, levels=[0.1, 0.9], colors=["#7d7a1f"], alpha=0.18)
        up = _column(boundary, runs, other)
        for mask, marker, colour, label in (
            (failed, "x", "#c4622d", "run failed"),
            (~failed, "o", "#3b7dd8", "run passed"),
        ):
            if mask.any():
                ax.scatter(at[mask], up[mask], s=22, marker=marker, c=colour, label=label)
        ax.set_ylabel(other)
        ax.grid(visible=False)
        ax.set_yscale("log" if other in boundary.logarithmic else "linear")
    ax.set_xscale("log" if name in boundary.logarithmic else "linear")
    for axis, feature in ((ax.xaxis, name), (ax.yaxis, boundary.y[0] if boundary.y else "")):
        if feature in boundary.levels:
            names = boundary.levels[feature]
            axis.set_ticks(list(range(len(names))), labels=list(names))
    ax.set_xlabel(name)
    if runs:
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2)
    return ax


def _column(boundary: Boundary, runs: list[dict[str, Any]], name: str) -> Floats:
    if name in boundary.levels:
        number = {level: i for i, level in enumerate(boundary.levels[name])}
        return np.array([number[str(run[name])] for run in runs], dtype=np.float64)
    return np.array([run[name] for run in runs], dtype=np.float64)


def _steps(feature: Feature) -> Floats:
    if isinstance(feature, FeatureContinuous):
        return np.linspace(0.0, 1.0, _CELLS)
    count = min(_CELLS, feature.count)
    return np.asarray((np.arange(count) + 0.5) / count)


def _centre(study: Study) -> Floats:
    """Give the failing run nearest to the middle of the failing ones, so that the map shows failures."""
    told = study.told
    failed = [run.id for run in told if run.failed(study.outputs)]
    unit = study._book.unit[failed or [run.id for run in told]]
    return np.asarray(unit[np.abs(unit - np.median(unit, axis=0)).sum(1).argmin()])


def _importance(study: Study, panel: Panel) -> Floats:
    volume = study.volume[:512]
    rng = np.random.default_rng(study.seed)
    base = panel.p_fail(volume)
    moved = np.empty(len(study.domain))
    for j in range(len(moved)):
        shuffled = volume.copy()
        shuffled[:, j] = rng.permutation(shuffled[:, j])
        moved[j] = np.abs(panel.p_fail(shuffled) - base).mean()
    return moved


def _short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _logarithmic(feature: Feature) -> bool:
    return isinstance(feature, FeatureContinuous) and feature.scale == "log"
