"""The model card: a superset of the Model Card Toolkit's schema v0.0.2, open to what others add."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr

from modelward.core.evidence import Evidence
from modelward.core.files import write_whole
from modelward.modelcards.codecs import yaml
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.schema.analysis import (
    Assessment,
    Environment,
    Fairness,
    Lifecycle,
    QuantitativeAnalysis,
)
from modelward.modelcards.schema.base import Open, Text, field, many
from modelward.modelcards.schema.considerations import Considerations, Governance
from modelward.modelcards.schema.details import ModelDetails
from modelward.modelcards.schema.parameters import ModelParameters
from modelward.modelcards.schema.source import EvidenceReference


class ModelCard(Open):
    """What is known of a model, for people outside engineering too.

    Every part is optional, and unknown keys are kept: a card written for the older schema loads as
    it is. `ModelCard.load` also keeps the file, so that findings can name lines.
    """

    schema_version: Text | None = field("The version of the schema the card was written for.")
    model_details: ModelDetails = Field(ModelDetails(), description="What the model is.")
    model_parameters: ModelParameters = Field(ModelParameters(), description="How it is made.")
    quantitative_analysis: QuantitativeAnalysis = Field(
        QuantitativeAnalysis(), description="What was measured."
    )
    considerations: Considerations = Field(
        Considerations(), description="Who should use it for what, and what to beware of."
    )
    fairness: list[Fairness] = many("How it treats groups of people.")
    robustness: Assessment | None = field("How it stands attacks and disturbances.")
    drift: Assessment | None = field("How its data and performance move in use.")
    validation: Assessment | None = field("Where it was found to fail.")
    lifecycle: Lifecycle | None = field("What happens to it over time.")
    environment: Environment | None = field("What it runs on, and what its making cost.")
    governance: Governance | None = field("The papers that regulation asks for.")
    evidence: list[EvidenceReference] = many("The records and runs the card rests on.")
    _document: Document | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a card: YAML, or any format `convert` knows.

        Raises `DataError` when it is not one, naming file, line and column.
        """
        from modelward.modelcards.conversion.convert import read_card

        return cls.from_document(read_card(path))

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read a card from what was read of its file, as `load` does."""
        from modelward.modelcards.rules.schema import card_of

        card = card_of(cls, document)
        card._document = document if document.written else None
        return card

    @classmethod
    def from_mlflow(cls, run: str, *, tracking_uri: str | None = None) -> Self:
        """Make a card of an MLflow run: metrics with their source, parameters, signature, commit.

        `run` is a run's id, or a registered model as `models:/name@alias` or `models:/name/version`.
        Raises `ServiceError` when MLflow does not have it or does not answer.
        """
        from modelward.modelcards.creation.mlflow import content_of_run

        return cls.model_validate(content_of_run(run, tracking_uri))

    @classmethod
    def from_sklearn(
        cls, estimator: Any, *, name: str = "", data: Mapping[str, Any] | None = None
    ) -> Self:
        """Make a card of a scikit-learn estimator: architecture, parameters, inputs, classes.

        `data` gives data by role (`{"training": …}`): a path, an array or a DataFrame, of which the
        card gets rows, columns and digest. The files are named relative to the working folder.
        """
        from modelward.modelcards.creation.sklearn import content_of_estimator

        return cls.model_validate(content_of_estimator(estimator, name=name, data=data or {}))

    @classmethod
    def from_torch(
        cls, module: Any, *, name: str = "", data: Mapping[str, Any] | None = None
    ) -> Self:
        """Make a card of a PyTorch module: layers, number of parameters, their digest.

        `data` is as in `from_sklearn`.
        """
        from modelward.modelcards.creation.torch import content_of_module

        return cls.model_validate(content_of_module(module, name=name, data=data or {}))

    @classmethod
    def from_template(cls, kind: str = "classification", *, name: str = "") -> Self:
        """Make a card to be filled in, with TODOs that fit a kind of model.

        Kinds: classification, regression, detection, generation, forecasting. Raises `DataError`
        for another.
        """
        from modelward.modelcards.creation.templates import content_of_template

        return cls.model_validate(content_of_template(kind, name=name))

    def attach(self, evidence: Evidence, *, record: str) -> Self:
        """Give the card with an evidence record's numbers and findings added.

        `record` is the path of the saved record, relative to the card. The numbers go to the section
        for their kind (`robustness`, `validation`, `drift`, `lifecycle`, or `quantitative_analysis`),
        each naming the record, its seal and the metric it comes from. A record of the same path
        replaces the earlier one.
        """
        from modelward.modelcards.creation.attaching import attach

        return attach(self, evidence, record)

    def content(self) -> dict[str, Any]:
        """Give the card as plain content, without what is empty."""
        return _without_empty(self.model_dump(mode="json", exclude_none=True))

    def to_yaml(self) -> str:
        """Write the card as YAML, as `save` does."""
        if self._document is None:
            return yaml.write(self.content())
        from modelward.modelcards.codecs.editing import edit, patched

        read = self._document.content
        before = type(self).model_validate(read).content()
        return edit(self._document.written, read, patched(read, before, self.content()))

    def save(self, path: str | Path) -> Path:
        """Write the card as YAML, and give the path.

        A card that was read from a file keeps that file's comments, order and spelling; what was
        not changed is written byte for byte.
        """
        return write_whole(path, self.to_yaml())

    def _repr_html_(self) -> str:
        from modelward.modelcards.render.notebook import notebook_of

        return notebook_of(self)


def _without_empty(content: dict[str, Any]) -> dict[str, Any]:
    kept = {key: _stripped(value) for key, value in content.items()}
    return {key: value for key, value in kept.items() if value not in ({}, [], None)}


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_empty(value)
    return [_stripped(item) for item in value] if isinstance(value, list) else value


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of cards, as published in the documentation."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | (
        ModelCard.model_json_schema()
    )
