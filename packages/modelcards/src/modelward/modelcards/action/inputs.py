"""The inputs of the action, read strictly: 'false' is false."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelward.core.errors import ConfigError
from modelward.modelcards.render.audience import audience_of
from modelward.modelcards.rules.finding import SEVERITIES, Severity

_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a workflow asks for."""

    modelcard: tuple[str, ...]
    rules: tuple[str, ...]
    verify: bool
    render: tuple[str, ...]
    comment: bool
    fail_on: Severity | None
    unreachable_fails: bool
    tracking_uri: str | None
    token: str


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Read the inputs from the environment. Raises `ConfigError` naming the input that is wrong."""

    def text(name: str, default: str = "") -> str:
        return environment.get(f"INPUT_{name}", default).strip()

    def lines(name: str, default: str = "") -> tuple[str, ...]:
        return tuple(line.strip() for line in text(name, default).splitlines() if line.strip())

    def boolean(name: str, default: str) -> bool:
        value = text(name) or default
        if value not in _BOOLEANS:
            raise _wrong(name, "true or false", value)
        return _BOOLEANS[value]

    severity = text("FAIL_ON")
    if severity and severity not in SEVERITIES:
        raise _wrong("FAIL_ON", ", ".join(SEVERITIES), severity)
    unreachable = text("UNREACHABLE") or "fail"
    if unreachable not in {"fail", "warn"}:
        raise _wrong("UNREACHABLE", "fail or warn", unreachable)
    audiences = lines("RENDER")
    for audience in audiences:
        audience_of(audience)
    default = () if boolean("DISABLE_DEFAULT_RULES", "false") else ("default",)
    return Inputs(
        modelcard=lines("MODELCARD") or ("modelcard.yaml",),
        rules=(*default, *lines("RULES")),
        verify=boolean("VERIFY", "true"),
        render=audiences,
        comment=boolean("COMMENT", "false"),
        fail_on=next((s for s in SEVERITIES if s == severity), None),
        unreachable_fails=unreachable == "fail",
        tracking_uri=text("MLFLOW_TRACKING_URI") or None,
        token=text("GITHUB_TOKEN"),
    )


def _wrong(name: str, wanted: str, came: str) -> ConfigError:
    shown = name.lower().replace("_", "-") if name != "DISABLE_DEFAULT_RULES" else name.lower()
    return ConfigError(f"expected {wanted} for the input {shown}, got {came!r}")
