"""Show the examples in docstrings as code: doctest blocks become fenced blocks in the documentation."""

import re
from typing import Any

import griffe

_BLOCK = re.compile(r"(?:^[ ]*>>> .*\n(?:^[ ]*\S.*(?:\n|\Z))*)+", re.MULTILINE)


def fenced(text: str) -> str:
    """Fence every doctest block of a docstring."""
    return _BLOCK.sub(lambda m: f"```pycon\n{m.group(0).rstrip()}\n```\n", text + "\n")


class Doctests(griffe.Extension):
    """Fence the doctest blocks of every docstring that is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one object's docstring."""
        if obj.docstring and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)
