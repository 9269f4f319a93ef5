"""Holding a card against its schema: fast where it fits, every violation where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import Finding
from modelward.modelcards.rules.functions.function import Result
from modelward.modelcards.schema.published import published_schema

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard

Card = TypeVar("Card", bound="ModelCard")


def card_violations(content: Any) -> Iterator[Result]:
    """Give every violation of the schema of cards."""
    from modelward.modelcards.rules.functions.schemas import violations

    schema = published_schema()
    if content and not content.keys() & schema["properties"].keys():
        names = ", ".join(list(content)[:5])
        yield (), f"this is no model card: it has none of a card's sections, but {names}"
    yield from violations(schema, content)


def card_of(cls: type[Card], document: Document) -> Card:
    """Make a card of a document. Raises `DataError` listing every violation with its line."""
    from pydantic import ValidationError

    try:
        card = cls.model_validate(document.content)
        if document.content and not card.model_fields_set & type(card).model_fields.keys():
            raise _foreign(document)
    except ValidationError as error:
        found = [
            Finding.at(document, place, rule="schema", severity="error", message=message)
            for place, message in card_violations(document.content)
        ]
        problems = "\n".join(str(f) for f in found) or str(error)
        raise DataError(f"expected a model card, got:\n{problems}") from error
    return card


def _foreign(document: Document) -> DataError:
    _, message = next(card_violations(document.content))
    return DataError(f"{document.where(())}: {message}")
