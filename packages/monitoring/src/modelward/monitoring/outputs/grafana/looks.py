"""How values look: words and colours that mean the same on every dashboard."""

from __future__ import annotations

from typing import Any

DASHED: dict[str, Any] = {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}}
SHARE: dict[str, Any] = {"min": 0, "max": 1}
TIMELINE: dict[str, Any] = {"showValue": "never", "mergeValues": True}


def steps(*edges: tuple[float | None, str]) -> dict[str, Any]:
    """Give colours from values on; the first edge is None."""
    found = [{"value": value, "color": colour} for value, colour in edges]
    return {"thresholds": {"mode": "absolute", "steps": found}, "color": {"mode": "thresholds"}}


def words(**said: tuple[str, str]) -> dict[str, Any]:
    """Give words and colours for whole numbers, by `_0` and so on."""
    options = {
        name.removeprefix("_"): {"text": text, "color": colour, "index": index}
        for index, (name, (text, colour)) in enumerate(said.items())
    }
    return {"mappings": [{"type": "value", "options": options}]}


BAD_ABOVE_0 = steps((None, "green"), (1, "red"))
WARN_ABOVE_0 = steps((None, "green"), (1, "orange"))
YES_NO = words(_0=("no", "green"), _1=("yes", "red"))


def band(low: str, high: str) -> dict[str, dict[str, Any]]:
    """Fill between two lines, by their legends."""
    thin = {
        "custom.lineWidth": 0,
        "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
    }
    return {low: thin, high: {**thin, "custom.fillBelowTo": low, "custom.fillOpacity": 15}}
