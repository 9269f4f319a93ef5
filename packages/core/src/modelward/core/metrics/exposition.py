"""Prometheus text for very many series: labels are written once, only values anew."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.metrics.prometheus_text import check_names, escaped, utf8, written
from modelward.core.optional import require

Kind = Literal["gauge", "counter"]
Labels = Sequence[str]

_RESERVED_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")


class Exposition:
    r"""A set of metric families, rendered as Prometheus text.

    Made for many series that all change between two scrapes: label text is checked, escaped and
    encoded when a series is added, so that `render` only writes numbers, and only those of families
    that were set since the last time. For a few series prometheus-client is as good: hand its
    `registry` in and its metrics are rendered too, with no name declared in both.

    Safe to use from many threads: every method takes one lock, so a scrape sees each `set` whole or
    not at all. Hold `lock` (re-entrant) to make several calls one.

    >>> exposition = Exposition()
    >>> error = exposition.gauge("shop_model_error_ratio", "Share of wrong answers.", labels=["model"])
    >>> error.add([("fraud",), ("churn",)], [0.25, float("nan")])
    >>> error.set(0.5, series=[("churn",)])
    >>> print(exposition.render().decode(), end="")
    # HELP shop_model_error_ratio Share of wrong answers.
    # TYPE shop_model_error_ratio gauge
    shop_model_error_ratio{model="fraud"} 0.25
    shop_model_error_ratio{model="churn"} 0.5

    Source: Prometheus, Exposition formats, text-based format 0.0.4, and Metric and label naming
    (https://prometheus.io/docs/instrumenting/exposition_formats, /docs/practices/naming).
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, *, registry: Any = None) -> None:
        self.lock = threading.RLock()
        self._registry = registry
        self._families: dict[str, Family] = {}

    def gauge(self, name: str, help: str, *, labels: Labels = ()) -> Family:  # noqa: A002
        """Declare a family of numbers that go up and down.

        Raises `DataError` when the name or a label is not as Prometheus wants it, ends like the
        parts of another type (`_total`, `_bucket`, `_count`, `_sum`, `_created`), or is taken.
        """
        if name.endswith(_RESERVED_SUFFIXES):
            raise DataError(
                f"expected the name of a gauge, got '{name}', whose ending stands for another type",
                hint="only counters end in _total.",
            )
        return self._declare("gauge", name, help, labels)

    def counter(self, name: str, help: str, *, labels: Labels = ()) -> Family:  # noqa: A002
        """Declare a family of counts that only grow; the name ends in `_total`.

        Raises `DataError` as `gauge` does.
        """
        if not name.endswith("_total"):
            raise DataError(
                f"expected the name of a counter to end in _total, got '{name}'",
                hint=f"call it '{name}_total'.",
            )
        return self._declare("counter", name, help, labels)

    def render(self) -> bytes:
        """Write all families, and those of the registry, as text in UTF-8."""
        with self.lock:
            text = b"".join(family._render() for family in self._families.values())
        if self._registry is not None:
            text += _client().generate_latest(self._registry)
        return text

    def _declare(self, kind: Kind, name: str, text: str, labels: Labels) -> Family:
        family = Family(kind=kind, name=name, help=text, labels=labels, lock=self.lock)
        with self.lock:
            base = name.removesuffix("_total")
            for taken in (base, f"{base}_total"):
                if taken in self._families:
                    raise DataError(
                        f"expected a new name of a family, got '{name}' beside '{taken}'",
                        hint="declare a family once, and keep it.",
                    )
            if self._registry is not None:
                _reserve(self._registry, base, kind)
            self._families[name] = family
        return family


class Family:
    """The series of one metric name; made by `Exposition.gauge` and `Exposition.counter`.

    A series is a tuple of label values in the order of `labels`; series keep the order in which
    they were added. A family without labels has one series, `()`. All methods are safe to call
    from many threads.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        name: str,
        help: str,  # noqa: A002 - the format's own word
        labels: Labels,
        lock: threading.RLock,
    ) -> None:
        check_names(name, labels)
        if not help.strip():
            raise DataError(f"expected a help text for '{name}', got none")
        self.kind = kind
        self.name = name
        self.help = help
        self.labels = tuple(labels)
        self._lock = lock
        note = help.strip().replace("\\", r"\\").replace("\n", r"\n")
        self._header = utf8(f"# HELP {name} {note}\n# TYPE {name} {kind}")
        self._rows: dict[tuple[str, ...], int] = {}
        self._prefixes: list[bytes] = []
        self._values = np.empty(0)
        self._text: bytes | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def series(self) -> tuple[tuple[str, ...], ...]:
        """The label values of every series, in order."""
        with self._lock:
            return tuple(self._rows)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """A copy of the values, in the order of `series`."""
        with self._lock:
            return self._values.copy()

    def add(self, series: Sequence[Labels], values: Any) -> None:
        """Add series with their first values: one for each, or one for all.

        Raises `DataError`, and adds none, when a series exists already or comes twice, when its
        label values are not as many as the labels or not text, or as `set` does for the values.
        """
        new = [self._checked(each) for each in series]
        prefixes = [self._prefix(each) for each in new]
        numbers = self._numbers(values, len(new))
        with self._lock:
            rows: dict[tuple[str, ...], int] = {}
            for row, each in enumerate(new, start=len(self._rows)):
                if each in self._rows or each in rows:
                    raise DataError(
                        f"expected new series of '{self.name}', got {each} again",
                        hint="set the value of a series that exists.",
                    )
                rows[each] = row
            self._rows.update(rows)
            self._prefixes += prefixes
            self._values = np.concatenate([self._values, numbers])
            self._text = None

    def set(self, values: Any, *, series: Sequence[Labels] | None = None) -> None:
        """Set the values of all series in their order, `(n,)`, or of the series named.

        One number sets all. NaN and infinities are written as Prometheus wants them.

        Raises `DataError` for another shape, for an unknown series, and for a negative count.
        """
        with self._lock:
            rows = None if series is None else self._found(series)
            count = len(self._rows) if rows is None else len(rows)
            numbers = self._numbers(values, count)
            if rows is None:
                self._values = numbers
            else:
                self._values[rows] = numbers
            self._text = None

    def remove(self, series: Sequence[Labels]) -> None:
        """Remove series. Raises `DataError`, and removes none, when one is unknown."""
        with self._lock:
            gone = set(self._found(series))
            kept = [row for row in range(len(self._rows)) if row not in gone]
            names = list(self._rows)
            self._rows = {names[row]: i for i, row in enumerate(kept)}
            self._prefixes = [self._prefixes[row] for row in kept]
            self._values = self._values[kept]
            self._text = None

    def _render(self) -> bytes:
        if self._text is None:
            parts: list[bytes] = [b""] * (2 * len(self._prefixes))
            parts[0::2] = self._prefixes
            parts[1::2] = written(self._values)
            self._text = self._header + b"".join(parts) + b"\n"
        return self._text

    def _found(self, series: Sequence[Labels]) -> list[int]:
        try:
            return [self._rows[tuple(each)] for each in series]
        except KeyError as error:
            raise DataError(
                f"expected a series of '{self.name}', got {error.args[0]}", hint="add it first."
            ) from None

    def _checked(self, series: Labels) -> tuple[str, ...]:
        texts = all(isinstance(each, str) for each in series) and not isinstance(series, str)
        if not texts or len(series) != len(self.labels):
            raise DataError(
                f"expected {len(self.labels)} texts, the values of the labels {self.labels}, for a "
                f"series of '{self.name}', got {series!r}"
            )
        return tuple(series)

    def _prefix(self, series: tuple[str, ...]) -> bytes:
        pairs = ",".join(
            f'{label}="{escaped(value)}"' for label, value in zip(self.labels, series, strict=True)
        )
        return utf8(f"\n{self.name}{{{pairs}}} " if pairs else f"\n{self.name} ")

    def _numbers(self, values: Any, count: int) -> npt.NDArray[np.float64]:
        numbers = np.array(values, dtype=np.float64)
        if numbers.shape not in {(), (count,)}:
            raise DataError(
                f"expected {count} values of '{self.name}' or one, got the shape {numbers.shape}"
            )
        if self.kind == "counter" and (numbers < 0).any():
            raise DataError(f"expected counts >= 0 for '{self.name}', got {numbers.min()}")
        return np.broadcast_to(numbers, (count,)).copy()


def _client() -> Any:
    return require(
        "prometheus_client",
        feature="rendering a registry",
        install="'./packages/core[prometheus]'",
    )


def _reserve(registry: Any, name: str, kind: Kind) -> None:
    """Take a name in a prometheus-client registry, which then refuses it to others."""
    metric = _client().Metric(name, "taken by an exposition", kind)

    class Reservation:
        def describe(self) -> list[Any]:
            return [metric]

        def collect(self) -> list[Any]:
            return []

    try:
        registry.register(Reservation())
    except ValueError as error:
        raise DataError(
            f"expected a name that the registry does not have, got '{name}': {error}"
        ) from error
