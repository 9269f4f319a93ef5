"""Cards to be filled in: what a person has to say, as TODOs that fit the kind of model."""

from __future__ import annotations

import copy
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.creation.project import details_of_project
from modelward.modelcards.schema import SCHEMA_VERSION

_QUESTIONS: dict[str, dict[str, str]] = {
    "classification": {
        "description": "which classes it tells apart, of what.",
        "input": "what one example is, and its columns or size.",
        "output": "the classes, and what a score means.",
        "limitation": "which classes it confuses, and on which part of the data it fails.",
        "harm": "what a false positive and a false negative cost, and whom.",
    },
    "regression": {
        "description": "which quantity it predicts, of what, in which unit.",
        "input": "what one example is, and the range of its columns.",
        "output": "the quantity and its unit.",
        "limitation": "outside which range it must not be used.",
        "harm": "what an error too high and one too low cost, and whom.",
    },
    "detection": {
        "description": "which objects it finds in which pictures.",
        "input": "size, colours and source of the pictures.",
        "output": "boxes, classes, and what a score means.",
        "limitation": "light, weather, size and occlusion under which it fails.",
        "harm": "what a missed object and a false one cost, and whom.",
    },
    "generation": {
        "description": "what it makes, from what.",
        "input": "what a prompt may hold, in which languages.",
        "output": "what comes out, and how it is filtered.",
        "limitation": "what it invents, and which topics it must not be asked.",
        "harm": "what false, biased or harmful output costs, and whom.",
    },
    "forecasting": {
        "description": "which series it forecasts, how far ahead.",
        "input": "which history it needs, and how fresh.",
        "output": "the horizon, the unit, and what an interval means.",
        "limitation": "after which breaks of the series it must be trained anew.",
        "harm": "what a forecast too high and one too low costs, and whom.",
    },
}
KINDS = tuple(_QUESTIONS)
"""The kinds of model there is a template for."""


def content_of_template(kind: str, *, name: str = "") -> dict[str, Any]:
    """Write a card of TODOs for a kind of model, with what the working folder says filled in.

    Raises `DataError` for a kind there is no template for.
    """
    if kind not in _QUESTIONS:
        raise DataError(f"expected a kind of {', '.join(KINDS)}, got {kind!r}")
    ask = {key: f"TODO: {question}" for key, question in _QUESTIONS[kind].items()}
    details: dict[str, Any] = {
        "name": name or "TODO: the model's name.",
        "overview": "TODO: one sentence for who does not know the model.",
        "description": ask["description"],
        "version": {"name": "TODO", "date": "TODO: YYYY-MM-DD"},
        "owners": [{"name": "TODO: who answers for it.", "contact": "TODO"}],
        "licenses": [{"identifier": "TODO: an SPDX identifier."}],
        "status": "draft",
        "risk": {"rating": "TODO: low, medium, high or unacceptable.", "explanation": "TODO: why."},
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": details | details_of_project(),
        "model_parameters": {
            "task": kind,
            "model_architecture": "TODO: its architecture.",
            "input_format": ask["input"],
            "output_format": ask["output"],
            "data": [
                {
                    "name": role,
                    "role": role,
                    "description": "TODO: what is in it, and where it is from.",
                }
                for role in ("training", "testing")
            ],
        },
        "considerations": {
            "users": [{"description": "TODO: who is to use it."}],
            "use_cases": [{"description": "TODO: what for."}],
            "prohibited_uses": [{"description": "TODO: what it must not be used for."}],
            "limitations": [{"description": ask["limitation"]}],
            "ethical_considerations": [
                {"name": ask["harm"], "mitigation_strategy": "TODO: what is done about it."}
            ],
            "human_oversight": "TODO: who watches it, and who can stop it.",
        },
    }


def merged(content: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Give content with what is known put in, section by section; lists are replaced.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    result = copy.deepcopy(content)
    for key, value in known.items():
        inner = result.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        result[key] = merged(dict(inner or {}), value) if both else value
    return result
