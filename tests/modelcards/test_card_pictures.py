"""Pictures in cards: drawn where they are harmless and said in words, and told where they are not."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from modelward.modelcards import card_page, parse, verify
from modelward.modelcards.render.pictures import MAX_BYTES, decoded


def made(kind: str, size: tuple[int, int] = (3, 2)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, kind)
    return stream.getvalue()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def page(*collection: dict[str, Any], audience: str = "engineer") -> str:
    graphics = {"description": "Curves & more.", "collection": list(collection)}
    content = {
        "model_parameters": {"data": [{"name": "test", "graphics": graphics}]},
        "quantitative_analysis": {"graphics": graphics},
    }
    document = parse(json.dumps(content))
    return card_page(document, verify(document), audience=audience).render()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_are_drawn_with_their_words(kind: str) -> None:
    entry = {"name": "ROC", "alt": 'Rises <fast> "at once"', "image": text(made(kind))}
    shown = page(entry)
    assert shown.count(f'src="data:image/{kind.lower()};base64,{entry["image"]}"') == 2
    assert 'alt="Rises &lt;fast&gt; &#34;at once&#34;"' in shown
    assert "Curves &amp; more." in shown
    folded = "\n".join(entry["image"][i : i + 20] for i in range(0, len(entry["image"]), 20))
    assert decoded(f"data:image/png;base64,{folded}") == made(kind)


@pytest.mark.parametrize("audience", ["engineer", "risk", "public"])
def test_a_picture_nobody_has_put_into_words_is_not_drawn(audience: str) -> None:
    shown = page({"name": "ROC", "image": text(made("PNG"))}, audience=audience)
    assert "data:image" not in shown
    assert "The picture ROC is not shown: &#39;alt&#39; does not say in words" in shown


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


BOMB = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("<svg onload=alert(1)>", "not base64"),
        (text(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), "neither PNG nor"),
        (text(made("GIF")), "neither PNG nor JPEG"),
        ("https://example.org/track.png", "not base64"),
        ("data:image/svg+xml;base64," + text(b"<svg/>"), "neither PNG nor JPEG"),
        ("data:text/html;base64," + text(b"<script>x</script>"), "neither PNG nor JPEG"),
        (text(made("PNG")[:20]), "neither PNG nor JPEG"),
        (text(made("JPEG")[:24]), "neither PNG nor JPEG"),
        (text(b"\xff\xd8\xff" * 2000), "neither PNG nor JPEG"),
        (text(BOMB), "60000 x 60000 pixels"),
        (text(made("PNG") + b"0" * MAX_BYTES), "more than 4 MiB"),
        ("", "neither PNG nor JPEG"),
    ],
)
def test_what_is_no_harmless_picture_is_told_and_not_drawn(image: str, reason: str) -> None:
    answer = decoded(image)
    assert isinstance(answer, str)
    assert reason in answer
    if image:
        shown = page({"name": "x", "alt": "words", "image": image})
        assert f"The picture x is not shown: {answer}." in shown.replace("&#39;", "'")
        assert "<svg onload" not in shown
