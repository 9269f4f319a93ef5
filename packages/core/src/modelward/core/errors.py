"""The errors of modelward: a fact, what was expected, and a hint that says what to do."""

from __future__ import annotations


class ModelwardError(Exception):
    """Base of every error modelward raises on purpose.

    `fact` says what was expected and what came; `hint`, where there is one, says what to do.
    Both are kept as attributes, and the message shows them as two paragraphs.
    Each subclass also inherits the builtin error a caller would naturally catch.

    >>> try:
    ...     raise DataError("expected a column 'age', got ['Age', 'sex']", hint="rename 'Age' to 'age'.")
    ... except ValueError as error:
    ...     print(error)
    expected a column 'age', got ['Age', 'sex']
    <BLANKLINE>
    Hint: rename 'Age' to 'age'.
    """

    def __init__(self, fact: str, *, hint: str = "") -> None:
        super().__init__(fact)  # one argument, so that the error survives pickling
        self.fact = fact
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.fact}\n\nHint: {self.hint}" if self.hint else self.fact


class ConfigError(ModelwardError, ValueError):
    """A configuration file or setting is not what the tool expects."""


class DataError(ModelwardError, ValueError):
    """Data handed in cannot be used: wrong shape, type, range, or nothing at all."""


class EvidenceError(ModelwardError, ValueError):
    """An evidence record cannot be read, or its digest does not match its content."""


class StateError(ModelwardError, RuntimeError):
    """An operation came at a time when the object cannot do it."""


class ServiceError(ModelwardError, ConnectionError):
    """A server the tool needs (database, MLflow, Prometheus) did not answer as it should."""


class MissingPackageError(ModelwardError, ImportError):
    """An optional package is needed and not installed; the hint gives the pip line that adds it."""
