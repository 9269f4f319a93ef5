"""A decision whose sketches stay in the database until somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.sketch.table import Sketch

Loader = Callable[[], Sketch]


class KeptDriftResult(DriftResult):
    """A `DriftResult` that loads its two sketches when they are asked for.

    Ten thousand models have gigabytes of sketches; a list of what was decided of them has not.
    """

    __slots__ = ("_current", "_reference")
    _reference: Sketch | Loader
    _current: Sketch | Loader

    @classmethod
    def of(cls, result: DriftResult, *, reference: Loader, current: Loader) -> KeptDriftResult:
        """Give the same decision without its sketches, but with what loads them."""
        names = [f.name for f in fields(DriftResult) if f.name not in {"reference", "current"}]
        values: dict[str, Any] = {name: getattr(result, name) for name in names}
        values |= {"reference": reference, "current": current}
        return cls(**values)

    def judged(self, features: tuple[FeatureDrift, ...]) -> KeptDriftResult:
        """Give the same with its features judged anew; the sketches stay where they are."""
        again = type(self).of(self, reference=lambda: self.reference, current=lambda: self.current)
        object.__setattr__(again, "features", features)
        return again

    @property
    def reference(self) -> Sketch:
        """The sketch of the reference."""
        return self._loaded("_reference")

    @reference.setter
    def reference(self, value: Sketch | Loader) -> None:
        object.__setattr__(self, "_reference", value)

    @property
    def current(self) -> Sketch:
        """The sketch of the window."""
        return self._loaded("_current")

    @current.setter
    def current(self, value: Sketch | Loader) -> None:
        object.__setattr__(self, "_current", value)

    def _loaded(self, name: str) -> Sketch:
        value = getattr(self, name)
        sketch: Sketch = value if isinstance(value, Sketch) else value()
        object.__setattr__(self, name, sketch)
        return sketch
