"""Rulesets: rules in YAML, in the Spectral style, extending one another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from modelward.core.errors import ConfigError, DataError
from modelward.modelcards.codecs.document import Document, Place
from modelward.modelcards.rules.finding import Severity
from modelward.modelcards.rules.rule import Rule, Then

BUILT_IN = ("default", "seed-compatible", "eu-ai-act-annex-iv", "huggingface", "complete")
"""The rulesets that come with this library, by name."""
FILE = "rules.yaml"
"""What a ruleset is called when a folder is given for it."""
MAX_EXTENDS = 16
_SEVERITIES: dict[Any, Severity | None] = {
    "error": "error", "warn": "warning", "warning": "warning", "info": "info", "hint": "hint",
    "off": None, 0: "error", 1: "warning", 2: "info", 3: "hint", -1: None,
}  # fmt: skip
_KNOWN = {"given", "then", "severity", "message", "description", "extends", "recommended", "formats",
          "tags", "documentationUrl", "enabled", "resolved", "type"}  # fmt: skip
_ROOT = {"rules", "extends", "functions", "functionsDir", "documentationUrl", "formats", "aliases",
         "description", "fail-on"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Rules by name, where they come from, and the severity from which they fail."""

    name: str
    rules: tuple[Rule, ...]
    fail_on: Severity = "error"
    description: str = ""

    def rule(self, name: str) -> Rule:
        """Give a rule by name. Raises `ConfigError` naming those that exist."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        known = ", ".join(rule.name for rule in self.rules)
        raise ConfigError(f"expected a rule of {self.name}, got {name!r}; it has: {known}")


def load_ruleset(source: str | Path, *, allow_functions: Collection[str] = ()) -> Ruleset:
    """Read a ruleset: a built-in one by name, a YAML file, or a folder with a `rules.yaml` in it.

    `allow_functions` names functions of installed packages (entry-point group
    `modelward.card_functions`) that rules may use besides the built-in ones; code that lies beside
    the ruleset is never run. Raises `ConfigError` naming file, line and column of what is no rule.

    >>> [rule.name for rule in load_ruleset("default").rules][:2]
    ['schema', 'description']
    """
    if str(source) in BUILT_IN and not Path(source).exists():
        return _built_in(str(source))
    return _Loader(tuple(allow_functions)).load(Path(source), ())


@cache
def _built_in(name: str) -> Ruleset:
    folder = files("modelward.modelcards.rules") / "rulesets"
    return _Loader(()).load(Path(str(folder / f"{name}.yaml")), (), trusted=True)


class _Loader:
    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed

    def load(self, path: Path, above: Sequence[Path], *, trusted: bool = False) -> Ruleset:
        from modelward.modelcards.codecs.yaml import read

        path = path / FILE if path.is_dir() else path
        real = path.resolve()
        if real in above or len(above) > MAX_EXTENDS:
            raise ConfigError(
                f"expected rulesets that do not extend each other in a ring, got {path}"
            )
        try:
            document = read(path)
        except DataError as error:
            raise ConfigError(
                f"expected a ruleset, got: {error.fact}",
                hint=f"built-in rulesets are {', '.join(BUILT_IN)}.",
            ) from error
        return self.ruleset(document, (*above, real), trusted=trusted)

    def ruleset(self, document: Document, above: Sequence[Path], *, trusted: bool) -> Ruleset:
        content = document.content
        for key in content:
            if key not in _ROOT and not key.startswith("x-"):
                raise _wrong(
                    document, (key,), f"expected keys of {', '.join(sorted(_ROOT))}, got {key!r}"
                )
        rules: dict[str, Rule] = {}
        fail_on: Severity = "error"
        for base in self.extended(document, above):
            rules |= {rule.name: rule for rule in base.rules}
            fail_on = base.fail_on if base.fail_on != "error" else fail_on
        given = content.get("rules", {})
        if not isinstance(given, dict):
            raise _wrong(document, ("rules",), "expected rules by name")
        for name, entry in given.items():
            rules[name] = self.rule(document, name, entry, rules.get(name))
        if "fail-on" in content:
            fail_on = _severity(document, ("fail-on",), content["fail-on"]) or "error"
        name = document.source.stem if trusted else str(document.source)
        return Ruleset(name, tuple(rules.values()), fail_on, str(content.get("description", "")))

    def extended(self, document: Document, above: Sequence[Path]) -> Iterator[Ruleset]:
        extends = document.content.get("extends", [])
        for i, entry in enumerate(extends if isinstance(extends, list) else [extends]):
            place: Place = ("extends", i)
            name, which = entry if isinstance(entry, list) and len(entry) == 2 else (entry, "all")
            if not isinstance(name, str) or "://" in name:
                raise _wrong(
                    document,
                    place,
                    f"expected a built-in ruleset or a file, got {name!r}: nothing is fetched",
                )
            if name in BUILT_IN:
                base = _built_in(name)
            else:
                target = (document.source.parent / name).resolve()
                roots = (above[0].parent, Path.cwd().resolve())
                if not any(target.is_relative_to(root) for root in roots):
                    raise _wrong(document, place, f"{name} lies outside the folder of the ruleset")
                base = self.load(target, above)
            if which == "off":
                base = Ruleset(base.name, tuple(r.at(None) for r in base.rules), base.fail_on)
            yield base

    def rule(self, document: Document, name: str, entry: Any, base: Rule | None) -> Rule:
        place: Place = ("rules", name)
        if not isinstance(entry, dict):
            if base is None:
                raise _wrong(
                    document,
                    place,
                    f"expected a rule to switch on or off, got none called {name!r}",
                )
            if entry is True:
                return base.at(base.severity or "warning")
            return base.at(None if entry is False else _severity(document, place, entry))
        for key in ("given", "then"):
            if key not in entry:
                raise _wrong(document, place, f"expected '{key}' in the rule {name!r}")
        given = entry["given"] if isinstance(entry["given"], list) else [entry["given"]]
        severity = _severity(document, (*place, "severity"), entry.get("severity", "warn"))
        if entry.get("enabled") is False:
            severity = None
        return Rule(
            name=name,
            given=tuple(self.paths(document, (*place, "given"), given)),
            then=tuple(self.thens(document, (*place, "then"), entry["then"])),
            severity=severity,
            message=str(entry.get("message", "{{error}}")),
            description=str(entry.get("description", "")),
            extras={key: value for key, value in entry.items() if key not in _KNOWN},
        )

    def paths(self, document: Document, place: Place, given: list[Any]) -> Iterator[str]:
        from modelward.modelcards.rules.jsonpath.syntax import compile_path

        for i, path in enumerate(given):
            try:
                compile_path(str(path))
            except DataError as error:
                raise _wrong(document, (*place, i), error.fact) from error
            yield str(path)

    def thens(self, document: Document, place: Place, then: Any) -> Iterator[Then]:
        entries = then if isinstance(then, list) else [then]
        for i, entry in enumerate(entries):
            at = (*place, i) if isinstance(then, list) else place
            if not isinstance(entry, dict) or not isinstance(entry.get("function"), str):
                raise _wrong(document, at, "expected a mapping with 'function'")
            yield self.then(document, at, entry)

    def then(self, document: Document, place: Place, entry: dict[str, Any]) -> Then:
        from modelward.modelcards.rules.functions.registry import FUNCTIONS, find

        name = entry["function"]
        function = find(name, self.allowed)
        if function is None:
            raise _wrong(
                document,
                (*place, "function"),
                f"expected a function of {', '.join(FUNCTIONS)}, got {name!r}",
                hint="code beside a ruleset is not run; install a package that offers the function "
                f"under 'modelward.card_functions', and allow it with --allow-function {name}.",
            )
        options = entry.get("functionOptions", {})
        if (
            problem := function.check_options(options)
            if function.options is not None or options
            else ""
        ):
            raise _wrong(document, (*place, "functionOptions"), problem)
        name_of_field = entry.get("field")
        return Then(name, function, options, None if name_of_field is None else str(name_of_field))


def _severity(document: Document, place: Place, value: Any) -> Severity | None:
    if isinstance(value, bool) or value not in _SEVERITIES:
        known = ", ".join(str(k) for k in _SEVERITIES if isinstance(k, str))
        raise _wrong(document, place, f"expected a severity of {known}, got {value!r}")
    return _SEVERITIES[value]


def _wrong(document: Document, place: Place, fact: str, *, hint: str = "") -> ConfigError:
    return ConfigError(f"{document.where(place)}: {fact}", hint=hint)
