"""One page: title, lead, blocks; rendered to one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from modelward.core.files import write_whole
from modelward.core.pages.blocks import Block, check_address

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@cache
def environment(package: str | None = None) -> SandboxedEnvironment:
    """Make the Jinja2 environment all pages are drawn with: sandboxed, autoescaping, strict.

    Templates are looked up in `package`'s folder `templates` first (when given), then in core's:
    a package extends `base.html` and uses the macros of `blocks.html`.
    """
    names = [package, "modelward.core.pages"] if package else ["modelward.core.pages"]
    env = SandboxedEnvironment(
        loader=ChoiceLoader([PackageLoader(name) for name in names]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals["style"] = stylesheet()
    env.tests["markup"] = lambda v: isinstance(v, Markup)
    env.filters["kind"] = lambda block: type(block).__name__.lower()
    env.filters["figures"] = figures
    return env


@cache
def stylesheet() -> Markup:
    """Give the one style sheet of every page."""
    text = (files("modelward.core.pages") / "templates" / "style.css").read_text("utf-8")
    return Markup(text)  # noqa: S704 - our own file


def figures(value: Any) -> str:
    """Write a cell as text: floats to four significant digits, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


@dataclass(frozen=True, slots=True)
class Page:
    """A page in the one look of modelward: works from a file without a network, light and dark.

    `lead` is the sentence under the title that says what the page shows; `blocks` what stands
    below; `footer` a line on what made it; `back` an optional relative link (text, address).

    >>> from modelward.core.pages import Prose
    >>> "<h1>Hello</h1>" in Page(title="Hello", lead="A page.", blocks=[Prose("1 < 2")]).render()
    True
    """

    title: str
    lead: str
    blocks: Sequence[Block]
    footer: str = ""
    back: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.back is not None:
            check_address(*self.back)

    def render(self) -> str:
        """Give the page as HTML, with a content security policy that names what it holds."""
        html = environment().get_template("page.html").render(page=self)
        return with_policy(html)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, making its folder, and give its path."""
        return write_whole(path, self.render())


def with_policy(html: str) -> str:
    """Fill the page's policy: only the style and the scripts that stand in it may act.

    A page without scripts allows none. Our scripts are those drawn by `interactive`, which are
    written as `<script>` without attributes; escaped text cannot contain that tag.
    """
    scripts = " ".join(_hash(text) for text in _SCRIPT.findall(html)) or "'none'"
    # plotly.js sets styles on the elements it draws, which hashes cannot name.
    style = "'unsafe-inline'" if "sha256" in scripts else _hash(str(stylesheet()))
    policy = (
        f"default-src 'none'; style-src {style}; script-src {scripts}; "
        "img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )
    return html.replace("{{policy}}", policy, 1)


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def notebook(*blocks: Block) -> str:
    """Draw blocks for a notebook cell: the same look, shut in its own element.

    Result objects return this from `_repr_html_`.
    """
    template = environment().get_template("notebook.html")
    return template.render(blocks=blocks)
