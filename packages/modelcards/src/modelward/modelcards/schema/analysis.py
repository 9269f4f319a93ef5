"""What was measured: numbers with their intervals, units, parts of the data and sources."""

from __future__ import annotations

from typing import Any

from pydantic import StrictBool

from modelward.modelcards.schema.base import Number, Open, Text, field, many
from modelward.modelcards.schema.parameters import Graphics
from modelward.modelcards.schema.source import Source


class Interval(Open):
    """A confidence interval; `level` is its coverage, 0.95 where none is given."""

    lower_bound: Number | None = field("Its lower end.")
    upper_bound: Number | None = field("Its upper end.")
    level: Number | None = field("Its coverage, between 0 and 1.")


class PerformanceMetric(Open):
    """One number the card claims."""

    type: Text | None = field("What the number is.")
    value: Number | None = field("The number.")
    slice: Text | None = field("The part of the data it is for.")
    unit: Text | None = field("Its unit.")
    confidence_interval: Interval | None = field("How sure it is.")
    higher_is_better: StrictBool | None = field(
        "Its direction: declared, and not guessed from its name."
    )
    limit: Number | None = field("What it was held against.")
    passed: StrictBool | None = field("Whether it kept the limit.")
    description: Text | None = field("What it means.")
    source: Source | None = field("Where it comes from.")


class QuantitativeAnalysis(Open):
    """What was measured."""

    performance_metrics: list[PerformanceMetric] = many("Every number the card claims.")
    graphics: Graphics | None = field("Pictures of the results.")
    appropriateness: Any = field("Why these metrics suit this model and its use.")
    testing_procedure: Any = field("How it was validated and tested.")


class Assessment(Open):
    """What one kind of examination has shown: robustness, drift, validation, lifecycle."""

    summary: Text | None = field("What was found, in words (Markdown).")
    metrics: list[PerformanceMetric] = many("Its numbers.")


class Fairness(Open):
    """How the model treats one group of people."""

    group_at_risk: Text | None = field("Who may be disadvantaged.")
    attribute: Text | None = field("The attribute that defines the group.")
    benefits: Text | None = field("What the group gains.")
    harms: Text | None = field("What may harm it.")
    mitigation_strategy: Text | None = field("What is done about it.")
    metrics: list[PerformanceMetric] = many("Numbers for this group.")


class Lifecycle(Assessment):
    """What happens to the model over time."""

    changes: list[Any] = many("Relevant changes through its life: {date, description}.")
    predetermined_changes: Text | None = field("Changes that were planned in advance.")
    post_market_monitoring: Text | None = field("How it is watched in use.")
    retraining: Text | None = field("When and how it is trained anew.")
    retirement: Text | None = field("When it is to be taken out of use.")


class Environment(Open):
    """What the model runs on, and what its making cost."""

    hardware: Text | None = field("The hardware it is to run on.")
    software: dict[str, Any] | None = field("Versions of the software it needs.")
    training_hardware: Text | None = field("The hardware it was trained on.")
    training_hours: Number | None = field("Hours of training.")
    energy_kwh: Number | None = field("Energy used, in kWh.")
    co2eq_kg: Number | None = field("Emissions, in kg of CO2 equivalent.")
    region: Text | None = field("Where it was trained.")
