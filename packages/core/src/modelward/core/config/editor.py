"""JSON Schema, with which an editor completes and checks a configuration file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class _EditorSchema(GenerateJsonSchema):
    # A number or bool may be written as a variable too, which an editor would mark as wrong.

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_variable(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_variable(super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return _or_variable(super().bool_schema(schema))


def _or_variable(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema, {"type": "string", "pattern": r"\$\{[A-Za-z_]"}]}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of the files that `load` reads into a model.

    Name its file in the first line of a YAML file and editors follow it:
    `# yaml-language-server: $schema=job.schema.json`.

    >>> from modelward.core.config import Config
    >>> class Job(Config):
    ...     name: str
    >>> schema(Job)["properties"]["name"], schema(Job)["additionalProperties"]
    ({'title': 'Name', 'type': 'string'}, False)
    """
    described = model.model_json_schema(schema_generator=_EditorSchema)
    return {"$schema": GenerateJsonSchema.schema_dialect, **described}
