"""What every part of a card has in common: open to unknown keys, numbers kept as they are."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from pydantic.json_schema import WithJsonSchema

Finite = Annotated[StrictFloat, Field(allow_inf_nan=False)]
"""A float that JSON can hold."""
Number = Annotated[StrictInt | Finite | StrictStr, WithJsonSchema({"type": ["number", "string"]})]
"""A number, or a number as text: the older schema wants text, people write numbers."""
Text = Annotated[StrictInt | Finite | StrictStr, WithJsonSchema({"type": ["string", "number"]})]
"""Text. The older schema wants text where YAML reads `name: 1.10` or `date: 2022` as a number."""


class Open(BaseModel):
    """A part of a card. Unknown keys are kept: a card may hold what others have added."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


def field(description: str) -> Any:
    """Declare an optional field with the description the published schema shows."""
    return Field(default=None, description=description)


def many(description: str) -> Any:
    """Declare a list that may be empty."""
    return Field(default=[], description=description)
