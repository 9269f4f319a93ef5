"""The words of the fleet: a model, a window, what is known of a model now, an incident, an event.

Everything that writes to the store and everything that shows what is in it speaks in these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate

LONGEST_NAME = 500
State = Literal["alarmed", "cannot say", "steady", "silent", "new"]
"""Of a model: an alarm in its newest window; a window that could not be judged; neither; no window
for longer than it should take; none yet."""
EventKind = Literal["deployment", "retraining", "data", "note"]
Task = Literal["classification", "regression", ""]


def instant(when: datetime | str | float) -> datetime:
    """Give a moment in UTC from a datetime, ISO 8601 text or seconds since 1970.

    What has no time zone is taken as UTC. Raises `DataError` for anything else.

    >>> instant("2026-03-01T12:00:00+02:00").isoformat()
    '2026-03-01T10:00:00+00:00'
    """
    try:
        if isinstance(when, (int, float)):
            return datetime.fromtimestamp(when, UTC)
        found = datetime.fromisoformat(when) if isinstance(when, str) else when
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError, AttributeError, TypeError) as error:
        raise DataError(
            f"expected a moment, got {when!r}", hint="e.g. 2026-03-01T12:00:00+00:00."
        ) from error


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of time, the end not in it; UTC. Raises `DataError` when the end is not later.

    >>> Window.of("2026-03-01", hours=24)
    Window('2026-03-01T00:00Z', '2026-03-02T00:00Z')
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", instant(self.start))
        object.__setattr__(self, "end", instant(self.end))
        if not self.start < self.end:
            raise DataError(f"expected a window whose end is after its start, got {self!r}")

    @classmethod
    def of(cls, start: datetime | str | float, *, hours: float) -> Self:
        """Give the window of so many hours from a start."""
        begin = instant(start)
        return cls(begin, begin + timedelta(hours=hours))

    def covers(self, other: Window) -> bool:
        """Tell whether the other window lies wholly within this one."""
        return self.start <= other.start and other.end <= self.end

    def to_dict(self) -> dict[str, str]:
        """Give both moments as ISO 8601 text."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}

    def __repr__(self) -> str:
        return f"Window('{_short(self.start)}', '{_short(self.end)}')"

    def __str__(self) -> str:
        return f"{_short(self.start)} to {_short(self.end)}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the catalogue.

    `owner` and `group` say whom to call and what it belongs to. `traffic` is predictions a day and
    `criticality` the cost of one lost unit of performance on one prediction, both >= 0: their
    product with the performance lost is the expected loss by which models are ranked. `metric` is
    the metric of `modelward.core.metrics` that counts as its performance (`accuracy`, `mae`, …).
    `registered`, `version` and `run_id` are its place in MLflow. A model without a window for longer
    than `silent_after` hours is silent. `reference` is the digest of its reference sketch.

    Raises `DataError` for a name that is empty or longer than 500 characters, and for numbers out
    of range.
    """

    name: str
    owner: str = ""
    group: str = ""
    task: Task = ""
    metric: str = ""
    traffic: float = 1.0
    criticality: float = 1.0
    silent_after: float = 48.0
    registered: str | None = None
    version: str | None = None
    run_id: str | None = None
    reference: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > LONGEST_NAME:
            raise DataError(
                f"expected a model name of 1 to {LONGEST_NAME} characters, got {len(self.name)}"
            )
        for what in ("traffic", "criticality", "silent_after"):
            value = getattr(self, what)
            if not 0 <= value < float("inf"):
                raise DataError(f"expected {what} >= 0 and finite for '{self.name}', got {value}")

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        return asdict(self) | {"tags": dict(self.tags)}


@dataclass(frozen=True, slots=True)
class Performance:
    """What is known of a model's performance in one window, in the unit of `metric`.

    `realised` is measured with labels, `estimated` without; `baseline` is the value on the
    reference. `lost` is how much worse than the baseline it is (>= 0, the realised value where there
    is one, else the estimated), in the metric's unit.
    """

    metric: str
    baseline: Estimate | None = None
    realised: Estimate | None = None
    estimated: Estimate | None = None
    higher_is_better: bool = True

    @property
    def value(self) -> Estimate | None:
        """The realised value where there is one, else the estimated."""
        return self.realised if self.realised is not None else self.estimated

    @property
    def lost(self) -> float | None:
        """How much worse than the baseline, at least 0; None where one of both is not known."""
        if self.value is None or self.baseline is None:
            return None
        fall = self.baseline.value - self.value.value
        return max(0.0, fall if self.higher_is_better else -fall)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        return {
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            **{
                name: None if value is None else value.to_dict()
                for name, value in (
                    ("baseline", self.baseline),
                    ("realised", self.realised),
                    ("estimated", self.estimated),
                )
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        parts = {
            name: None if content.get(name) is None else Estimate(**content[name])
            for name in ("baseline", "realised", "estimated")
        }
        return cls(
            metric=str(content["metric"]),
            higher_is_better=bool(content["higher_is_better"]),
            **parts,
        )


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What is known of one model as of one window: a row of the fleet table.

    `drifted` and `cannot_say` name features, the worst first; `failures` are the words of failed
    quality expectations. `expected_loss` is performance lost x traffic x criticality, a day; None
    where the performance lost is not known. `incident` is the id of the open incident it belongs to.
    """

    model: Model
    state: State
    window: Window | None = None
    rows: int = 0
    features: int = 0
    drifted: tuple[str, ...] = ()
    cannot_say: tuple[str, ...] = ()
    largest_change: float = 0.0
    worst: str = ""
    smallest_q: float | None = None
    failures: tuple[str, ...] = ()
    performance: Performance | None = None
    expected_loss: float | None = None
    incident: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content, the model as its name."""
        return {
            "model": self.model.name,
            "owner": self.model.owner,
            "group": self.model.group,
            "version": self.model.version,
            "state": self.state,
            "window": None if self.window is None else self.window.to_dict(),
            "rows": self.rows,
            "features": self.features,
            "drifted": list(self.drifted),
            "cannot_say": list(self.cannot_say),
            "largest_change": self.largest_change,
            "worst": self.worst,
            "smallest_q": self.smallest_q,
            "failures": list(self.failures),
            "performance": None if self.performance is None else self.performance.to_dict(),
            "performance_lost": None if self.performance is None else self.performance.lost,
            "expected_loss": self.expected_loss,
            "incident": self.incident,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and may explain an alarm: a deployment, a retraining, a data change.

    `model` is None for what concerns many models; `columns` names the columns of a data event.
    """

    kind: EventKind
    at: datetime
    text: str
    model: str | None = None
    version: str | None = None
    columns: tuple[str, ...] = ()
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        return asdict(self) | {"at": self.at.isoformat(), "columns": list(self.columns)}


@dataclass(frozen=True, slots=True)
class Incident:
    """Alarms that have one cause: a column that broke for many models, or one model alone.

    `id` is stable while the incident lasts, so that it is told once. `columns` are the columns at
    fault, `members` the models, the largest expected loss first. `first` and `last` are the first
    bad window and the newest. `before` are the events shortly before the first bad window, the
    nearest first. `suggestion` says what to do.
    """

    id: str
    title: str
    columns: tuple[str, ...]
    members: tuple[str, ...]
    first: Window
    last: Window
    rule: str
    before: tuple[Event, ...] = ()
    suggestion: str = ""
    expected_loss: float | None = None
    open: bool = True
    silenced_until: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        until = self.silenced_until
        return {
            "id": self.id,
            "title": self.title,
            "columns": list(self.columns),
            "members": list(self.members),
            "first": self.first.to_dict(),
            "last": self.last.to_dict(),
            "rule": self.rule,
            "before": [event.to_dict() for event in self.before],
            "suggestion": self.suggestion,
            "expected_loss": self.expected_loss,
            "open": self.open,
            "silenced_until": None if until is None else until.isoformat(),
        }


def _short(when: datetime) -> str:
    text = when.isoformat(timespec="seconds").replace("+00:00", "Z")
    return text.replace(":00Z", "Z") if when.second == 0 else text
