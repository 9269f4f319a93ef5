"""CycloneDX ML-BOM (JSON, 1.5 to 1.7): the component of a model, with its modelCard.

https://cyclonedx.org/docs/1.7/json/ - the mapping is our own; what the format has no place for is
carried in the model card's properties, under names that start with `modelward:`.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Document, Place
from modelward.modelcards.codecs.json import dump_json, dump_leaf, load_json, load_leaf
from modelward.modelcards.codecs.made import document_of
from modelward.modelcards.conversion.pointers import flatten, place_of, pointer, put, put_all
from modelward.modelcards.conversion.taking import Taker, compact
from modelward.modelcards.conversion.target import Target

SECTION = "cyclonedx"
"""Where a card keeps what only the bill of materials says, by JSON pointer."""
PREFIX = "modelward:"
VERSIONS = ("1.5", "1.6", "1.7")
KIND = "machine-learning-model"
_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "bsd-2-clause": "BSD-2-Clause",
         "mpl-2.0": "MPL-2.0", "cc0-1.0": "CC0-1.0", "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0",
         "cc-by-nc-4.0": "CC-BY-NC-4.0", "isc": "ISC", "unlicense": "Unlicense", "eupl-1.2": "EUPL-1.2",
         "gpl-3.0-only": "GPL-3.0-only", "lgpl-3.0-only": "LGPL-3.0-only", "agpl-3.0-only": "AGPL-3.0-only"}  # fmt: skip
_PARAMETERS = (("task", "task"), ("modelArchitecture", "model_architecture"))
_SENTENCES = (
    ("users", "users"),
    ("useCases", "use_cases"),
    ("technicalLimitations", "limitations"),
    ("performanceTradeoffs", "tradeoffs"),
)
_SINCE = {
    "1.6": {"environmentalConsiderations", "authors", "manufacturer", "tags", "omniborId", "swhid",
            "cryptoProperties", "declarations", "definitions", "acknowledgement"},
    "1.7": {"isExternal", "versionRange", "patentAssertions", "citations", "distributionConstraints"},
}  # fmt: skip
"""Fields by the version of the format that brought them."""
_GROUPS = (("groupAtRisk", "group_at_risk"), ("benefits", "benefits"), ("harms", "harms"),
           ("mitigationStrategy", "mitigation_strategy"))  # fmt: skip


def read_cyclonedx(data: bytes, source: Path) -> Document:
    """Read the first model of a bill of materials.

    Raises `DataError` for XML, and where no component of kind machine-learning-model is in it.
    """
    if data.lstrip()[:1] == b"<":
        raise DataError(
            f"{source}:1:1: expected CycloneDX as JSON, got XML",
            hint="convert it to JSON first: cyclonedx-cli convert --output-format json.",
        )
    bom = Taker(load_json(data.decode("utf-8"), source))
    at = next(_models(bom.content, ()), None)
    if at is None:
        raise DataError(
            f"{source}:1:1: expected a component of type {KIND} in the bill of materials, got none"
        )
    content: dict[str, Any] = {}
    _read_component(bom, at, content)
    _read_card(bom, (*at, "modelCard"), content)
    carried = dict(_carried(bom, (*at, "modelCard", "properties")))
    for own in (("bomFormat",), ("$schema",), (*at, "type")):
        bom.take(*own)
    rest = {pointer(place): value for place, value in bom.left().items()}
    content[SECTION] = compact(at=pointer(at), rest=rest)
    put_all(content, carried)
    return document_of(content, source)


def _models(value: Any, place: Place) -> Iterator[Place]:
    if isinstance(value, dict):
        if value.get("type") == KIND:
            yield place
        for key in ("metadata", "component", "components"):
            if key in value:
                yield from _models(value[key], (*place, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _models(inner, (*place, i))


def _read_component(bom: Taker, at: Place, content: dict[str, Any]) -> None:
    details = compact(
        name=bom.text(*at, "name"),
        description=bom.text(*at, "description"),
        version=compact(name=bom.text(*at, "version")),
        provider=bom.text(*at, "publisher"),
    )
    licenses = []
    for entry in bom.each(*at, "licenses"):
        for key, name in (("id", "identifier"), ("name", "custom_text")):
            if (text := bom.text(*entry, "license", key)) is not None:
                licenses.append({name: text})
        if (text := bom.text(*entry, "expression")) is not None:
            licenses.append({"identifier": text})
    details |= compact(licenses=licenses)
    if details:
        content["model_details"] = details


def _read_card(bom: Taker, at: Place, content: dict[str, Any]) -> None:
    parameters: dict[str, Any] = {
        ours: text
        for theirs, ours in _PARAMETERS
        if (text := bom.text(*at, "modelParameters", theirs))
    }
    data = [
        compact(
            name=bom.text(*entry, "name"),
            description=bom.text(*entry, "description"),
            link=bom.text(*entry, "contents", "url"),
        )
        for entry in bom.each(*at, "modelParameters", "datasets")
        if bom.look(*entry, "name") or bom.look(*entry, "description")
    ]
    for entry in bom.each(*at, "modelParameters", "datasets"):
        if bom.look(*entry, "type") == "dataset":
            bom.take(*entry, "type")
    for side, name in (("inputs", "input_format"), ("outputs", "output_format")):
        found = [t for e in bom.each(*at, "modelParameters", side) if (t := bom.text(*e, "format"))]
        if found:
            parameters[name] = found[0] if len(found) == 1 else "; ".join(found)
    sections = {"model_parameters": parameters | compact(data=data)}
    metrics = [
        compact(
            type=bom.text(*entry, "type"),
            value=bom.text(*entry, "value"),
            slice=bom.text(*entry, "slice"),
            confidence_interval=compact(
                lower_bound=bom.text(*entry, "confidenceInterval", "lowerBound"),
                upper_bound=bom.text(*entry, "confidenceInterval", "upperBound"),
            ),
        )
        for entry in bom.each(*at, "quantitativeAnalysis", "performanceMetrics")
    ]
    sections["quantitative_analysis"] = compact(
        performance_metrics=metrics, graphics=_read_graphics(bom, at)
    )
    sections["considerations"] = _read_considerations(bom, (*at, "considerations"))
    content |= compact(**sections)
    groups = [
        {ours: text for theirs, ours in _GROUPS if (text := bom.text(*entry, theirs))}
        for entry in bom.each(*at, "considerations", "fairnessAssessments")
    ]
    content |= compact(fairness=groups)


def _read_graphics(bom: Taker, at: Place) -> dict[str, Any]:
    place: Place = (*at, "quantitativeAnalysis", "graphics")
    pictures = []
    for entry in bom.each(*place, "collection"):
        kind = bom.look(*entry, "image", "contentType")
        picture = compact(name=bom.text(*entry, "name"), image=bom.text(*entry, "image", "content"))
        if picture.get("image"):
            bom.take(*entry, "image", "encoding")
            bom.take(*entry, "image", "contentType")
            picture |= compact(media_type=None if kind == "image/png" else kind)
        pictures.append(picture)
    return compact(description=bom.text(*place, "description"), collection=pictures)


def _read_considerations(bom: Taker, at: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for theirs, ours in _SENTENCES:
        texts = [text for entry in bom.each(*at, theirs) if (text := bom.text(*entry))]
        found |= compact(**{ours: [{"description": text} for text in texts]})
    risks = [
        compact(
            name=bom.text(*entry, "name"),
            mitigation_strategy=bom.text(*entry, "mitigationStrategy"),
        )
        for entry in bom.each(*at, "ethicalConsiderations")
    ]
    return found | compact(ethical_considerations=risks)


def _carried(bom: Taker, at: Place) -> Iterator[tuple[str, Any]]:
    for entry in bom.each(*at):
        name = bom.look(*entry, "name")
        if isinstance(name, str) and name.startswith(PREFIX):
            bom.take(*entry)
            yield name.removeprefix(PREFIX), load_leaf(bom.look(*entry, "value"))


def write_cyclonedx(card: Taker, version: str | None) -> Target:
    """Write a bill of materials with the model in it, and take what it holds.

    Raises `DataError` for a version of the format it does not know.
    """
    own = card.take(SECTION)
    own = own if isinstance(own, dict) else {}
    rest = own.get("rest") or {}
    version = version or str(rest.get("/specVersion", "1.6"))
    if version not in VERSIONS:
        raise DataError(f"expected CycloneDX {', '.join(VERSIONS)}, got {version!r}")
    at = place_of(str(own.get("at") or "/components/0"))
    bom: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
    }
    component = _component(card)
    model_card = _model_card(card)
    if model_card:
        component["modelCard"] = model_card
    for place, value in flatten(component).items():
        put(bom, (*at, *place), value)
    put_all(bom, {name: value for name, value in rest.items() if _knows(version, name)})
    name = json.dumps(component, sort_keys=True, default=str)
    bom.setdefault("serialNumber", f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}")
    bom.setdefault("version", 1)
    bom["specVersion"] = version

    def with_carried(carried: Mapping[str, Any]) -> str:
        full = copy.deepcopy(bom)
        inside: Any = full
        for key in at:
            inside = inside[key]
        properties = inside.setdefault("modelCard", {}).setdefault("properties", [])
        properties += [
            {"name": PREFIX + name, "value": dump_leaf(value)} for name, value in carried.items()
        ]
        return dump_json(full)

    return Target(dump_json(bom), with_carried, "properties")


def _knows(version: str, name: str) -> bool:
    """Tell whether a version of the format has a field that was read from another."""
    keys = set(place_of(name))
    return all(version >= since or not keys & fields for since, fields in _SINCE.items())


def _component(card: Taker) -> dict[str, Any]:
    licenses: list[dict[str, Any]] = []
    for at in card.each("model_details", "licenses"):
        if (identifier := card.text(*at, "identifier")) is not None:
            known = _SPDX.get(identifier.lower())
            licenses.append(
                {"license": {"id": known} if known == identifier else {"name": identifier}}
            )
        elif (text := card.text(*at, "custom_text")) is not None:
            licenses.append({"license": {"name": text}})
    description = card.text("model_details", "description") or card.text(
        "model_details", "overview"
    )
    return {"type": KIND} | compact(
        name=card.text("model_details", "name") or "model",
        description=description,
        version=card.text("model_details", "version", "name"),
        publisher=card.text("model_details", "provider"),
        licenses=licenses,
    )


def _model_card(card: Taker) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        theirs: text
        for theirs, ours in _PARAMETERS
        if (text := card.text("model_parameters", ours))
    }
    datasets = []
    for at in card.each("model_parameters", "data"):
        link = card.text(*at, "link")
        entry = compact(
            name=card.text(*at, "name"),
            description=card.text(*at, "description"),
            contents=compact(url=link),
        )
        datasets.append({"type": "dataset"} | entry)
    parameters |= compact(datasets=datasets)
    for side, name in (("inputs", "input_format"), ("outputs", "output_format")):
        if (text := card.text("model_parameters", name)) is not None:
            parameters[side] = [{"format": text}]
    metrics = []
    for at in card.each("quantitative_analysis", "performance_metrics"):
        interval: Place = (*at, "confidence_interval")
        metrics.append(
            compact(
                type=card.text(*at, "type"),
                value=card.text(*at, "value"),
                slice=card.text(*at, "slice"),
                confidenceInterval=compact(
                    lowerBound=card.text(*interval, "lower_bound"),
                    upperBound=card.text(*interval, "upper_bound"),
                ),
            )
        )
    analysis = compact(performanceMetrics=metrics, graphics=_write_graphics(card))
    return compact(
        modelParameters=parameters,
        quantitativeAnalysis=analysis,
        considerations=_write_considerations(card),
    )


def _write_graphics(card: Taker) -> dict[str, Any]:
    place: Place = ("quantitative_analysis", "graphics")
    pictures = []
    for at in card.each(*place, "collection"):
        image = card.text(*at, "image")
        kind = card.text(*at, "media_type") or "image/png"
        attached = {"contentType": kind, "encoding": "base64", "content": image} if image else {}
        pictures.append(compact(name=card.text(*at, "name"), image=attached))
    return compact(description=card.text(*place, "description"), collection=pictures)


def _write_considerations(card: Taker) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for theirs, ours in _SENTENCES:
        texts = []
        for at in card.each("considerations", ours):
            item = card.look(*at)
            text = card.text(*at) if not isinstance(item, dict) else card.text(*at, "description")
            if text is not None:
                texts.append(text)
        found |= compact(**{theirs: texts})
    risks = [
        compact(
            name=card.text(*at, "name"), mitigationStrategy=card.text(*at, "mitigation_strategy")
        )
        for at in card.each("considerations", "ethical_considerations")
    ]
    groups = [
        {theirs: text for theirs, ours in _GROUPS if (text := card.text(*at, ours)) is not None}
        for at in card.each("fairness")
    ]
    return found | compact(
        ethicalConsiderations=risks, fairnessAssessments=[g for g in groups if g]
    )
