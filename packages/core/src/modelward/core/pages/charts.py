"""Pictures for pages: SVG drawn here, photographs as data, plotly only where interaction serves."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup, escape

from modelward.core.errors import DataError
from modelward.core.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

_NS = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_INK = {"#000000", "#262626", "black"}
PALETTE = ("#3b7dd8", "#c4622d", "#2f8f5b", "#8f5fc0", "#b23a6b", "#7d7a1f", "#2a8c99")
"""Colours of series: each at least 3:1 against the light and the dark page (WCAG 1.4.11)."""

STYLE: Any = {
    "axes.edgecolor": "#000000",
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "figure.figsize": (7.2, 3.2),
    "font.size": 10,
    "grid.alpha": 0.18,
    "grid.color": "#000000",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "modelward",
}
"""matplotlib settings under which `plot(ax=None)` methods draw; use with `plt.rc_context(STYLE)`."""

_numbers = itertools.count(1)


def axes(ax: Axes | None = None, *, figsize: tuple[float, float] | None = None) -> Axes:
    """Give the axes to draw on: the caller's, or new ones in the style of modelward's pages.

    Every `plot(ax=None)` starts with this. The new figure is not registered with pyplot, so a
    service that draws thousands leaks none; a notebook shows it as the cell's result.

    Raises `MissingPackageError` without matplotlib.
    """
    if ax is not None:
        return ax
    require("matplotlib", feature="drawing a plot", install="'./packages/core[charts]'")
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "axes.prop_cycle": cycler(color=PALETTE)}):
        figure = Figure(figsize=figsize, layout="constrained")
        return figure.add_subplot()


def plain(name: object) -> str:
    r"""Write a name so that matplotlib draws it as it is, and does not read `$` as mathematics.

    >>> plain("cost_$_a")
    'cost_\\$_a'
    """
    return str(name).replace("$", r"\$")


def svg(drawing: Axes | MplFigure) -> Markup:
    """Turn a matplotlib figure (or the figure of some axes) into SVG that stands in a page.

    Text stays text, in the page's font; black becomes the page's ink, so that the picture fits
    light and dark; legends lose their box; ids are made unique in the process; nothing refers outside. No style attribute
    is left, so that the page's policy needs no exception.
    """
    require("matplotlib", feature="drawing a plot", install="'./packages/core[charts]'")
    import matplotlib as mpl
    from matplotlib.legend import Legend

    figure: Any = getattr(drawing, "figure", None) or drawing
    for legend in figure.findobj(Legend):
        legend.set_frame_on(False)  # its white box would glare on the dark page
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - drawn by matplotlib just now
    _clean(root, f"c{next(_numbers)}-")
    root.set("role", "presentation")
    ElementTree.register_namespace("", _NS.strip("{}"))
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - built above


def _clean(root: ElementTree.Element, prefix: str) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{_NS}metadata", f"{_NS}style"}:
                parent.remove(child)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    for element in root.iter():
        _plain_attributes(element)
        _own_ids(element, prefix)


def _plain_attributes(element: ElementTree.Element) -> None:
    """Turn the style attribute into presentation attributes, and black into the page's ink."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, found, value = declaration.partition(":")
        if found:
            element.set(name.strip(), value.strip())
    if "font" in element.attrib:  # the shorthand is no attribute of SVG
        size_px = re.search(r"([\d.]+)px", element.attrib.pop("font"))
        element.set("font-size", size_px.group(1) if size_px else "10")
    element.attrib.pop("font-family", None)
    if element.tag == f"{_NS}text":
        element.attrib.setdefault("fill", "currentColor")
    for name in ("fill", "stroke"):
        if element.get(name) in _INK:
            element.set(name, "currentColor")


def _own_ids(element: ElementTree.Element, prefix: str) -> None:
    if "id" in element.attrib:
        element.set("id", prefix + element.attrib["id"])
    if _XLINK in element.attrib:
        target = element.attrib.pop(_XLINK)
        element.set("href", "#" + prefix + target[1:] if target.startswith("#") else target)
    if "clip-path" in element.attrib:
        element.set("clip-path", element.attrib["clip-path"].replace("(#", f"(#{prefix}"))


def image_uri(content: bytes) -> str:
    """Turn the bytes of a PNG or JPEG file into a data URI for a `Figure`.

    Raises `DataError` for anything else (an SVG file could carry scripts).
    """
    for magic, kind in ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg")):
        if content.startswith(magic):
            return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    raise DataError(
        f"expected the bytes of a PNG or JPEG file, got {content[:8]!r}",
        hint="save the picture as PNG first.",
    )


def interactive(figure: Any) -> Markup:
    """Turn a plotly figure into markup that needs no network: for pages where interaction serves.

    plotly.js (about 4.5 MB) comes from the plotly wheel and stands once in a page, however many
    figures it holds: put `plotly_script()` first in the page, as an `Html` block.

    Raises `MissingPackageError` without plotly.
    """
    require("plotly", feature="an interactive chart", install="'./packages/core[charts]'")
    name = f"chart-{next(_numbers)}"
    spec = json.dumps(json.loads(figure.to_json())).replace("</", "<\\/").replace("<!--", "<\\!--")
    return Markup(  # noqa: S704 - the name is ours and the data cannot close the script
        f'<div class="chart" id="{escape(name)}"></div>'
        f"<script>(function(){{var f={spec};Plotly.newPlot({json.dumps(name)},f.data,f.layout,"
        "{responsive:true,displaylogo:false});})();</script>"
    )


def plotly_script() -> Markup:
    """Give plotly.js itself, to stand once in a page before its interactive figures."""
    require("plotly", feature="an interactive chart", install="'./packages/core[charts]'")
    from plotly.offline import get_plotlyjs

    return Markup(f"<script>{get_plotlyjs()}</script>")  # noqa: S704 - from the plotly wheel
