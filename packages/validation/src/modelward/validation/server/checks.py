"""Checks of what comes in over the network, each naming the row it is about."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from modelward.core.errors import ConfigError, DataError, ModelwardError
from modelward.validation.domain import Output
from modelward.validation.runs import Run, read_results
from modelward.validation.server.store.names import checked

T = TypeVar("T")
MOST_ROWS = 10_000
"""Rows of one request."""
LONGEST_LEASE = 7 * 24 * 3600.0


def made(make: Callable[[], T], what: str) -> T:
    """Make an object of what came in; whatever does not fit becomes a `ConfigError`."""
    try:
        return make()
    except ModelwardError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"expected {what}, got something that does not fit: {error!r}") from error


@contextmanager
def at(row: int) -> Iterator[None]:
    """Say of which row an error is."""
    try:
        yield
    except DataError as error:
        raise DataError(f"row {row}: {error.fact}", hint=error.hint) from error


def outcome(
    content: dict[str, Any], outputs: Sequence[Output], row: int
) -> tuple[dict[str, float] | None, str | None]:
    """Read what came back: results by output name, or why there are none. Raises `DataError`."""
    results, crash = content.get("results"), content.get("crash")
    with at(row):
        if (results is None) == (crash is None):
            raise DataError(
                "expected either results or a crash, got "
                + ("neither" if results is None else "both"),
                hint="crash is the reason, in words, why the system gave no answer.",
            )
        if crash is not None:
            return None, checked(crash, what="the reason of a crash", longest=4_000)
        return read_results(results, outputs), None


def failed(results: dict[str, float] | None, outputs: Sequence[Output]) -> bool:
    """Tell whether an outcome breaks any limit; a crash does."""
    return Run(0, "field", {}, results=results, crash=None).failed(outputs)


def rows(given: Sequence[Any]) -> None:
    """Raise `DataError` for no rows, or too many for one request."""
    if not 1 <= len(given) <= MOST_ROWS:
        raise DataError(f"expected 1 to {MOST_ROWS} rows, got {len(given)}")


def seconds(given: float, *, least: float) -> None:
    """Raise `DataError` for a time of a lease that is out of range."""
    if not (math.isfinite(given) and least <= given <= LONGEST_LEASE):
        raise DataError(f"expected a lease of {least:g} to {LONGEST_LEASE:g} seconds, got {given}")
