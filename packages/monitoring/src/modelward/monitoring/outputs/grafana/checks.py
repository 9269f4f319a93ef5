"""Checks of dashboards without Grafana: that each is whole, and every query it will ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from modelward.core.errors import DataError
from modelward.monitoring.outputs.grafana.panels import SOURCE, WIDTH

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:[.:][\w.:]+)?\}|(\w+))")
_BUILT_IN = re.compile(r"__\w+")
_VALUES = re.compile(r"label_values\((?:(.+),\s*)?(\w+)\)", re.DOTALL)


def check_dashboards(made: Mapping[str, Mapping[str, Any]]) -> None:
    """See that dashboards are in order; else raise `DataError` with every fault.

    Ids and titles are each given once, panels lie within 24 columns and on no other, every variable
    is defined before it is used, all data comes from `${datasource}`, and links lead to dashboards
    that are here, with variables that those have, and keep the time.
    """
    by_uid = {each["uid"]: each for each in made.values()}
    faults = [f"{name}: {fault}" for name, each in made.items() for fault in _faults(each, by_uid)]
    if len(by_uid) != len(made):
        faults.append("two dashboards have one uid")
    if faults:
        raise DataError("expected dashboards in order, got:\n" + "\n".join(faults))


def queries(board: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give every query of a dashboard with its variables filled in, and where it is.

    Queries for the values of variables come as `label_values(selector, label)`. `values` are texts by
    variable: they are escaped as within quotes.
    """
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", filled(variable["query"]["query"], values)
    for mark in board["annotations"]["list"]:
        yield f"annotation {mark['name']}", filled(mark["expr"], values)
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']} {target['refId']}", filled(target["expr"], values)


def filled(query: str, values: Mapping[str, str]) -> str:
    """Put values in the place of variables, escaped as PromQL wants them within double quotes."""

    def one(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        value = values[name]
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return _VARIABLE.sub(one, query)


def label_values(query: str) -> tuple[str, str]:
    """Take `label_values(selector, label)` apart. Raises `DataError` for another text."""
    found = _VALUES.fullmatch(query)
    if found is None or not found[1]:
        raise DataError(f"expected label_values(selector, label), got {query!r}")
    return found[1], found[2]


def _faults(board: Mapping[str, Any], by_uid: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    panels: Sequence[Mapping[str, Any]] = board["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield "two panels have one id"
    yield from _places(panels)
    yield from _variables(board)
    yield from _sources(board)
    for panel in panels:
        refs = [target["refId"] for target in panel.get("targets", ())]
        if len(set(refs)) != len(refs):
            yield f"'{panel['title']}' has two queries of one refId"
    for url in _texts(board, "url"):
        yield from _link(url, by_uid)


def _places(panels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    places = [(panel["title"], panel["gridPos"]) for panel in panels]
    for title, at in places:
        if at["x"] < 0 or at["y"] < 0 or at["w"] < 1 or at["h"] < 1 or at["x"] + at["w"] > WIDTH:
            yield f"'{title}' lies outside of the {WIDTH} columns"
    for (one, a), (other, b) in combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        if not apart:
            yield f"'{one}' lies on '{other}'"


def _variables(board: Mapping[str, Any]) -> Iterator[str]:
    known: list[str] = []
    for variable in board["templating"]["list"]:
        for used in _used(variable.get("query", "")) | _used(variable.get("datasource", "")):
            if used not in known:
                yield f"the variable {variable['name']} asks for ${used}, which is not before it"
        if variable["name"] in known:
            yield f"the variable {variable['name']} is there twice"
        if variable.get("includeAll") and not variable.get("allValue"):
            yield f"'all' of {variable['name']} is a list of every name: give it an allValue"
        known.append(variable["name"])
    for part in ("panels", "annotations", "links"):
        for used in sorted(_used(board.get(part)) - set(known)):
            yield f"${used} is asked for in the {part}, and not defined"


def _used(content: Any) -> set[str]:
    found = {a or b for text in _strings(content) for a, b in _VARIABLE.findall(text)}
    return {name for name in found if not _BUILT_IN.fullmatch(name)}


def _sources(board: Mapping[str, Any]) -> Iterator[str]:
    asking = [v for v in board["templating"]["list"] if v["type"] == "query"]
    asking += board["annotations"]["list"]
    for panel in board["panels"]:
        if panel["type"] != "row":
            asking += [panel, *panel.get("targets", ())]
    for each in asking:
        if each.get("datasource") != SOURCE:
            what = each.get("title") or each.get("name") or each.get("refId")
            yield f"'{what}' does not ask the chosen datasource"


def _link(url: str, by_uid: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    parts = urlsplit(url)
    target = by_uid.get(parts.path.removeprefix("/d/"))
    if not parts.path.startswith("/d/") or target is None or parts.netloc:
        yield f"the link {url} leads to no dashboard that is here"
        return
    known = {variable["name"] for variable in target["templating"]["list"]}
    given = {name.removeprefix("var-") for name, _ in parse_qsl(parts.query) if name != url}
    given |= set(re.findall(r"\$\{(\w+):queryparam\}", url))
    for name in sorted(n for n in given if not n.startswith("$")):
        if name not in known:
            yield f"the link {url} hands on '{name}', which '{target['title']}' does not know"
    if "${__url_time_range}" not in url:
        yield f"the link {url} loses the time"


def _texts(content: Any, name: str) -> Iterator[str]:
    """Give every text that stands under a name, however deep."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key == name and isinstance(value, str):
                yield value
            else:
                yield from _texts(value, name)
    elif isinstance(content, (list, tuple)):
        for each in content:
            yield from _texts(each, name)


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _strings(value)
    elif isinstance(content, (list, tuple)):
        for each in content:
            yield from _strings(each)
