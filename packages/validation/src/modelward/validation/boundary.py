"""The boundary on a slice through the domain: where the surrogates see it, and the runs around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.pages import axes
from modelward.validation.domain import Feature, FeatureContinuous, Floats
from modelward.validation.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.validation.study import Study

_CELLS = 41


@dataclass(frozen=True, slots=True)
class Boundary:
    """P(fail) on a grid over two features, the others held.

    `x` and `y` are (feature, grid values); `p_fail[i][j]` belongs to `y` value i and `x` value j.
    `held` are the other features' values. `logarithmic` names the features on a log scale.
    With a single feature, `y` is None and `p_fail` has one row.
    """

    x: tuple[str, tuple[float, ...]]
    y: tuple[str, tuple[float, ...]] | None
    held: dict[str, float]
    p_fail: tuple[tuple[float, ...], ...] = field(repr=False)
    logarithmic: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Say what the map shows."""
        share = float((np.array(self.p_fail) > 0.5).mean())
        across = self.x[0] if self.y is None else f"{self.x[0]} and {self.y[0]}"
        held = ", ".join(f"{name} = {value:.3g}" for name, value in self.held.items())
        return f"Map over {across}{f', with {held}' if held else ''}: {percent(share)} of it fails."


def slice_through(study: Study, hold: Mapping[str, float]) -> Boundary:
    """Map P(fail) over the two features that matter most, the others held.

    A feature matters by how far P(fail) moves when its column is shuffled. Features are held at
    `hold`, or in the middle of their range; a feature in `hold` is not mapped while others remain.

    Raises `DataError` for an unknown feature or a value out of range.
    """
    domain, panel = study.domain, study.surrogates()
    unknown = sorted(set(hold) - set(domain.names))
    if unknown:
        raise DataError(f"expected features of {list(domain.names)} to hold, got {unknown}")
    middle = domain.points(np.full((1, len(domain)), 0.5))[0] | dict(hold)
    centre = domain.to_unit([middle])[0]
    weight = _importance(study) - 10.0 * np.array([name in hold for name in domain.names])
    first = [int(i) for i in np.argsort(-weight, kind="stable")[:2]]
    steps = (np.arange(_CELLS) + 0.5) / _CELLS
    across, along = np.meshgrid(steps, steps if len(first) > 1 else [0.5])
    grid = np.tile(centre, (across.size, 1))
    grid[:, first[0]] = across.ravel()
    if len(first) > 1:
        grid[:, first[1]] = along.ravel()
    p_fail = panel.p_fail(domain.snap(grid)).reshape(across.shape).round(4)
    lines = [(domain.names[i], tuple(domain.features[i].from_unit(steps).tolist())) for i in first]
    return Boundary(
        lines[0],
        lines[1] if len(lines) > 1 else None,
        {n: v for i, (n, v) in enumerate(middle.items()) if i not in first},
        tuple(map(tuple, p_fail.tolist())),
        tuple(f.name for f in domain.features if _logarithmic(f)),
    )


def draw(boundary: Boundary, runs: list[dict[str, Any]], ax: Axes | None = None) -> Axes:
    """Draw the map with the told runs: crosses failed, dots passed; faint where off the slice."""
    ax = axes(ax, figsize=(7.2, 4.4))
    p_fail = np.array(boundary.p_fail)
    failed = np.array([bool(run["failed"]) for run in runs], dtype=bool)
    name, x = boundary.x
    at = np.array([run[name] for run in runs], dtype=np.float64)
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
        up = np.array([run[other] for run in runs], dtype=np.float64)
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
    ax.set_xlabel(name)
    if runs:
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2)
    return ax


def _importance(study: Study) -> Floats:
    volume = study.volume[:1024]
    rng = np.random.default_rng(study.seed)
    base = study.panel.p_fail(volume)
    moved = np.empty(len(study.domain))
    for j in range(len(moved)):
        shuffled = volume.copy()
        shuffled[:, j] = rng.permutation(shuffled[:, j])
        moved[j] = np.abs(study.panel.p_fail(shuffled) - base).mean()
    return moved


def _logarithmic(feature: Feature) -> bool:
    return isinstance(feature, FeatureContinuous) and feature.scale == "log"
