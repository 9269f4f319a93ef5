"""Templates of the user's own, in sandboxed Jinja2: every claim that does not stand is put before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelward.core.errors import ConfigError
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.render.markdown import markdown
from modelward.modelcards.verification.claims import CardVerification

MAX_BYTES = 1 << 20


def render_template(
    template: Path, document: Document, verification: CardVerification, *, audience: str
) -> str:
    """Fill a template with `card` (its content), `verification`, `audience`, and the filter `markdown`.

    The template can read those and nothing else: it includes no file, calls no code and changes
    nothing; what it prints is escaped. Raises `ConfigError` saying what is wrong in it.
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
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    environment.globals.clear()
    environment.filters["markdown"] = lambda value: markdown(str(value))
    values: dict[str, Any] = {
        "card": document.content,
        "verification": verification.to_dict(),
        "audience": audience,
    }
    try:
        body = environment.from_string(source).render(**values)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"{template}:{line or 1}: {type(error).__name__}: {error}") from error
    except Exception as error:
        raise ConfigError(
            f"{template}: the template fails: {type(error).__name__}: {error}"
        ) from error
    return _standing(verification) + body


def _standing(verification: CardVerification) -> str:
    from modelward.core.pages import notebook
    from modelward.modelcards.render.standing import standing

    # A template may leave anything out, but not this.
    return notebook(*standing(verification)) if verification.failures else ""
