"""What the model is: name, version, owners, licences, where it comes from."""

from __future__ import annotations

from typing import Any

from modelward.modelcards.schema.base import Open, Text, field, many


class Version(Open):
    """The model's version; the date as written."""

    name: Text | None = field("The version's name.")
    date: Text | None = field("When it was released, as YYYY-MM-DD.")
    diff: Text | None = field("What changed since the version before.")


class Run(Open):
    """The training run. The spelling `mflow` of the action this is compatible with is understood."""

    type: Text | None = field("mlflow (or mflow, as the older action has it).")
    id: Text | None = field("The run's id.")


class Risk(Open):
    """How risky the model's use is, and why."""

    rating: Text | None = field("low, medium, high, unacceptable or unknown.")
    explanation: Text | None = field("Why it is rated so.")


class Code(Open):
    """The code that made the model."""

    repository: Text | None = field("Address of the repository.")
    commit: Text | None = field("The git commit.")
    paths: list[Text] = many(
        "Files and folders of the repository the card lies in that, when they change after the "
        "commit, make the card stale."
    )


class File(Open):
    """A file of the model and its digest."""

    path: Text | None = field("Path relative to the card.")
    uri: Text | None = field("Where it can be had.")
    sha256: Text | None = field("SHA-256 of its bytes.")
    format: Text | None = field("The file's format.")


class ModelDetails(Open):
    """What the model is."""

    name: Text | None = field("The model's name.")
    overview: Text | None = field("One sentence about it.")
    description: Any = field("What it does (Markdown).")
    documentation: Text | None = field("All there is to say about it (Markdown).")
    version: Version | None = field("Which version this card is about.")
    owners: list[dict[str, Any]] = many("Who answers for it: {name, contact, role}.")
    licenses: list[dict[str, Any]] = many("{identifier: an SPDX id} or {custom_text}.")
    references: list[dict[str, Any]] = many("Further reading: {reference}.")
    citations: list[dict[str, Any]] = many("How to cite it: {style, citation}.")
    path: Text | None = field("Where the model is stored.")
    run: Run | None = field("The run that trained it.")
    provider: Any = field("Who places it on the market or puts it into service.")
    status: Any = field("draft, pending review, approved, archived.")
    risk: Risk | None = field("How risky its use is.")
    code: Code | None = field("The code that made it.")
    files: list[File] = many("The files of the model, with digests.")
    regulatory_requirements: Any = field("What it has to comply with.")
