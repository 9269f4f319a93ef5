"""Model cards of Amazon SageMaker: the JSON `Content` of its API.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-cards-json-schema.html
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.codecs.json import dump_json, dump_leaf, load_json, load_leaf
from modelward.modelcards.codecs.made import document_of
from modelward.modelcards.conversion.loss import Loss, shown
from modelward.modelcards.conversion.pointers import pointer, put, put_all
from modelward.modelcards.conversion.taking import Taker, compact
from modelward.modelcards.conversion.target import Target

SECTION = "sagemaker"
SECTIONS = ("model_overview", "model_package_details", "intended_uses", "business_details",
            "training_details", "evaluation_details", "additional_information")  # fmt: skip
MAX_CONTENT = 100_000
_TEXTS: tuple[tuple[Place, Place], ...] = (
    (("model_overview", "model_name"), ("model_details", "name")),
    (("model_overview", "model_description"), ("model_details", "description")),
    (("model_overview", "model_owner"), ("model_details", "owners", 0, "name")),
    (("model_overview", "model_creator"), ("model_details", "provider")),
    (("model_overview", "problem_type"), ("model_parameters", "task")),
    (("model_overview", "algorithm_type"), ("model_parameters", "model_architecture")),
    (("intended_uses", "purpose_of_model"), ("model_details", "overview")),
    (("intended_uses", "intended_uses"), ("considerations", "use_cases", 0, "description")),
    (("intended_uses", "factors_affecting_model_efficiency"), ("considerations", "limitations", 0, "description")),
    (("intended_uses", "explanations_for_risk_rating"), ("model_details", "risk", "explanation")),
    (("additional_information", "ethical_considerations"), ("considerations", "ethical_considerations", 0, "name")),
    (("additional_information", "caveats_and_recommendations"), ("considerations", "tradeoffs", 0, "description")),
)  # fmt: skip
_LIMITS = {"model_overview": 1024, "intended_uses": 2048, "additional_information": 2048}
_RATINGS = ("High", "Medium", "Low", "Unknown")
_EVALUATION, _GROUP = "evaluation", "metrics"
_RATING: Place = ("intended_uses", "risk_rating")


def read_sagemaker(data: bytes, source: Path) -> Document:
    """Read a card's content as SageMaker's API gives it."""
    card = Taker(load_json(data.decode("utf-8"), source))
    content: dict[str, Any] = {}
    for theirs, ours in _TEXTS:
        if (text := card.text(*theirs)) is not None:
            put(content, ours, text)
    if rating := card.text(*_RATING):
        put(content, ("model_details", "risk", "rating"), rating)
    if (version := card.take("model_overview", "model_version")) is not None:
        put(content, ("model_details", "version", "name"), version)
    for i, address in enumerate(card.take("model_overview", "model_artifact") or []):
        put(content, ("model_details", "files", i), {"uri": address})
    for at in card.each(
        "training_details", "training_job_details", "user_provided_hyper_parameters"
    ):
        name, value = card.text(*at, "name"), card.take(*at, "value")
        put(content, ("model_parameters", "parameters", str(name)), value)
    if metrics := list(_read_metrics(card)):
        put(content, ("quantitative_analysis", "performance_metrics"), metrics)
    carried = card.take("additional_information", "custom_details")
    rest = {pointer(place): value for place, value in card.left().items()}
    if rest:
        content[SECTION] = rest
    for key, value in (carried or {}).items():
        if key.startswith("/"):
            put_all(content, {key: load_leaf(value)})
        else:
            content.setdefault(SECTION, {})[f"/additional_information/custom_details/{key}"] = value
    return document_of(content, source)


def _read_metrics(card: Taker) -> Iterator[dict[str, Any]]:
    for evaluation in card.each("evaluation_details"):
        name = card.text(*evaluation, "name")
        for group in card.each(*evaluation, "metric_groups"):
            title = card.text(*group, "name")
            for at in card.each(*group, "metric_data"):
                card.text(*at, "type")
                yield compact(
                    type=card.text(*at, "name"),
                    value=card.take(*at, "value"),
                    description=card.text(*at, "notes"),
                    evaluation=None if name == _EVALUATION else name,
                    group=None if title == _GROUP else title,
                )


def write_sagemaker(card: Taker) -> Target:
    """Write the content, and take what it holds. Raises `DataError` where it is too long for the API."""
    content: dict[str, Any] = {}
    cut = []
    for theirs, ours in _TEXTS:
        if (text := card.text(*ours)) is None:
            continue
        limit = _LIMITS[str(theirs[0])]
        if len(text) > limit:
            cut.append(Loss(dotted(ours), "cut", shown(text), "longer than the API takes"))
            text = text[:limit]
        put(content, theirs, text)
    rating = str(card.look("model_details", "risk", "rating") or "").capitalize()
    if rating in _RATINGS:
        card.take("model_details", "risk", "rating")
        put(content, _RATING, rating)
    version = card.look("model_details", "version", "name")
    if str(version).isdecimal():
        card.take("model_details", "version", "name")
        put(content, ("model_overview", "model_version"), int(str(version)))
    addresses = [
        uri for at in card.each("model_details", "files") if (uri := card.text(*at, "uri"))
    ]
    if addresses:
        put(content, ("model_overview", "model_artifact"), addresses)
    _write_parameters(card, content)
    _write_metrics(card, content)
    own = card.take(SECTION)
    if isinstance(own, dict):
        put_all(content, own)

    def with_carried(carried: Mapping[str, Any]) -> str:
        full = copy.deepcopy(content)
        details = full.setdefault("additional_information", {}).setdefault("custom_details", {})
        details |= {key: dump_leaf(value) for key, value in carried.items()}
        return _bounded(full)

    return Target(_bounded(content), with_carried, "custom details", tuple(cut))


def _bounded(content: dict[str, Any]) -> str:
    text = dump_json(content)
    if len(text) > MAX_CONTENT:
        raise DataError(
            f"expected at most {MAX_CONTENT} characters for SageMaker, got {len(text)}",
            hint="leave out pictures and long texts, or convert without carrying.",
        )
    return text


def _write_parameters(card: Taker, content: dict[str, Any]) -> None:
    parameters = card.look("model_parameters", "parameters")
    for i, name in enumerate(parameters if isinstance(parameters, dict) else []):
        at: Place = (
            "training_details",
            "training_job_details",
            "user_provided_hyper_parameters",
            i,
        )
        value = card.take("model_parameters", "parameters", name)
        put(content, at, {"name": str(name), "value": str(value)})


def _write_metrics(card: Taker, content: dict[str, Any]) -> None:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for at in card.each("quantitative_analysis", "performance_metrics"):
        number = _number(card.look(*at, "value"))
        if number is None:
            continue
        card.take(*at, "value")
        key = (card.text(*at, "evaluation") or _EVALUATION, card.text(*at, "group") or _GROUP)
        kind = "number" if isinstance(number, int | float) else "string"
        metric = compact(
            name=card.text(*at, "type") or "metric", type=kind, notes=card.text(*at, "description")
        )
        groups.setdefault(key, []).append(metric | {"value": number})
    evaluations: dict[str, list[dict[str, Any]]] = {}
    for (name, title), metrics in groups.items():
        evaluations.setdefault(name, []).append({"name": title, "metric_data": metrics})
    if evaluations:
        content["evaluation_details"] = [
            {"name": name, "metric_groups": found} for name, found in evaluations.items()
        ]


def _number(value: Any) -> Any:
    """Give a value as a number where it is one written plainly, else as text."""
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool | int | float):
        return value
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    # A number that would not be written again as it stands stays text.
    return number if repr(number) == str(value) else str(value)
