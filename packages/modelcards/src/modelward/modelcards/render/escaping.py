"""Text of cards in Markdown and in GitHub's pages: as itself, and as nothing else."""

from __future__ import annotations

import re

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_MENTION = re.compile(r"@(?=[A-Za-z0-9_-])")
_COMMAND = re.compile(r"^::", re.MULTILINE)


def cell(text: str) -> str:
    r"""Write text so that it stays in its cell or line: no markup, no mention, no link.

    >>> cell("a | <b> @team *x*\nnext")
    'a \\| \\<b\\> @\u200bteam \\*x\\* next'
    """
    plain = " ".join(text.split())
    plain = "".join(c for c in plain if c.isprintable())
    marked = _MARKS.sub(r"\\\1", plain)
    # An address or a mention would become a link and a notice to somebody.
    marked = re.sub(r"(?i)\b(https?|ftp|mailto)(:)", "\\1\u200b\\2", marked)
    marked = re.sub(r"(?i)\bwww\.", "www\u200b.", marked)
    return _COMMAND.sub(":\u200b:", _MENTION.sub("@\u200b", marked))
