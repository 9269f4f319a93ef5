"""Validating: every rule over one card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.description import description
from modelward.modelcards.rules.finding import SEVERITIES, Finding
from modelward.modelcards.rules.naming import naming
from modelward.modelcards.rules.schema import schema
from modelward.modelcards.rules.sources import sources
from modelward.modelcards.rules.todo import todo

Rule = Callable[[Document], Iterator[Finding]]
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "schema": schema,
        "description": description,
        "todo": todo,
        "sources": sources,
        "naming": naming,
    }
)
"""Every rule by name; read-only."""


def validate(document: Document) -> tuple[Finding, ...]:
    """Run every rule over a card; findings come by severity, then by line.

    >>> from modelward.modelcards.codecs.yaml import parse
    >>> [f.rule for f in validate(parse("model_details: {name: [1]}"))]
    ['schema', 'description']
    """
    found = (finding for rule in RULES.values() for finding in rule(document))
    return tuple(sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.line, f.column)))
