"""Protocol buffers on the wire, as far as model cards use them: text, flags and messages.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.conversion.shapes import Message

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 32


def decode(data: bytes, message: Message, *, depth: int = 0) -> dict[str, Any]:
    """Read a message. Raises `DataError` for what is none; unknown fields are passed over."""
    if depth > _MAX_DEPTH:
        raise DataError(f"expected messages nested at most {_MAX_DEPTH} deep, got more")
    names = {part.number: (name, part) for name, part in message.items()}
    content: dict[str, Any] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        start = at
        value: Any
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind == _BYTES:
            length, start = _varint(data, at)
            at = start + length
            value = data[start:at]
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
            value = None
        else:
            raise DataError(
                f"expected a protocol buffer, got a field of kind {kind} at byte {start}"
            )
        if at > len(data):
            raise DataError(f"expected a protocol buffer, got one cut off at byte {len(data)}")
        if key >> 3 == 0:
            raise DataError(f"expected a protocol buffer, got a field number 0 at byte {start}")
        if (key >> 3) in names:
            name, part = names[key >> 3]
            read = _value(value, kind, part.message, depth)
            if part.repeated:
                content.setdefault(name, []).append(read)
            else:
                content[name] = read
    return content


def _value(value: Any, kind: int, message: Any, depth: int) -> Any:
    if message is bool and kind == _VARINT:
        return bool(value)
    if kind != _BYTES or message is bool:
        raise DataError("expected a VerifyML card, got a protocol buffer of another message")
    if message is not None:
        return decode(value, message, depth=depth + 1)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"expected text in UTF-8, got: {error}") from error


def encode(content: dict[str, Any], message: Message) -> bytes:
    """Write a message. `content` is what `shapes.project` gave for it."""
    out = bytearray()
    for name, part in message.items():
        if name not in content or not part.number:
            continue
        values = content[name] if part.repeated else [content[name]]
        for value in values:
            if part.message is bool:
                out += _bytes(part.number << 3) + _bytes(int(value))
                continue
            body = value.encode("utf-8") if part.message is None else encode(value, part.message)
            out += _bytes(part.number << 3 | _BYTES) + _bytes(len(body)) + body
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DataError(f"expected a protocol buffer, got one that breaks at byte {at}")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _bytes(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
