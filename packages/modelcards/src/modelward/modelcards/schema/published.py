"""The published JSON Schema, as a file: holding a card against it needs no pydantic."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

NAME = "modelcard.schema.json"


@cache
def published_schema() -> dict[str, Any]:
    """Give the published JSON Schema of cards (draft 2020-12); it is not to be changed."""
    text = (files("modelward.modelcards.schema") / NAME).read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
