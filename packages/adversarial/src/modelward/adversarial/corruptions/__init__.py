"""Common corruptions: what weather, cameras and files do to images, in five severities."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.corruptions.table import CORRUPTIONS, corrupted

__all__ = ["CORRUPTIONS", "corrupted"]

__getattr__, __dir__ = lazy_exports(__name__, {"CORRUPTIONS": "table", "corrupted": "table"})
