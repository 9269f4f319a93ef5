"""The settings of a study, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """How a study divides its runs, and how many models compete.

    `initial` points start the study (default: 3 for each column the models see, 10 to 64).
    After that a share `explore` of the runs fills the space evenly, a share `audit` is drawn from the
    operational distribution whatever the models think, and the rest are proposals of the models;
    once the models are sure themselves, the audit's share rises to `audit_when_sure`, to prove it.
    Certificates hold at confidence `level`. `number_of_instances` models compete for each output; a
    model may be replaced once it has made `min_instance_predictions_before_deletion` forecasts.
    `number_of_regular_grid_points` values of each feature, crossed, start the study (0: none).

    Raises `ConfigError` for settings out of range.
    """

    seed: int = 0
    initial: int | None = None
    explore: float = 0.1
    audit: float = 0.1
    audit_when_sure: float = 0.5
    level: float = 0.95
    number_of_instances: int = 6
    min_instance_predictions_before_deletion: int = 50
    number_of_regular_grid_points: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("seed", 0),
            ("number_of_instances", 1),
            ("min_instance_predictions_before_deletion", 1),
            ("number_of_regular_grid_points", 0),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigError(f"expected a whole number {name} >= {least}, got {value!r}")
        if self.initial is not None and (not isinstance(self.initial, int) or self.initial < 2):
            raise ConfigError(f"expected initial >= 2 points, got {self.initial}")
        if not 0 <= self.audit_when_sure < 1:
            raise ConfigError(f"expected 0 <= audit_when_sure < 1, got {self.audit_when_sure}")
        if not 0 < self.level < 1:
            raise ConfigError(f"expected 0 < level < 1, got {self.level}")
        if not (0 < self.explore < 1 and 0 <= self.audit < 1 and self.explore + self.audit < 1):
            raise ConfigError(
                "expected shares explore > 0 and audit >= 0 with a sum below 1, "
                f"got {self.explore} and {self.audit}",
                hint="explore never is 0: a surrogate alone does not find what it does not expect.",
            )

    def start(self, columns: int) -> int:
        """Give the number of initial points for so many columns that the models see."""
        return min(64, max(10, 3 * columns)) if self.initial is None else self.initial

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make settings from what `to_dict` wrote. Raises `ConfigError` for unknown ones."""
        unknown = sorted(set(content) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"expected settings of a study, got {unknown}")
        return cls(**content)
