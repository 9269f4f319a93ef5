"""Errors that only a shared store has."""

from __future__ import annotations

from modelward.core.errors import ModelwardError, StateError


class NotFoundError(ModelwardError, LookupError):
    """There is no such thing, or it is another tenant's, which must look the same."""


class ConflictError(ModelwardError, RuntimeError):
    """What is asked contradicts what is there: a locked configuration, another result."""


class AccessError(ModelwardError, PermissionError):
    """The API key is missing, wrong, expired or revoked, or does not allow this."""


class ClaimLostError(StateError):
    """A job is another worker's by now."""
