"""`template`: the headings of a text are those of a template."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from modelward.modelcards.rules.functions.function import Function, Result, Target

Heading = tuple[int, str]


def headings(text: str) -> list[Heading]:
    r"""Give level and text of each heading of a Markdown text, in order.

    >>> headings("# One\n\ntext\n\nTwo\n---\n")
    [(1, 'One'), (2, 'Two')]
    """
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark", {"html": False}).parse(text)
    return [
        (int(token.tag[1]), tokens[i + 1].content.strip())
        for i, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def _template(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    wanted, found = headings(options["template"]), headings(target.value)
    if wanted == found:
        return
    missing: list[Heading] = []
    unexpected: list[Heading] = []
    matcher = difflib.SequenceMatcher(None, wanted, found, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            missing += wanted[i1:i2]
            unexpected += found[j1:j2]
    moved = [heading for heading in missing if heading in unexpected]
    parts = {
        "missing": [h for h in missing if h not in moved],
        "not in the template": [h for h in unexpected if h not in moved],
        "in another order": moved,
    }
    words = [
        f"{what}: {', '.join(_written(h) for h in found)}" for what, found in parts.items() if found
    ]
    yield (), f"the headings are not those of the template ({'; '.join(words)})"


def _written(heading: Heading) -> str:
    return f"'{'#' * heading[0]} {heading[1]}'"


FUNCTIONS = {"template": Function(_template, (str,), {"template": str}, ("template",))}
