"""Templates of the user's own, in sandboxed Jinja2: every claim that does not stand is put before them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelward.core.errors import ConfigError
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.render.markdown import markdown
from modelward.modelcards.verification.claims import CardVerification

MAX_BYTES = 1 << 20
MAX_CHARACTERS = 16 << 20
"""Of what a template makes."""
_NUMBERS = (int, float)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, without the operators and filters that make much out of little."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(autoescape=True, undefined=StrictUndefined)
        self.globals.clear()
        for name in ("center", "format", "indent"):
            del self.filters[name]
        self.filters["markdown"] = lambda value: markdown(str(value))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Let numbers be multiplied, and nothing be repeated, raised to a power or filled in."""
        plain = isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)
        if operator == "**" or not plain:
            raise SecurityError(f"a template may not use {operator} here")
        return super().call_binop(context, operator, left, right)


def render_template(
    template: Path, document: Document, verification: CardVerification, *, audience: str
) -> str:
    """Fill a template with `card` (its content), `verification`, `audience`, and the filter `markdown`.

    The template can read those and nothing else: it includes no file, calls no code and changes
    nothing; what it prints is escaped and bounded. Raises `ConfigError` saying what is wrong in it.
    """
    try:
        text = template.read_bytes()[: MAX_BYTES + 1]
        if len(text) > MAX_BYTES:
            raise ConfigError(
                f"expected a template of at most {MAX_BYTES} bytes, got more in {template}"
            )
        source = text.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a readable template {template}, got: {error}") from error
    values: dict[str, Any] = {
        "card": document.content,
        "verification": verification.to_dict(),
        "audience": audience,
    }
    try:
        body = _bounded(_Sandbox().from_string(source).generate(**values))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"{template}:{line or 1}: {type(error).__name__}: {error}") from error
    except Exception as error:
        raise ConfigError(
            f"{template}: the template fails: {type(error).__name__}: {error}"
        ) from error
    return _standing(verification) + body


def _bounded(pieces: Iterator[str]) -> str:
    kept, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_CHARACTERS:
            raise SecurityError(f"a template may make at most {MAX_CHARACTERS:,} characters")
        kept.append(piece)
    return "".join(kept)


def _standing(verification: CardVerification) -> str:
    from modelward.core.pages import notebook
    from modelward.modelcards.render.standing import standing

    # A template may leave anything out, but not this.
    return notebook(*standing(verification)) if verification.failures else ""
