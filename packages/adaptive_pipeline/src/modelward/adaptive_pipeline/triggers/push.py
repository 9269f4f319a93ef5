"""Pushes to a git repository, as GitHub and GitLab send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from modelward.adaptive_pipeline.triggers.signal import Signal, told
from modelward.core.errors import DataError

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def commit_key(commit: str) -> str:
    """Give the key of a commit in the inbox: the same whoever tells of it, so that it counts once."""
    return f"commit:{commit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A branch of a repository that now stands at another commit; None where it was deleted.

    >>> body = {"ref": "refs/heads/main", "after": "ab" * 20, "repository": {"full_name": "a/b"}}
    >>> Push.read(body).signal.reason
    'commit abababababab on main of a/b'

    Source: the push payloads of GitHub (docs.github.com/webhooks/webhook-events-and-payloads) and
    GitLab (docs.gitlab.com/user/project/integrations/webhook_events), which share these fields.
    """

    ref: str
    commit: str | None
    repository: str
    message: str

    @classmethod
    def read(cls, payload: Any) -> Self:
        """Read a push. Raises `DataError` for a payload without a ref and the commit after it."""
        body = _mapping(payload)
        ref, after = body.get("ref"), body.get("after")
        if not isinstance(ref, str) or not isinstance(after, str) or not _COMMIT.fullmatch(after):
            raise DataError("expected a push with a 'ref' and the commit 'after' it, got neither")
        about = _mapping(body.get("repository")) | _mapping(body.get("project"))
        name = about.get("full_name") or about.get("path_with_namespace") or about.get("name")
        return cls(
            ref=told(ref, 200),
            commit=after if after.strip("0") else None,
            repository=told(str(name or "a repository"), 100),
            message=_message(body, after),
        )

    @property
    def branch(self) -> str | None:
        """The branch that was pushed to; None for a tag."""
        start = "refs/heads/"
        return self.ref.removeprefix(start) if self.ref.startswith(start) else None

    @property
    def signal(self) -> Signal:
        """The wish it stands for."""
        why = f": {self.message}" if self.message else ""
        reason = f"commit {str(self.commit)[:12]} on {self.branch} of {self.repository}{why}"
        return Signal(trigger="repository", reason=reason)


def _message(body: Mapping[str, Any], commit: str) -> str:
    """Give the first line of the newest commit's message."""
    listed = body.get("commits")
    commits = [body.get("head_commit"), *(listed if isinstance(listed, list) else [])]
    for each in map(_mapping, commits):
        if each.get("id") == commit and isinstance(each.get("message"), str):
            return told(str(each["message"]).partition("\n")[0], 200)
    return ""


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
