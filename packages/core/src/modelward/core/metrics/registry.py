"""The table of metrics, and tables of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelward.core.config.problems import nearest
from modelward.core.errors import DataError
from modelward.core.metrics.classification import CLASSIFICATION
from modelward.core.metrics.detection import DETECTION
from modelward.core.metrics.regression import REGRESSION
from modelward.core.metrics.specification import MetricSpec, Task


class MetricRegistry:
    """Metrics by name, in the order they were added.

    Each registry is its own: adding to one changes no other, nor the built-in table.

    >>> registry = MetricRegistry(metrics(task="classification"))
    >>> "accuracy" in registry, "mae" in registry
    (True, False)
    >>> registry.metric("acuracy")
    Traceback (most recent call last):
    ...
    modelward.core.errors.DataError: expected the name of a metric, got 'acuracy'
    <BLANKLINE>
    Hint: did you mean 'accuracy'?
    """

    def __init__(self, specs: Iterable[MetricSpec] = ()) -> None:
        self._specs: dict[str, MetricSpec] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: MetricSpec) -> MetricSpec:
        """Add a metric and give it back. Raises `DataError` when the name is taken."""
        if spec.name in self._specs:
            raise DataError(
                f"expected a new name of a metric, got '{spec.name}', which is taken",
                hint="give it another name, or start from a registry without the other.",
            )
        self._specs[spec.name] = spec
        return spec

    def metric(self, name: str) -> MetricSpec:
        """Give the metric of that name. Raises `DataError` with the nearest name."""
        if name not in self._specs:
            known = f"one of {', '.join(self._specs) or 'none'}."
            raise DataError(
                f"expected the name of a metric, got {name!r}",
                hint=nearest(str(name), list(self._specs)) or known,
            )
        return self._specs[name]

    def metrics(self, *, task: Task | None = None) -> tuple[MetricSpec, ...]:
        """Give the metrics of a task, or all. Raises `DataError` for a task that has none."""
        chosen = tuple(s for s in self._specs.values() if task in {None, s.task})
        if task is not None and not chosen:
            tasks = sorted({s.task for s in self._specs.values()})
            raise DataError(
                f"expected a task, got {task!r}",
                hint=nearest(str(task), tasks) or f"one of {', '.join(tasks) or 'none'}.",
            )
        return chosen

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[MetricSpec]:
        return iter(self._specs.values())

    def __len__(self) -> int:
        return len(self._specs)

    def __repr__(self) -> str:
        return f"MetricRegistry({', '.join(self._specs)})"


_BUILT_IN = MetricRegistry((*CLASSIFICATION, *REGRESSION, *DETECTION))


def metric(name: str) -> MetricSpec:
    """Give a built-in metric by name.

    Raises `DataError` for an unknown name, with the nearest one as a hint.

    >>> metric("accuracy")([0, 1, 1, 0], [0, 1, 0, 0])
    0.75
    >>> metric("rmse").higher_is_better, metric("rmse").unit
    (False, 'target')
    """
    return _BUILT_IN.metric(name)


def metrics(*, task: Task | None = None) -> tuple[MetricSpec, ...]:
    """Give the built-in metrics of a task (`classification`, `regression`, `detection`), or all.

    >>> [spec.name for spec in metrics(task="regression")]
    ['mae', 'rmse', 'r2', 'mape', 'medae', 'pinball']
    """
    return _BUILT_IN.metrics(task=task)
