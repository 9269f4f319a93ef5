"""Variables of the environment inside the strings of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(
    r"\$\$\{"  # an escaped one, or a reference that group 1 names, or a malformed one
    r"|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?"
)

_MALFORMED = (
    "a malformed ${ in the text",
    "write ${NAME} or ${NAME:-default}, without braces inside; $${ for a plain ${",
)


def expand(
    text: str, environ: Mapping[str, str], spend: Callable[[int], None]
) -> tuple[str, list[tuple[str, str]]]:
    """Put variables into a text; give the text, and (fact, hint) of each reference that failed.

    `${NAME}` must be set; `${NAME:-default}` takes the default where NAME is unset or empty;
    `$${` is a plain `${`. A value is put in as it is: nothing in it is expanded again or read as
    YAML, so it can change a value but never the structure. `spend` is told the length of each.

    >>> expand("http://${HOST}:${PORT:-80}/$${x}", {"HOST": "db"}, lambda length: None)
    ('http://db:80/${x}', [])
    """
    faults: list[tuple[str, str]] = []
    malformed: list[tuple[str, str]] = []

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name is None:
            if match[0] == "${" and not malformed:
                malformed.append(_MALFORMED)
            return "${"
        if name not in environ and default is None:
            fact, hint = f"environment variable {name!r} is not set", f"write ${{{name}:-default}}"
            faults.append((fact, f"set it, or {hint}"))
        value = environ.get(name, "")
        if default is not None:
            value = value or default
        spend(len(value))
        return value

    result = _REFERENCE.sub(value_of, text)
    return result, malformed or faults
