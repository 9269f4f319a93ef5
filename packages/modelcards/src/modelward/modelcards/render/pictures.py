"""Pictures that stand in a card: PNG or JPEG as base64, small enough, and said in words."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any

from modelward.core.pages import Block, Figure, Notice, Prose, image_uri

MAX_BYTES = 4 << 20
"""A picture of more bytes is not drawn."""
MAX_PIXELS = 40_000_000
"""A picture of more pixels is not drawn: a few kB of PNG can unfold to gigabytes."""
MOST = 24
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers after which the size stands."""


def pictures(graphics: Any) -> Iterator[Block]:
    """Draw the pictures of a `graphics` part; of one that cannot be drawn, say why."""
    if not isinstance(graphics, dict):
        return
    collection = graphics.get("collection")
    entries = [e for e in collection if isinstance(e, dict)] if isinstance(collection, list) else []
    if graphics.get("description"):
        yield Prose(str(graphics["description"]))
    for entry in entries[:MOST]:
        if entry.get("image"):
            yield _drawn(entry)
    if len(entries) > MOST:
        yield Notice(f"The first {MOST} of {len(entries)} pictures are shown.", "warning")


def _drawn(entry: dict[str, Any]) -> Block:
    name, words = (str(entry.get(key) or "").strip() for key in ("name", "alt"))
    if not words:
        reason = "'alt' does not say in words what it shows"
    else:
        data = decoded(str(entry["image"]))
        if isinstance(data, bytes):
            return Figure(image_uri(data), words, name)
        reason = data
    told = f" It would show: {words}" if words else ""
    return Notice(
        f"The picture {name or 'without a name'} is not shown: {reason}.{told}", "warning"
    )


def decoded(text: str) -> bytes | str:
    """Give the bytes of a picture written as base64 (or a data URI), or say why it is none."""
    head, comma, body = text.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        text = body
    plain = "".join(text.split())
    if len(plain) > MAX_BYTES * 4 // 3 + 4:
        return f"it has more than {MAX_BYTES >> 20} MiB"
    try:
        data = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        return "it is not base64"
    size = _png_size(data) or _jpeg_size(data)
    if size is None:
        return "it is neither PNG nor JPEG"
    width, height = size
    if not 0 < width * height <= MAX_PIXELS:
        return f"it has {width} x {height} pixels"
    return data


def _png_size(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(_PNG) or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(_JPEG):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xFF:  # padding
            at += 1
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if data[at + 1] in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + max(2, length)
    return None
