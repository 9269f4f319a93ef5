"""The model card: a superset of the Model Card Toolkit's schema v0.0.2, open to what others add."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, StrictFloat, StrictInt, StrictStr

from modelward.core.evidence import Evidence
from modelward.core.files import write_whole
from modelward.modelcards.codecs import yaml
from modelward.modelcards.codecs.document import Document

Number = StrictInt | StrictFloat | StrictStr
"""A number, or a number as text: the older schema wants text, people write numbers."""
Text = Number
"""Text. The older schema wants text where YAML reads `name: 1.10` or `date: 2022` as a number."""


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

    type: Text | None = None
    value: Number | None = None
    slice: Text | None = None
    unit: Text | None = None
    confidence_interval: Interval | None = None
    source: Source | None = None


class QuantitativeAnalysis(_Open):
    """What was measured."""

    performance_metrics: list[PerformanceMetric] = []


class Version(_Open):
    """The model's version; the date as written."""

    name: Text | None = None
    date: Text | None = None
    diff: Text | None = None


class Run(_Open):
    """The training run. The spelling `mflow` of the action this is compatible with is understood."""

    type: Literal["mlflow", "mflow"]
    id: Text


class ModelDetails(_Open):
    """What the model is."""

    name: Text | None = None
    overview: Text | None = None
    description: Text | None = None
    documentation: Text | None = None
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

    schema_version: Text | None = None
    model_details: ModelDetails = ModelDetails()
    model_parameters: dict[str, Any] = {}
    quantitative_analysis: QuantitativeAnalysis = QuantitativeAnalysis()
    considerations: Considerations = Considerations()
    evidence: list[EvidenceReference] = []
    _document: Document | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a YAML card. Raises `DataError` when it is not one, naming file, line and column."""
        return cls.from_document(yaml.read(path))

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read a card from what was read of its file, as `load` does."""
        from modelward.modelcards.rules.schema import card_of

        card = card_of(cls, document)
        card._document = document
        return card

    @classmethod
    def from_mlflow(cls, run: str, *, tracking_uri: str | None = None) -> Self:
        """Make a card of an MLflow run: metrics with their source, parameters, signature, commit.

        `run` is a run's id, or a registered model as `models:/name@alias` or `models:/name/version`.
        Raises `ServiceError` when MLflow does not have it or does not answer.
        """
        from modelward.modelcards.create import content_of_run

        return cls.model_validate(content_of_run(run, tracking_uri))

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
        """Write the card as YAML, and give the path.

        A card that was read from a file keeps that file's comments, order and spelling; what was
        not changed is written byte for byte.
        """
        return write_whole(path, self._text())

    def _text(self) -> str:
        if self._document is None:
            return yaml.write(self.content())
        from modelward.modelcards.codecs.editing import edit, patched

        read = self._document.content
        before = type(self).model_validate(read).content()
        return edit(self._document.written, read, patched(read, before, self.content()))


def _without_empty(content: dict[str, Any]) -> dict[str, Any]:
    kept = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in content.items()}
    return {k: v for k, v in kept.items() if v not in ({}, [], None)}


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of cards."""
    return ModelCard.model_json_schema()
