"""The shared core of modelward: what the five libraries have in common, and nothing more.

`config` reads YAML settings, `metrics` says what a number is and how sure it is, `evidence` is the
sealed record all tools hand out, `database` what the services write to, `serving` whom they
let in, `pages` is the one look of every page, `errors` the one base of every error, `optional` the
imports made at the point of use, `command` the `modelward` command.
"""

from modelward.core.optional import installed_version

__version__ = installed_version("modelward-core") or "unknown"
__all__ = ["__version__"]
