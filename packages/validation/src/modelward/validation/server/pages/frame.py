"""The frame around every page of the server: navigation, policy, and how it is kept current."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup
from starlette.responses import HTMLResponse

from modelward.core.pages import environment
from modelward.core.pages.blocks import Block

PACKAGE = "modelward.validation.server.pages"


@dataclass(frozen=True, slots=True)
class ServerPage:
    """A page: `fixed` blocks stay as they are, `blocks` are replaced when `version` changes."""

    title: str
    lead: str
    blocks: Sequence[Block]
    fixed: Sequence[Block] = ()
    tabs: Sequence[tuple[str, str, bool]] = ()
    logged_in: bool = False
    live: bool = False
    version: str = ""

    def respond(self, status: int = 200) -> HTMLResponse:
        """Give the page as a response with its policy."""
        html = environment(PACKAGE).get_template("server.html").render(page=self)
        headers = {
            "Content-Security-Policy": f"{_policy()}; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        }
        return HTMLResponse(html.replace("{{policy}}", _policy(), 1), status, headers)


def fragment(template: str, **values: object) -> Markup:
    """Draw one of our templates as markup."""
    text = environment(PACKAGE).get_template(template).render(**values)
    return Markup(text)  # noqa: S704 - drawn by an autoescaping template of ours


@cache
def _policy() -> str:
    style = str(environment().globals["style"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'self' 'sha256-{digest}'; script-src 'self'; "
        "connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
    )
