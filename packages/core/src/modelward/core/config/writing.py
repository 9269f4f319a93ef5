"""Writing a model out as the YAML that `load` reads."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel

from modelward.core.config.scalars import is_text


def dump(model: BaseModel) -> str:
    """Write a model as YAML that `load` reads, secrets masked: for a log or a report.

    >>> from modelward.core.config import Config
    >>> from pydantic import SecretStr
    >>> class Login(Config):
    ...     user: str
    ...     password: SecretStr
    >>> print(dump(Login(user="ada", password="lovelace")), end="")
    user: ada
    password: '**********'
    """
    settings = _escaped(model.model_dump(mode="json", by_alias=True))
    return yaml.dump(settings, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    pass


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes YAML 1.1, in which some words are strings that are numbers in 1.2.
    style = None if is_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _string)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_escaped(below) for below in value]
    return value.replace("${", "$${") if isinstance(value, str) else value
