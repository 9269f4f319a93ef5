"""Model cards: what is known of a model, and whether each number still stands.

The path of the data: `codecs` read a file with positions and as written; `ModelCard` is the schema;
`ModelCard.from_mlflow` and `attach` create; `validate` runs the rules, `verify` checks each number
(`layout` says where they stand) against its evidence; `card_page` draws it.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.modelcards.agreement import agrees
    from modelward.modelcards.card import ModelCard, Source, json_schema
    from modelward.modelcards.claims import CardVerification, Claim
    from modelward.modelcards.codecs.document import Document
    from modelward.modelcards.codecs.yaml import parse, read
    from modelward.modelcards.render.html import card_page
    from modelward.modelcards.render.markdown import markdown
    from modelward.modelcards.rules.finding import Finding
    from modelward.modelcards.rules.validation import RULES, validate
    from modelward.modelcards.verification import verify

__all__ = [
    "RULES",
    "CardVerification",
    "Claim",
    "Document",
    "Finding",
    "ModelCard",
    "Source",
    "agrees",
    "card_page",
    "json_schema",
    "markdown",
    "parse",
    "read",
    "validate",
    "verify",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "RULES": "rules.validation",
        "CardVerification": "claims",
        "Claim": "claims",
        "Document": "codecs.document",
        "Finding": "rules.finding",
        "ModelCard": "card",
        "Source": "card",
        "agrees": "agreement",
        "card_page": "render.html",
        "json_schema": "card",
        "markdown": "render.markdown",
        "parse": "codecs.yaml",
        "read": "codecs.yaml",
        "validate": "rules.validation",
        "verify": "verification",
    },
)
