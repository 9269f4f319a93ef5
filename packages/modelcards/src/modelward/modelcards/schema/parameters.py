"""How the model is made: architecture, inputs and outputs, data."""

from __future__ import annotations

from typing import Any

from modelward.modelcards.schema.base import Number, Open, Text, field, many


class Graphic(Open):
    """A picture: PNG or JPEG as base64, with a text in words for who cannot see it."""

    name: Text | None = field("The picture's title.")
    image: Text | None = field("The picture as base64.")
    alt: Text | None = field("What it shows, in words.")


class Graphics(Open):
    """Pictures."""

    description: Text | None = field("What they show together.")
    collection: list[Graphic] = many("The pictures.")


class Dataset(Open):
    """A set of data the model was made or measured with."""

    name: Text | None = field("Its name.")
    role: Any = field("training, validation or testing.")
    link: Text | None = field("Where it is described or can be had.")
    path: Text | None = field("Its file, relative to the card.")
    sha256: Text | None = field("SHA-256 of that file.")
    rows: Number | None = field("How many examples it has.")
    description: Text | None = field("What is in it (Markdown).")
    provenance: Any = field("Where the data comes from and how it was obtained.")
    selection: Any = field("How it was selected.")
    labelling: Any = field("How it was labelled.")
    cleaning: Any = field("How it was cleaned.")
    license: Any = field("On which terms it may be used.")
    sensitive: dict[str, Any] | None = field("Sensitive data in it: {sensitive_data: […]}.")
    graphics: Graphics | None = field("Pictures of it.")


class ModelParameters(Open):
    """How the model is made."""

    model_architecture: Text | None = field("Its architecture.")
    task: Any = field("classification, regression, object detection, …")
    parameters: Any = field("The settings it was trained with, by name.")
    parameter_count: Any = field("How many numbers were learnt.")
    input_format: Text | None = field("What goes in.")
    input_format_map: list[dict[str, Any]] = many("Inputs as {key, value}.")
    output_format: Text | None = field("What comes out.")
    output_format_map: list[dict[str, Any]] = many("Outputs as {key, value}.")
    data: list[Dataset] = many("The data it was made and measured with.")
    design_choices: Any = field("Key design choices, rationale and assumptions.")
    training_procedure: Any = field("How it was developed and trained.")
    third_party: Any = field("Pre-trained models and tools of others, and how they are used.")
    performance_metrics: Any = field("Where cards for the older action have numbers.")
