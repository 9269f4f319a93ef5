"""The parts of a dashboard: panels, variables, links, annotations, and where panels lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelward.monitoring.outputs.families import PREFIX

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
UID = "modelward-"
TAG = "modelward-monitoring"
INFO = f'max by (model, owner, group) ({PREFIX}model_info{{group=~"$group", owner=~"$owner"}})'


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: `series` are expressions by legend; `unit` is Grafana's name; `wide` of 24 columns.

    A table shows what is now, one column a label, and `hide` leaves labels out. `link` names the
    dashboard and the labels that are handed on to it as variables.
    """

    title: str
    about: str
    series: Mapping[str, str]
    kind: str = "timeseries"
    unit: str = "short"
    wide: int = 12
    high: int = 8
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hide: Sequence[str] = ()
    link: tuple[str, Sequence[str]] | None = None

    def drawn(self) -> dict[str, Any]:
        """Give the panel as Grafana reads it, without its place."""
        return {
            "title": self.title,
            "description": self.about,
            "type": self.kind,
            "datasource": SOURCE,
            "fieldConfig": {
                "defaults": {"unit": self.unit, **self.defaults, **self._links()},
                "overrides": [
                    {
                        "matcher": {"id": "byName", "options": name},
                        "properties": [{"id": key, "value": v} for key, v in looks.items()],
                    }
                    for name, looks in self.overrides.items()
                ],
            },
            "options": dict(self.options),
            "targets": [*self._targets()],
            **self._transformed(),
        }

    def _targets(self) -> Iterator[dict[str, Any]]:
        now = self.kind in {"table", "bargauge"}
        for number, (legend, expression) in enumerate(self.series.items()):
            target: dict[str, Any] = {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            if now:
                target |= {"instant": True, "range": False}
            if self.kind == "table":
                target |= {"format": "table"}
            yield target

    def _links(self) -> dict[str, Any]:
        if self.link is None:
            return {}
        to, labels = self.link
        source = "fields" if self.kind == "table" else "field.labels"
        names = "&".join(f"var-{each}=${{__data.fields.{each}:percentencode}}" for each in labels)
        if source != "fields":
            names = "&".join(f"var-{e}=${{__field.labels.{e}:percentencode}}" for e in labels)
        kept = "${datasource:queryparam}&${__url_time_range}"
        url = f"/d/{UID}{to}?{names}&{kept}"
        return {"links": [{"title": f"Open the {to} dashboard", "url": url}]}

    def _transformed(self) -> dict[str, Any]:
        if self.kind != "table":
            return {}
        hidden = dict.fromkeys(["Time", *self.hide], True)
        one = next(iter(self.series)) if len(self.series) == 1 else None
        names = (
            {"Value": one}
            if one
            else {f"Value #{chr(ord('A') + i)}": name for i, name in enumerate(self.series)}
        )
        how = {"excludeByName": hidden, "renameByName": names}
        merged = [] if one else [{"id": "merge", "options": {}}]
        return {"transformations": [*merged, {"id": "organize", "options": how}]}


def stat(title: str, about: str, expression: str, **more: Any) -> Panel:
    """Give a panel of one number, the newest."""
    last = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
    settings = {"wide": 3, "high": 4, "options": last, **more}
    return Panel(title=title, about=about, series={title: expression}, kind="stat", **settings)


def alert_list(title: str, about: str, **more: Any) -> Panel:
    """Give the panel that lists the alerts of this monitoring."""
    options = {
        "viewMode": "list",
        "groupMode": "default",
        "groupBy": [],
        "maxItems": 50,
        "sortOrder": 3,
        "dashboardAlerts": False,
        "alertName": "",
        "alertInstanceLabelFilter": f'{{service="{TAG}"}}',
        "stateFilter": {"firing": True, "pending": True, "noData": False, "normal": False},
    }
    return Panel(title=title, about=about, series={}, kind="alertlist", options=options, **more)


def most(name: str, *by: str, where: str = "") -> str:
    """Ask for a family's numbers, once however many exporters tell them."""
    chosen = f"{PREFIX}{name}{{{where}}}" if where else f"{PREFIX}{name}"
    return f"max by ({', '.join(by)}) ({chosen})" if by else f"max({chosen})"


def choice(
    name: str, title: str, query: str, *, several: bool = False, about: str = ""
) -> dict[str, Any]:
    """Give a variable that is chosen from the values of a label.

    'All' asks for anything by one short expression, never by a list of ten thousand names.
    """
    found: dict[str, Any] = {
        "name": name,
        "label": title,
        "description": about,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
    }
    if several:
        found |= {"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    return found


def happenings(*, of_model: bool = False) -> list[dict[str, Any]]:
    """Give the annotations: when something was deployed, retrained, or done to data.

    The moment is the series' value, so that a late scrape moves no mark.
    """
    marks = {"deployment": "green", "retraining": "blue", "data": "orange"}
    return [
        {
            "name": f"{kind.capitalize()}s" if kind != "data" else "Data events",
            "datasource": SOURCE,
            "enable": True,
            "iconColor": colour,
            "expr": _moments(kind, of_model),
            "useValueForTime": True,
            "titleFormat": kind.capitalize(),
            "textFormat": "{{model}} {{version}} {{text}}",
            "tagKeys": "model,version",
        }
        for kind, colour in marks.items()
    ]


def _moments(kind: str, of_model: bool) -> str:
    labels = ("kind", "model", "version", "text")
    if not of_model:
        return f"{most('event_timestamp_seconds', *labels, where=_kind(kind))} * 1000"
    own, of_all = (
        most("event_timestamp_seconds", *labels, where=f'{_kind(kind)}, model="{name}"')
        for name in ("$model", "")
    )
    return f"({own} or {of_all}) * 1000"


def _kind(kind: str) -> str:
    return f'kind="{kind}"'


def dashboard(
    name: str,
    title: str,
    about: str,
    variables: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Sequence[Panel]],
    *,
    of_model: bool = False,
) -> dict[str, Any]:
    """Give a dashboard as Grafana 11 reads it; `rows` are panels by the title above them."""
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource"}
    return {
        "uid": f"{UID}{name}",
        "title": title,
        "description": about,
        "tags": [TAG],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": [{**source, "query": "prometheus"}, *variables]},
        "annotations": {"list": happenings(of_model=of_model)},
        "links": [
            {
                "type": "dashboards",
                "title": "Fleet monitoring",
                "tags": [TAG],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "panels": [*_placed(rows)],
    }


def _placed(rows: Mapping[str, Sequence[Panel]]) -> Iterator[dict[str, Any]]:
    """Set panels side by side, and below each other where there is no more room."""
    number, y = 0, 0
    for title, panels in rows.items():
        if title:
            number += 1
            place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
            yield {"id": number, "type": "row", "title": title, "gridPos": place, "panels": []}
            y += 1
        x = highest = 0
        for panel in panels:
            if x + panel.wide > WIDTH:
                x, y, highest = 0, y + highest, 0
            number += 1
            place = {"x": x, "y": y, "w": panel.wide, "h": panel.high}
            yield {"id": number, "gridPos": place, **panel.drawn()}
            x, highest = x + panel.wide, max(highest, panel.high)
        y += highest
