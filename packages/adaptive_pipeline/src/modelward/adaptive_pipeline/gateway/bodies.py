"""The bodies of requests: read within limits, and what is wrong with one said in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from modelward.adaptive_pipeline.gateway.problems import Problem
from modelward.adaptive_pipeline.joiner import Label
from modelward.adaptive_pipeline.values import identity
from modelward.core.errors import DataError

MOST_LABELS = 10_000
_VALUE = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean")]}
_ID = {"type": "string", "minLength": 1, "maxLength": 128}
_ROW = {"type": "object", "additionalProperties": _VALUE, "examples": [{"x": 0.5}]}
_LABEL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "request_id": _ID,
        "label": _VALUE,
        "revision": {"type": "integer", "minimum": 0},
    },
    "required": ["label"],
}


def _body(properties: dict[str, Any], *either: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "oneOf": [{"required": [name]} for name in either],
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


PREDICT = _body(
    {
        "row": _ROW,
        "rows": {"type": "array", "items": _ROW, "minItems": 1},
        "request_id": _ID,
        "request_ids": {"type": "array", "items": _ID},
        "unit": _ID,
        "units": {"type": "array", "items": _ID},
        "model": {"type": "string"},
    },
    "row",
    "rows",
)
LABELS = _body(
    {**_LABEL["properties"], "labels": {"type": "array", "items": _LABEL, "maxItems": MOST_LABELS}},
    "label",
    "labels",
)


_ANSWER = {
    "type": "object",
    "properties": {"request_id": _ID, "prediction": _VALUE, "version": {"type": "string"}},
    "required": ["request_id", "prediction", "version"],
}
_MANY = {
    "type": "object",
    "properties": {"predictions": {"type": "array", "items": _ANSWER}},
    "required": ["predictions"],
}
_COUNTS = {
    "type": "object",
    "properties": {"accepted": {"type": "integer"}, "joined": {"type": "integer"}},
    "required": ["accepted", "joined"],
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": _ID,
    },
    "required": ["title", "status", "detail"],
}


def _responses(status: int, *either: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    schema = either[0] if len(either) == 1 else {"oneOf": list(either)}
    refused = {"application/problem+json": {"schema": _PROBLEM}}
    return {
        status: {"content": {"application/json": {"schema": schema}}},
        "4XX": {"description": "The request is refused.", "content": refused},
        "5XX": {"description": "The request cannot be answered now.", "content": refused},
    }


PREDICTED = _responses(200, _ANSWER, _MANY)
ACCEPTED = _responses(202, _COUNTS)


async def read(request: Request, limit: int) -> dict[str, Any]:
    """Read a JSON object of at most `limit` bytes. Raises `Problem`."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        raise Problem(413, f"expected a body of at most {limit:,} bytes, got {length[:20]}")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(413, f"expected a body of at most {limit:,} bytes, got more")
        parts.append(part)
    try:
        found = from_json(b"".join(parts), allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, _unreadable(b"".join(parts), error)) from error
    if not isinstance(found, dict):
        raise Problem(422, f"expected a JSON object, got {type(found).__name__}")
    return found


def _unreadable(body: bytes, error: ValueError) -> str:
    try:
        from_json(body)
    except ValueError:
        return f"expected JSON, got something else: {error}"
    return f"expected JSON with finite numbers alone, got NaN or Infinity: {error}"


def named(body: Mapping[str, Any] | None, header: str | None) -> str | None:
    """Give the id a request came with, where it is a usable one."""
    name = header if header is not None or body is None else body.get("request_id")
    try:
        return identity(name)
    except DataError:
        return None


def rows_of(
    body: Mapping[str, Any], header: str | None, most: int
) -> tuple[list[tuple[Any, str | None, str | None]], bool]:
    """Give (row, request id, unit) for each row asked about, and whether many were asked at once.

    Raises `DataError` for a body that is not one of the two forms.
    """
    _known(body, PREDICT)
    if ("row" in body) == ("rows" in body):
        raise DataError("expected either 'row' or 'rows', got both or none")
    if "row" in body:
        name = header if header is not None else body.get("request_id")
        return [(body["row"], name, body.get("unit"))], False
    rows = body["rows"]
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        raise DataError(f"expected 'rows' as a list of 1 to {most:,} rows, got {_short(rows)}")
    names = _parallel(body, "request_ids", len(rows))
    if header is not None:
        names = [f"{header}/{place}" for place in range(len(rows))]
    units = _parallel(body, "units", len(rows))
    if "unit" in body:
        units = [body["unit"]] * len(rows)
    return list(zip(rows, names, units, strict=True)), True


def labels_of(body: Mapping[str, Any], header: str | None) -> list[Label]:
    """Give the labels of a body. Raises `DataError` for one that is not one of the two forms."""
    _known(body, LABELS)
    if ("label" in body) == ("labels" in body):
        raise DataError("expected either 'label' or 'labels', got both or none")
    if "label" in body:
        items: Any = [{k: body[k] for k in ("request_id", "label", "revision") if k in body}]
        if header is not None:
            items[0].setdefault("request_id", header)
    else:
        items = body["labels"]
    if not isinstance(items, list) or not 0 < len(items) <= MOST_LABELS:
        raise DataError(
            f"expected 'labels' as a list of 1 to {MOST_LABELS:,} labels, got {_short(items)}"
        )
    return [_label(item) for item in items]


def _label(item: Any) -> Label:
    if not isinstance(item, dict) or not {"request_id", "label"} <= set(item):
        raise DataError(f"expected a label with 'request_id' and 'label', got {_short(item)}")
    unknown = set(item) - {"request_id", "label", "revision"}
    if unknown:
        raise DataError(
            f"expected no more than request_id, label and revision, got {sorted(unknown)}"
        )
    return Label(item["request_id"], item["label"], item.get("revision", 0))


def _parallel(body: Mapping[str, Any], name: str, n: int) -> list[Any]:
    given = body.get(name)
    if given is None:
        return [None] * n
    if not isinstance(given, list) or len(given) != n:
        raise DataError(
            f"expected '{name}' as a list of {n}, one for each row, got {_short(given)}"
        )
    return given


def _known(body: Mapping[str, Any], form: Mapping[str, Any]) -> None:
    allowed = form["requestBody"]["content"]["application/json"]["schema"]["properties"]
    unknown = [name for name in body if name not in allowed]
    if unknown:
        raise DataError(f"expected only {', '.join(allowed)}, got also {unknown[:10]}")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    return f"{type(value).__name__} {json.dumps(value, default=str)[:80]}"
