"""Model cards: what is known of a model, and whether each number still stands.

The path of the data: `codecs` read a file with positions and as written; `ModelCard` is the `schema`;
`creation` fills cards with what tools know; `validate` holds them against the `rules`, `verify` each
number against its evidence (`verification`); `render`, `diff` and `convert` show what came out.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard, json_schema
    from modelward.modelcards.codecs.document import Document
    from modelward.modelcards.codecs.yaml import parse, read
    from modelward.modelcards.comparison.change import CardDiff, Change
    from modelward.modelcards.comparison.coverage import Coverage, coverage
    from modelward.modelcards.comparison.diff import diff
    from modelward.modelcards.conversion.convert import convert, read_card
    from modelward.modelcards.conversion.loss import Conversion, Loss
    from modelward.modelcards.render.html import card_page
    from modelward.modelcards.render.markdown import markdown
    from modelward.modelcards.rules.finding import Finding
    from modelward.modelcards.rules.functions.function import Function
    from modelward.modelcards.rules.rule import Rule
    from modelward.modelcards.rules.ruleset import Ruleset, load_ruleset
    from modelward.modelcards.rules.validation import CardValidation, validate
    from modelward.modelcards.schema.source import Source
    from modelward.modelcards.verification.agreement import agrees
    from modelward.modelcards.verification.checking import verify
    from modelward.modelcards.verification.claims import CardVerification, Claim

__all__ = [
    "CardDiff",
    "CardValidation",
    "CardVerification",
    "Change",
    "Claim",
    "Conversion",
    "Coverage",
    "Document",
    "Finding",
    "Function",
    "Loss",
    "ModelCard",
    "Rule",
    "Ruleset",
    "Source",
    "agrees",
    "card_page",
    "convert",
    "coverage",
    "diff",
    "json_schema",
    "load_ruleset",
    "markdown",
    "parse",
    "read",
    "read_card",
    "validate",
    "verify",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "CardDiff": "comparison.change",
        "CardValidation": "rules.validation",
        "CardVerification": "verification.claims",
        "Change": "comparison.change",
        "Claim": "verification.claims",
        "Conversion": "conversion.loss",
        "Coverage": "comparison.coverage",
        "Document": "codecs.document",
        "Finding": "rules.finding",
        "Function": "rules.functions.function",
        "Loss": "conversion.loss",
        "ModelCard": "card",
        "Rule": "rules.rule",
        "Ruleset": "rules.ruleset",
        "Source": "schema.source",
        "agrees": "verification.agreement",
        "card_page": "render.html",
        "convert": "conversion.convert",
        "coverage": "comparison.coverage",
        "diff": "comparison.diff",
        "json_schema": "card",
        "load_ruleset": "rules.ruleset",
        "markdown": "render.markdown",
        "parse": "codecs.yaml",
        "read": "codecs.yaml",
        "read_card": "conversion.convert",
        "validate": "rules.validation",
        "verify": "verification.checking",
    },
)
