"""Who should use the model for what, what to beware of, and who watches over it."""

from __future__ import annotations

from typing import Any

from modelward.modelcards.schema.base import Open, Text, field, many


class Considerations(Open):
    """Who should use it for what, and what to beware of."""

    users: list[Any] = many("Who it is for: {description}.")
    use_cases: list[Any] = many("What it is for: {description}.")
    prohibited_uses: Any = field("What it must not be used for: {description}.")
    limitations: list[Any] = many("Where it fails: {description}.")
    tradeoffs: list[Any] = many("What was traded for what: {description}.")
    ethical_considerations: list[Any] = many("Risks: {name, mitigation_strategy}.")
    foreseeable_misuse: Any = field("Unintended outcomes and sources of risk: {description}.")
    human_oversight: Any = field("Who watches it, and by which means.")
    instructions_for_use: Any = field("How it is to be used, or where that is written.")


class Governance(Open):
    """The papers around the model that regulation asks for."""

    risk_management: Text | None = field("The risk management system.")
    standards: list[Any] = many("Standards and specifications applied: {name, reference}.")
    declaration_of_conformity: Text | None = field("Where the EU declaration of conformity is.")
    cybersecurity: Text | None = field("Measures of cybersecurity.")
    interactions: Text | None = field("Other hardware, software and AI systems it works with.")
    distribution: Text | None = field("In which forms it is placed on the market.")
    user_interface: Text | None = field("The user interface given to the deployer.")
    product: Text | None = field("The product it is part of: pictures, marking, inner layout.")
    approvals: list[Any] = many("Who approved what: {name, role, date}.")
