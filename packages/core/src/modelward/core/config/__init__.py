"""Configuration: YAML files read into frozen models, with every mistake named by file and line."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.core.config.editor import schema
    from modelward.core.config.loading import load, loads
    from modelward.core.config.model import Config, RelativePath
    from modelward.core.config.problems import InvalidConfigError, Problem
    from modelward.core.config.writing import dump

__all__ = [
    "Config",
    "InvalidConfigError",
    "Problem",
    "RelativePath",
    "dump",
    "load",
    "loads",
    "schema",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Config": "model",
        "InvalidConfigError": "problems",
        "Problem": "problems",
        "RelativePath": "model",
        "dump": "writing",
        "load": "loading",
        "loads": "loading",
        "schema": "editor",
    },
)
