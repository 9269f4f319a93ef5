"""What is told of a model besides numbers: from its sketches, or from what was noted of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.aspects import missing_in_words
from modelward.monitoring.decisions.effects import in_words
from modelward.monitoring.decisions.measurement import FeatureTest, new_columns, reason_of
from modelward.monitoring.sketch.table import Sketch
from modelward.monitoring.sources.frames import Kind


class Source(Protocol):
    """What a result takes from a model: its columns in order, its rows, and words."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The columns of the reference in order, with their kinds."""

    @property
    def rows(self) -> tuple[int, int]:
        """How many rows the reference and the window have."""

    @property
    def new(self) -> tuple[FeatureTest, ...]:
        """The columns that came and are not in the reference."""

    def words(self, name: str, *, missing: bool, shift: Estimate | None) -> str:
        """Say in which way a column changed: its values, or the share missing."""

    def reason(self, name: str) -> str:
        """Say why the values of a column could not be compared."""


@dataclass(frozen=True, slots=True)
class Sketches:
    """A model of which both sketches are at hand."""

    reference: Sketch
    current: Sketch

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The columns of the reference in order, with their kinds."""
        return self.reference.kinds

    @property
    def rows(self) -> tuple[int, int]:
        """How many rows the reference and the window have."""
        return self.reference.rows, self.current.rows

    @property
    def new(self) -> tuple[FeatureTest, ...]:
        """The columns that came and are not in the reference."""
        return tuple(new_columns(self.reference, self.current)) if self.current.others else ()

    def words(self, name: str, *, missing: bool, shift: Estimate | None) -> str:
        """Say in which way a column changed: its values, or the share missing."""
        before, after = self.reference.columns[name], self.current.columns[name]
        return missing_in_words(before, after) if missing else in_words(before, after, shift)

    def reason(self, name: str) -> str:
        """Say why the values of a column could not be compared."""
        return reason_of(name, self.reference, self.current)


@dataclass(frozen=True, slots=True)
class Outline:
    """A model whose sketches are not in memory: what was noted before they were let go.

    `noted` has the words of every feature that may be an alarm, `reasons` those of every one that
    could not be compared; `load` gives the sketches again.
    """

    kinds: Mapping[str, Kind]
    rows: tuple[int, int]
    new: tuple[FeatureTest, ...]
    noted: Mapping[str, str]
    reasons: Mapping[str, str]
    load: Callable[[], tuple[Sketch, Sketch]] | None = None

    def words(self, name: str, *, missing: bool, shift: Estimate | None) -> str:
        """Say in which way a column changed, where that was noted."""
        del missing, shift
        return self.noted.get(name, "")

    def reason(self, name: str) -> str:
        """Say why the values of a column could not be compared."""
        return self.reasons.get(name, "")
