"""The messages of the Model Card Toolkit v0.0.2 and of VerifyML v0.0.4: fields, and their numbers.

The numbers are those of the protocol buffers both toolkits write:
https://github.com/tensorflow/model-card-toolkit and https://github.com/cylynx/verifyml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """A field: its number on the wire, its message (None: text; `bool`), and whether it repeats."""

    number: int
    message: Any = None
    repeated: bool = False


Message = Mapping[str, Part]


def _texts(*names: str) -> dict[str, Part]:
    return {name: Part(i) for i, name in enumerate(names, 1)}


def _many(number: int, message: Message) -> Part:
    return Part(number, message, repeated=True)


_DESCRIBED = _texts("description")
GRAPHICS: Message = {"description": Part(1), "collection": _many(2, _texts("name", "image"))}
_KEY_VALUE = _texts("key", "value")
_TEST: Message = _texts("name", "description", "threshold", "result") | {
    "passed": Part(5, bool),
    "graphics": Part(6, GRAPHICS),
}


def _details(verifyml: bool) -> Message:
    owner = _texts("name", "contact", "role") if verifyml else _texts("name", "contact")
    details: dict[str, Part] = _texts("name", "overview", "documentation") | {
        "owners": _many(4, owner),
        "version": Part(5, _texts("name", "date", "diff")),
        "licenses": _many(6, _texts("identifier", "custom_text")),
        "references": _many(7, _texts("reference")),
        "citations": _many(8, _texts("style", "citation")),
        "path": Part(9),
    }
    if verifyml:
        details["regulatory_requirements"] = _many(10, _texts("regulation"))
    return details


def _parameters(verifyml: bool) -> Message:
    sensitive: dict[str, Part] = {"sensitive_data": Part(1, None, repeated=True)}
    if verifyml:
        sensitive |= {"sensitive_data_used": Part(2, None, repeated=True), "justification": Part(3)}
    data: Message = {
        "name": Part(1),
        "link": Part(2),
        "sensitive": Part(3, sensitive),
        "graphics": Part(4, GRAPHICS),
        "description": Part(5),
    }
    return {
        "model_architecture": Part(1),
        "data": _many(2, data),
        "input_format": Part(3),
        "output_format": Part(4),
        "input_format_map": _many(5, _KEY_VALUE),
        "output_format_map": _many(6, _KEY_VALUE),
    }


def _analysis(verifyml: bool) -> Message:
    metric: dict[str, Part] = _texts("type", "value", "slice")
    if verifyml:
        metric |= {"description": Part(4), "graphics": Part(5, GRAPHICS), "tests": _many(6, _TEST)}
    else:
        metric["confidence_interval"] = Part(4, _texts("lower_bound", "upper_bound"))
    return {"performance_metrics": _many(1, metric), "graphics": Part(2, GRAPHICS)}


def _considerations(verifyml: bool) -> Message:
    parts = {
        "users": _many(1, _DESCRIBED),
        "use_cases": _many(2, _DESCRIBED),
        "limitations": _many(3, _DESCRIBED),
        "tradeoffs": _many(4, _DESCRIBED),
        "ethical_considerations": _many(5, _texts("name", "mitigation_strategy")),
    }
    if verifyml:
        group = _texts("group_at_risk", "benefits", "harms", "mitigation_strategy")
        parts["fairness_assessment"] = _many(6, group)
    return parts


def _card(verifyml: bool) -> Message:
    parts = {
        "model_details": Part(1, _details(verifyml)),
        "model_parameters": Part(2, _parameters(verifyml)),
        "quantitative_analysis": Part(3, _analysis(verifyml)),
        "considerations": Part(4, _considerations(verifyml)),
    }
    if not verifyml:
        return parts | {"schema_version": Part(0)}  # of the JSON form only
    report = {"graphics": Part(4, GRAPHICS), "tests": _many(5, _TEST)}
    explained = _texts("type", "slice", "description") | report
    fair: Message = _texts("type", "slice", "segment", "description") | {
        "graphics": Part(5, GRAPHICS),
        "tests": _many(6, _TEST),
    }
    parts["explainability_analysis"] = Part(5, {"explainability_reports": _many(1, explained)})
    parts["fairness_analysis"] = Part(6, {"fairness_reports": _many(1, fair)})
    return parts


MCT = _card(False)
VERIFYML = _card(True)


def project(value: Any, message: Message) -> Any:
    """Give that part of content which a message can hold; text where it wants text."""
    kept: dict[str, Any] = {}
    for name, part in message.items():
        if not isinstance(value, dict) or value.get(name) is None:
            continue
        inner = value[name]
        if part.repeated:
            items = [_one(item, part) for item in inner] if isinstance(inner, list) else []
            found: Any = [item for item in items if item not in (None, {})]
        else:
            found = _one(inner, part)
        if found not in (None, {}, []):
            kept[name] = found
    return kept


def _one(value: Any, part: Part) -> Any:
    if part.message is None:
        return None if isinstance(value, dict | list | bool | None) else str(value)
    if part.message is bool:
        return value if isinstance(value, bool) else None
    if isinstance(value, str) and "description" in part.message:
        return {"description": value}  # people write a list of sentences
    return project(value, part.message)
