"""One comment on the pull request, kept up to date; where it may not be written, that is said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from modelward.core.errors import ServiceError
from modelward.modelcards.action.summary import MARKER

TIMEOUT_S = 10.0
MAX_BYTES = 8 << 20
_MOST_PAGES = 30


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: the token goes to GitHub only."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request on GitHub, and the token that may write to it."""

    api: str
    repository: str
    number: int
    token: str

    def comment(self, text: str) -> str:
        """Write the comment, or write it anew, and give its address.

        Raises `ServiceError` where GitHub does not answer or the token may not write.
        """
        issue = f"repos/{quote(self.repository)}/issues/{self.number}/comments"
        known = self._own(issue)
        if known is None:
            answer = self._ask("POST", issue, {"body": text})
        else:
            answer = self._ask(
                "PATCH", f"repos/{quote(self.repository)}/issues/comments/{known}", {"body": text}
            )
        return str(answer.get("html_url", "")) if isinstance(answer, dict) else ""

    def _own(self, issue: str) -> int | None:
        for page in range(1, _MOST_PAGES + 1):
            found = self._ask("GET", f"{issue}?per_page=100&page={page}", None)
            comments = found if isinstance(found, list) else []
            for entry in comments:
                # Anybody can write our marker into a comment: only a bot's is ours.
                bot = isinstance(entry, dict) and (entry.get("user") or {}).get("type") == "Bot"
                if bot and str(entry.get("body", "")).startswith(MARKER):
                    return int(entry["id"])
            if len(comments) < 100:
                return None
        return None

    def _ask(self, method: str, path: str, content: Any) -> Any:
        if urlsplit(self.api).scheme not in {"http", "https"}:
            raise ServiceError(f"expected the address of GitHub's API, got {self.api!r}")
        request = Request(  # noqa: S310 - http(s), as checked
            f"{self.api.rstrip('/')}/{path}",
            method=method,
            data=None if content is None else json.dumps(content).encode("utf-8"),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "modelward-modelcards",
            },
        )
        try:
            with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as response:
                body = response.read(MAX_BYTES + 1)
            if len(body) > MAX_BYTES:
                raise ServiceError(f"expected an answer of at most {MAX_BYTES} bytes from GitHub")
            return json.loads(body)
        except HTTPError as error:
            why = (
                "the token may not write here"
                if error.code in {401, 403, 404}
                else str(error.reason)
            )
            raise ServiceError(
                f"expected a comment on the pull request, got {error.code}: {why}"
            ) from error
        except (OSError, ValueError) as error:
            raise ServiceError(f"expected GitHub's API to answer, got: {error}") from error
