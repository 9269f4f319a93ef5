"""The model card: a superset of the Model Card Toolkit's schema v0.0.2, open to what others add."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from modelward.core.evidence import Evidence
from modelward.modelcards.codecs import yaml
from modelward.modelcards.codecs.document import Document

Number = float | int | str
"""A number, or a number as text: the older schema wants text, people write numbers."""


class _Open(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class Source(_Open):
    """Where a number comes from: a metric of an evidence record, or of an MLflow run.

    `record` is the path of the record, relative to the card, and `digest` the record's seal.
    """

    record: str | None = None
    digest: str | None = None
    run: str | None = None
    metric: str
    slice: str | None = None


class Interval(_Open):
    """A confidence interval; `level` is its coverage, 0.95 where none is given."""

    lower_bound: Number | None = None
    upper_bound: Number | None = None
    level: float | None = None


class PerformanceMetric(_Open):
    """One number the card claims."""

    type: str | None = None
    value: Number | None = None
    slice: str | None = None
    unit: str | None = None
    confidence_interval: Interval | None = None
    source: Source | None = None


class QuantitativeAnalysis(_Open):
    """What was measured."""

    performance_metrics: list[PerformanceMetric] = []


class Version(_Open):
    """The model's version; the date as written."""

    name: str | int | float | None = None
    date: str | None = None
    diff: str | None = None


class Run(_Open):
    """The training run. The spelling `mflow` of the action this is compatible with is understood."""

    type: Literal["mlflow", "mflow"]
    id: str


class ModelDetails(_Open):
    """What the model is."""

    name: str | None = None
    overview: str | None = None
    description: str | None = None
    documentation: str | None = None
    version: Version | None = None
    owners: list[dict[str, Any]] = []
    licenses: list[dict[str, Any]] = []
    run: Run | None = None


class Considerations(_Open):
    """Who should use it for what, and what to beware of."""

    users: list[Any] = []
    use_cases: list[Any] = []
    limitations: list[Any] = []
    tradeoffs: list[Any] = []
    ethical_considerations: list[Any] = []


class EvidenceReference(_Open):
    """An evidence record the card rests on, with what it found."""

    record: str
    digest: str
    kind: str
    findings: list[str] = []


class ModelCard(_Open):
    """What is known of a model, for people outside engineering too.

    Every part is optional, and unknown keys are kept: a card written for the older schema loads as
    it is. `ModelCard.load` also keeps the file, so that findings can name lines.
    """

    schema_version: str | float | None = None
    model_details: ModelDetails = ModelDetails()
    model_parameters: dict[str, Any] = {}
    quantitative_analysis: QuantitativeAnalysis = QuantitativeAnalysis()
    considerations: Considerations = Considerations()
    evidence: list[EvidenceReference] = Field(default=[])

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a YAML card. Raises `DataError` when it is not one, naming file, line and column."""
        from modelward.modelcards.rules.schema import card_of

        return card_of(cls, yaml.read(path))

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read a card from what was read of its file, as `load` does."""
        from modelward.modelcards.rules.schema import card_of

        return card_of(cls, document)

    @classmethod
    def from_mlflow(cls, run_id: str, *, tracking_uri: str | None = None) -> Self:
        """Make a card of an MLflow run: its metrics, parameters and code, each with its source."""
        from modelward.modelcards.create import content_of_run

        return cls.model_validate(content_of_run(run_id, tracking_uri))

    def attach(self, evidence: Evidence, *, record: str) -> Self:
        """Give the card with an evidence record's numbers and findings added.

        `record` is the path of the saved record, relative to the card. Each number names the record,
        its seal and the metric it comes from. A record of the same path replaces the earlier one.
        """
        from modelward.modelcards.create import attach

        return attach(self, evidence, record)

    def content(self) -> dict[str, Any]:
        """Give the card as plain content, without what is empty."""
        return _without_empty(self.model_dump(mode="json", exclude_none=True))

    def save(self, path: str | Path) -> Path:
        """Write the card as YAML, and give the path."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.write(self.content()), encoding="utf-8")
        return target


def _without_empty(content: dict[str, Any]) -> dict[str, Any]:
    kept = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in content.items()}
    return {k: v for k, v in kept.items() if v not in ({}, [], None)}


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of cards."""
    return ModelCard.model_json_schema()
