"""A decision whose sketches stay in the database until somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelward.core.errors import StateError
from modelward.monitoring.decisions.result import DriftResult
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
    def loading(
        cls, said: dict[str, Any], load: Callable[[], tuple[Sketch, Sketch]] | None
    ) -> KeptDriftResult:
        """Give a decision without its sketches, but with what loads both."""
        if load is None:
            raise StateError("expected a way to load the sketches of a kept decision, got none")
        sides: dict[str, Any] = {
            "reference": lambda: load()[0],
            "current": lambda: load()[1],
        }
        return cls(**said, **sides)

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
