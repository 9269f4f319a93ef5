"""Pages: the one base template, style sheet and chart helper with which all packages render HTML."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.core.pages.blocks import (
        Block,
        Figure,
        Html,
        Links,
        Notice,
        Prose,
        Section,
        Table,
        Tile,
        Tiles,
    )
    from modelward.core.pages.charts import axes, image_uri, interactive, plain, plotly_script, svg
    from modelward.core.pages.page import Page, environment, notebook

__all__ = [
    "Block",
    "Figure",
    "Html",
    "Links",
    "Notice",
    "Page",
    "Prose",
    "Section",
    "Table",
    "Tile",
    "Tiles",
    "axes",
    "environment",
    "image_uri",
    "interactive",
    "notebook",
    "plain",
    "plotly_script",
    "svg",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Block": "blocks",
        "Figure": "blocks",
        "Html": "blocks",
        "Links": "blocks",
        "Notice": "blocks",
        "Page": "page",
        "Prose": "blocks",
        "Section": "blocks",
        "Table": "blocks",
        "Tile": "blocks",
        "Tiles": "blocks",
        "axes": "charts",
        "environment": "page",
        "image_uri": "charts",
        "interactive": "charts",
        "notebook": "page",
        "plain": "charts",
        "plotly_script": "charts",
        "svg": "charts",
    },
)
