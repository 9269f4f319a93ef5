"""From pydantic's errors to problems with their place in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from modelward.core.config.nodes import Node
from modelward.core.config.problems import (
    MAX_PROBLEMS,
    InvalidConfigError,
    KeyPath,
    Position,
    Report,
    nearest,
    printable,
    shorten,
)
from modelward.core.config.secrets import Secrets
from modelward.core.config.shapes import Place, fields_of, locate, plain_type, spell

_STANDARD = frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}
_PHRASES = re.compile(
    r"^(Input should (be )?(a valid |an? )?|Value error, |Assertion failed, )|, unable to parse .*|, not \d+$"
)


def explain(error: ValidationError, model: Any, root: Node, report: Report) -> InvalidConfigError:
    """Add what pydantic found to the report, and give the error to raise.

    Consequences of problems already in the report are left out. What the members of a union each
    want of one value becomes one problem.
    """
    details = error.errors(include_url=False, include_input=False)
    secrets = Secrets(model, root)
    reported = bool(report)
    wishes: dict[tuple[Position, KeyPath, str], _Wish] = {}
    for detail in details[:MAX_PROBLEMS]:
        kind, location = detail["type"], detail["loc"]
        place = locate(model, root, location)[0]
        if kind == "extra_forbidden":
            parents = locate(model, root, location[:-1])
            known = list(dict.fromkeys(k for p in parents for k in fields_of(plain_type(p.type))))
            wish = wishes.setdefault((place.at, place.path, "unknown key"), _Wish(", "))
            wish.allowed |= dict.fromkeys(known)
            wish.hint = wish.hint or nearest(str(location[-1]), known)
        elif place.node.broken or (reported and kind not in _STANDARD):
            continue
        elif place.missing and kind == "missing":
            wish = wishes.setdefault((place.at, place.path, "a required key is missing"), _Wish())
            wish.allowed[spell(place.type)] = None
        else:
            at, found = place.node.at, place.node.describe(hidden=place.node in secrets)
            if place.missing:
                found = "the default"
            elif location[-1:] == ("[key]",):
                at, found = place.at, "the key"
            wish = wishes.setdefault((at, place.path, f"found {found}"), _Wish())
            wish.allowed[_allowed(detail, place, secrets)] = None
            wish.hint = wish.hint or _hint(detail, place, secrets)
    for (at, path, found), wish in wishes.items():
        report.add(found, at, path, allowed=wish.separator.join(wish.allowed), hint=wish.hint)
    return report.error(unlisted=len(details[MAX_PROBLEMS:]))


@dataclass(slots=True)
class _Wish:
    separator: str = " or "
    allowed: dict[str, None] = field(default_factory=dict)
    hint: str = ""


def _allowed(detail: ErrorDetails, place: Place, secrets: Secrets) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "missing":  # of a tuple
        return spell(place.type)
    if detail["type"] == "model_type":
        keys = ", ".join(fields_of(plain_type(place.type)))
        return f"a mapping with the keys {keys}" if keys else "a mapping"
    if detail["type"] == "union_tag_invalid":
        return f"{context['discriminator']} one of {context['expected_tags']}"
    if detail["type"] == "union_tag_not_found":
        return f"a mapping with the key {context['discriminator']}"
    if secrets.shown_in(detail["msg"]):
        return "a value that passes its check (whose message holds a secret and is left out)"
    return printable(shorten(_PHRASES.sub("", detail["msg"]), 500))


def _hint(detail: ErrorDetails, place: Place, secrets: Secrets) -> str:
    node, context = place.node, detail.get("ctx", {})
    if detail["type"] == "string_type" and isinstance(node.value, bool | int | float):
        return "quote it"
    if detail["type"] == "union_tag_invalid":
        node = node.children.get(context["discriminator"].strip("'"), node)
    if node in secrets or not isinstance(node.value, str):
        return ""
    options = context.get("expected", "") or context.get("expected_tags", "")
    return nearest(node.text, re.findall(r"'([^']*)'", str(options)))
