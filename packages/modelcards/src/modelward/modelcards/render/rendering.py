"""Writing a card as a page, in each form there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelward.core.errors import ConfigError
from modelward.core.files import write_whole
from modelward.core.optional import require
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.render.audience import audience_of
from modelward.modelcards.verification.claims import CardVerification

FORMS: Mapping[str, str] = {"html": ".html", "markdown": ".md", "pdf": ".pdf"}
"""The forms a card can be written in, with the ending of their files."""


def write_page(
    document: Document,
    verification: CardVerification,
    target: Path,
    *,
    form: str = "html",
    audience: str = "engineer",
    template: Path | None = None,
) -> Path:
    """Write a card for an audience, and give the path.

    `form` is html, markdown or pdf (needs weasyprint). `template` is a Jinja2 template of your own, for
    html and pdf. Raises `ConfigError` for another form or audience, `MissingPackageError` without
    weasyprint.
    """
    from modelward.modelcards.render.html import card_page
    from modelward.modelcards.render.text import card_markdown

    audience_of(audience)
    if form not in FORMS:
        raise ConfigError(f"expected a form of {', '.join(FORMS)}, got {form!r}")
    if form == "markdown":
        if template is not None:
            raise ConfigError("expected no template for markdown, got one")
        return write_whole(target, card_markdown(document, verification, audience=audience))
    if template is not None:
        from modelward.modelcards.render.custom import render_template

        html = render_template(template, document, verification, audience=audience)
    else:
        html = card_page(document, verification, audience=audience).render()
    return write_whole(target, html) if form == "html" else _write_pdf(html, target)


def _write_pdf(html: str, target: Path) -> Path:
    weasyprint = require(
        "weasyprint", feature="a card as PDF", install="'./packages/modelcards[pdf]'"
    )

    def nothing(url: str, *_: object, **__: object) -> dict[str, object]:
        """Fetch nothing: pictures stand in the page."""
        if url.startswith("data:"):
            found: dict[str, object] = weasyprint.default_url_fetcher(url)
            return found
        raise ValueError(f"{url} is not fetched")

    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        weasyprint.HTML(string=html, url_fetcher=nothing).write_pdf(partial, pdf_variant="pdf/ua-1")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
