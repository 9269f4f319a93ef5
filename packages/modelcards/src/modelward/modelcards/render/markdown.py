"""Markdown written in cards, made inert."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_MOST_KEPT = 64 << 10

_TAGS = {"p", "ul", "ol", "li", "em", "strong", "code", "pre", "blockquote", "a", "br", "hr",
         "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip


def markdown(text: str) -> Markup:
    r"""Turn Markdown into safe HTML: no raw HTML, no scripts, no pictures from elsewhere.

    Headings start at level three, below those of the page.

    >>> markdown("# Use\n<script>x</script> [a](javascript:y)")
    Markup('<h3>Use</h3>\n<p>&lt;script&gt;x&lt;/script&gt; [a](javascript:y)</p>\n')
    """
    # The views of a card show the same texts, so that a few are kept.
    return _drawn(text) if len(text) <= _MOST_KEPT else _drawn.__wrapped__(text)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


@lru_cache(maxsize=256)
def _drawn(text: str) -> Markup:
    import nh3

    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    html = parser.renderer.render(tokens, parser.options, {})
    safe = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"https", "http", "mailto"},
        link_rel="noopener noreferrer",
    )
    return Markup(safe)  # noqa: S704 - cleaned just now
