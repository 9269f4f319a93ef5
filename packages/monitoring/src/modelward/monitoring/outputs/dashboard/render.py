"""Rendering: a view becomes a page in the one look, with a way to the others and a policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import Response
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from modelward.core.pages import Block, Html, environment

_PACKAGE = "modelward.monitoring.outputs.dashboard"
NAVIGATION = (
    ("/", "Fleet"),
    ("/incidents", "Incidents"),
    ("/quality", "Data quality"),
    ("/workflows", "Workflows and resources"),
)


@dataclass(frozen=True, slots=True)
class View:
    """One page of the dashboard: what stands on it, and where it belongs.

    `here` is the address in the navigation that it is under, `trail` what lies above it, each (text,
    address).
    """

    title: str
    lead: str
    blocks: Sequence[Block]
    here: str = ""
    trail: Sequence[tuple[str, str]] = ()


def html(view: View, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Give the response of a view: no script at all, and no style but our own."""
    page = _environment().get_template("dashboard.html").render(view=view, navigation=NAVIGATION)
    policy = _policy()
    own = {"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}
    content = page.replace("{{policy}}", policy, 1)
    return Response(content, status, own | (headers or {}), "text/html; charset=utf-8")


def part(template: str, **values: Any) -> Markup:
    """Draw a part of a page from its template."""
    text = _environment().get_template(template).render(**values)
    return Markup(text)  # noqa: S704 - drawn by an autoescaping template


def side_by_side(blocks: Sequence[Block]) -> Html:
    """Give blocks beside each other, where there is room for it."""
    return Html(part("pair.html", blocks=blocks))


@cache
def _environment() -> SandboxedEnvironment:
    found = environment(_PACKAGE)
    more = (files(_PACKAGE) / "templates" / "dashboard.css").read_text("utf-8")
    found.globals["style"] = Markup(found.globals["style"]) + Markup(more)  # noqa: S704 - our files
    return found


@cache
def _policy() -> str:
    style = str(_environment().globals["style"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'self'"
    )
