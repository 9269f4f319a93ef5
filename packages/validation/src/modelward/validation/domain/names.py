"""Names of features, outputs and models: none empty, none twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modelward.core.errors import ConfigError

LONGEST = 200


def check_name(what: str, name: object) -> None:
    """Raise `ConfigError` for a name that is not a text of 1 to 200 characters."""
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"expected a name for the {what}, got an empty one: {name!r}")
    if len(name) > LONGEST:
        raise ConfigError(
            f"expected a {what} name of at most {LONGEST} characters, got {len(name)}"
        )


def check_names(what: str, names: Sequence[str]) -> None:
    """Raise `ConfigError` when there is no name or one stands twice."""
    if not names:
        raise ConfigError(f"expected at least one {what}, got none")
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise ConfigError(f"expected each {what} once, got {double} more than once")
