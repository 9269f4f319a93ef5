"""Hugging Face READMEs: front matter with a model-index, and the text below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs import yaml
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.codecs.exact import exact_content
from modelward.modelcards.codecs.made import document_of
from modelward.modelcards.conversion.taking import Taker, compact
from modelward.modelcards.conversion.target import Target

SECTION = "huggingface"
"""Where a card keeps what only the Hub knows: language, tags, library_name, …"""
CARRIER = "modelward"
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*\r?$", re.MULTILINE)
_OTHER = "other"


def read_huggingface(data: bytes, source: Path) -> Document:
    """Read a README. Raises `DataError` when its front matter is no mapping, naming file and line."""
    text = data.decode("utf-8")
    found = _FRONT.match(text)
    meta: dict[str, Any] = {}
    if found:
        try:
            meta = exact_content(yaml.parse("\n" + found[1], source))
        except DataError as error:
            raise DataError(f"{error.fact} (in the front matter between the lines ---)") from error
    body = text[found.end() :] if found else text
    return document_of(_content(dict(meta), body, has_front=found is not None), source)


def _content(meta: dict[str, Any], body: str, *, has_front: bool) -> dict[str, Any]:
    from modelward.modelcards.conversion.pointers import put_all

    carried = meta.pop(CARRIER, None)
    index = meta.pop("model-index", None)
    first = index[0] if isinstance(index, list) and index and isinstance(index[0], dict) else {}
    if isinstance(index, list) and len(index) > 1:
        meta["model-index"] = index[1:]
    title = _TITLE.search(body)
    details = compact(
        name=first.get("name") or (title[1].strip() if title else None),
        documentation=(body.removeprefix("\n") if has_front else body) or None,
        licenses=[{"identifier": meta.pop("license")}]
        if isinstance(meta.get("license"), str)
        else None,
    )
    names = meta.get("datasets")
    data: list[Any] | None = None
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        data = [{"name": name} for name in meta.pop("datasets")]
    task = meta.pop("pipeline_tag", None)
    content = compact(
        model_details=details,
        model_parameters=compact(task=task, data=data),
        quantitative_analysis=compact(
            performance_metrics=list(_metrics(first.get("results"), str(task or _OTHER), names))
        ),
    )
    if first.keys() - {"name", "results"}:
        meta["model-index-extras"] = {
            k: v for k, v in first.items() if k not in {"name", "results"}
        }
    if meta:
        content[SECTION] = meta
    if carried is not None:
        put_all(content, carried)
    return content


def _metrics(results: Any, task: str, names: Any) -> Iterator[dict[str, Any]]:
    for result in results if isinstance(results, list) else []:
        if not isinstance(result, dict):
            continue
        shared = {key: value for key, value in result.items() if key not in {"metrics", "source"}}
        if "source" in result:
            shared["hub_source"] = result["source"]
        # What the writer puts in where a card says nothing is not read as said.
        if shared.get("task") == {"type": task}:
            del shared["task"]
        if shared.get("dataset") == _dataset(names if isinstance(names, list) else []):
            del shared["dataset"]
        for metric in result.get("metrics") or []:
            yield {**_metric(metric if isinstance(metric, dict) else {"value": metric}), **shared}


def _metric(metric: dict[str, Any]) -> dict[str, Any]:
    """Read the part of the data from where the writer puts it."""
    arguments = metric.get("args")
    if not isinstance(arguments, dict) or "slice" not in arguments:
        return metric
    part = arguments["slice"]
    rest = {key: value for key, value in arguments.items() if key != "slice"}
    name = str(metric.get("name", "")).removesuffix(f" ({part})")
    kept = {key: value for key, value in metric.items() if key not in {"args", "name"}}
    named = {} if name in ("", metric.get("type")) else {"name": name}
    return kept | named | ({"args": rest} if rest else {}) | {"slice": part}


def write_huggingface(card: Taker) -> Target:
    """Write a README, and take what it holds."""
    own = card.take(SECTION)
    meta: dict[str, Any] = dict(own) if isinstance(own, dict) else {}
    others = meta.pop("model-index", [])
    extras = meta.pop("model-index-extras", {})
    identifier = card.text("model_details", "licenses", 0, "identifier")
    if identifier:
        meta["license"] = identifier.lower()
    elif card.look("model_details", "licenses"):
        meta["license"] = _OTHER
    names = [
        name for at in card.each("model_parameters", "data") if (name := card.text(*at, "name"))
    ]
    if names:
        meta["datasets"] = names
    if task := card.text("model_parameters", "task"):
        meta["pipeline_tag"] = task
    name = card.text("model_details", "name") or "model"
    if results := list(_results(card, task or _OTHER, names)):
        meta["model-index"] = [{"name": name, "results": results, **extras}, *others]
    body = _body(card, name)

    def with_carried(carried: Mapping[str, Any]) -> str:
        return _readme({**meta, CARRIER: dict(carried)}, body)

    return Target(_readme(meta, body), with_carried, f"front matter, {CARRIER}")


def _results(card: Taker, task: str, names: list[str]) -> Iterator[dict[str, Any]]:
    """Give one result for each run of metrics with the same task and data set."""
    pending: dict[str, Any] | None = None
    for at in card.each("quantitative_analysis", "performance_metrics"):
        value = card.take(*at, "value")
        if value is None:
            continue
        head = {"task": card.take(*at, "task") or {"type": task}}
        head["dataset"] = card.take(*at, "dataset") or _dataset(names)
        if source := card.take(*at, "hub_source"):
            head["source"] = source
        metric = {"type": card.text(*at, "type") or "metric", "value": value}
        for key in ("name", "config", "args", "verified", "verifyToken"):
            if (extra := card.take(*at, key)) is not None:
                metric[key] = extra
        part = card.text(*at, "slice")
        if part is not None:
            metric["name"] = f"{metric.get('name', metric['type'])} ({part})"
            metric["args"] = {**(metric.get("args") or {}), "slice": part}
        if pending is not None and {k: v for k, v in pending.items() if k != "metrics"} == head:
            pending["metrics"].append(metric)
            continue
        if pending is not None:
            yield pending
        pending = {**head, "metrics": [metric]}
    if pending is not None:
        yield pending


def _dataset(names: list[str]) -> dict[str, str]:
    name = names[0] if names else "unnamed data"
    return {"type": re.sub(r"[^\w./-]+", "-", name).strip("-").lower() or _OTHER, "name": name}


def _body(card: Taker, name: str) -> str:
    """Give the documentation, or a text made of what a person would read first."""
    if (written := card.text("model_details", "documentation")) is not None:
        return written
    parts = [f"# {name}"]
    texts = (card.text("model_details", field) for field in ("overview", "description"))
    parts += [text.strip() for text in texts if text]
    for field, title in (
        ("use_cases", "Intended uses"),
        ("limitations", "Limitations"),
        ("ethical_considerations", "Risks"),
    ):
        items = card.look("considerations", field)
        if isinstance(items, list) and items:
            parts.append(f"## {title}\n\n" + "\n".join(f"- {_line(item)}" for item in items))
    return "\n\n".join(parts) + "\n"


def _line(item: Any) -> str:
    words = item.values() if isinstance(item, dict) else [item]
    return " — ".join(
        " ".join(str(word).split()) for word in words if not isinstance(word, dict | list)
    )


def _readme(meta: dict[str, Any], body: str) -> str:
    """Put front matter and body together."""
    head = f"---\n{yaml.write(meta)}---\n\n" if meta else ""
    return head + body
