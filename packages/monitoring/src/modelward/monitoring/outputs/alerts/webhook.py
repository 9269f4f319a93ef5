"""A webhook: where it is, what it understands, and the secret that lies in a file or the environment."""

from __future__ import annotations

import http.client
import json
import logging
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from modelward.core.errors import ConfigError, ServiceError

Kind = Literal["generic", "slack", "retrain"]
"""`generic`: one JSON object an event. `slack`: a text, as Slack, Mattermost and others take it.
`retrain`: Alertmanager's payload, as a pipeline's `POST /hooks/alerts` takes it."""
KINDS = ("generic", "slack", "retrain")
LONGEST_ANSWER = 1_000
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A place that is told of incidents; only `http` and `https`.

    A URL that is itself a secret (Slack's) comes from `url_file` or, by its name, the environment
    variable `url_env`; a bearer token from `secret_file` or `secret_env`. Files and environment are
    read when something is sent, and never shown. `models` are those a `retrain` hook is for (default:
    all). Each try ends after `timeout` seconds; there are up to `retries` more, `pause` seconds
    apart and twice as long each time. Redirects are not followed: they could lead a secret elsewhere.

    Raises `ConfigError` for another kind or scheme, a URL with a password in it, none or several
    places of a URL or secret, and numbers out of range.

    >>> Webhook(url="http://127.0.0.1:9000/told", secret_env="TOLD_TOKEN").name
    'generic'
    """

    url: str = field(default="", repr=False)
    kind: Kind = "generic"
    name: str = ""
    url_file: str | Path | None = None
    url_env: str | None = None
    secret_file: str | Path | None = None
    secret_env: str | None = None
    models: tuple[str, ...] = ()
    timeout: float = 10.0
    retries: int = 3
    pause: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"expected a kind of {', '.join(KINDS)}, got {self.kind!r}")
        if not self.name:
            object.__setattr__(self, "name", self.kind)
        places = [bool(self.url), self.url_file is not None, self.url_env is not None]
        if sum(places) != 1:
            raise ConfigError(
                f"expected one of url, url_file and url_env for the webhook '{self.name}', "
                f"got {sum(places)}"
            )
        if self.secret_file is not None and self.secret_env is not None:
            raise ConfigError(
                f"expected secret_file or secret_env for the webhook '{self.name}', got both"
            )
        if self.url:
            checked_url(self.url)
        if not 0 < self.timeout < 3_600 or not 0 <= self.retries <= 20 or self.pause < 0:
            raise ConfigError(
                f"expected 0 < timeout < 3600, 0 <= retries <= 20 and pause >= 0, got "
                f"{self.timeout}, {self.retries} and {self.pause}"
            )

    def send(self, payload: Any, *, wait: Callable[[float], Any] | None = None) -> None:
        """Send a payload as JSON.

        Raises `ServiceError` when the last try failed, or at once when the answer says that another
        try would fail as well; `ConfigError` for a URL or secret that cannot be read. `wait` pauses
        between tries, for tests.
        """
        url = checked_url(self._read("url", self.url_file, self.url_env) or self.url)
        secret = self._read("secret", self.secret_file, self.secret_env)
        headers = {"Content-Type": "application/json", "User-Agent": "modelward-monitoring"}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        body = json.dumps(payload, allow_nan=False).encode()
        pausing = wait or threading.Event().wait
        for tried in range(self.retries + 1):
            fault, again = self._try(url, headers, body)
            if not fault:
                return
            if not again or tried == self.retries:
                raise ServiceError(
                    f"expected the webhook '{self.name}' to take it, got: {fault}",
                    hint="it is sent again by the next call.",
                )
            _log.info("the webhook '%s' is tried again: %s", self.name, fault)
            pausing(self.pause * 2**tried)

    def _try(self, url: str, headers: dict[str, str], body: bytes) -> tuple[str, bool]:
        """Give what went wrong, empty when nothing did, and whether to try again."""
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - checked
        try:
            with _OPENER.open(request, timeout=self.timeout) as answer:
                answer.read(LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                return f"the answer {error.code}", error.code in _AGAIN
        except (OSError, http.client.HTTPException) as error:
            # What urllib says may hold the URL; the kind of error does not.
            reason = getattr(error, "reason", error)
            return f"no answer ({type(reason).__name__})", True
        return "", False

    def _read(self, what: str, path: str | Path | None, variable: str | None) -> str:
        if path is not None:
            try:
                found = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"expected the {what} of the webhook '{self.name}' in {path}, got: "
                    f"{type(error).__name__}",
                    hint="let this user read the file.",
                ) from error
        elif variable is not None:
            found = os.environ.get(variable, "").strip()
        else:
            return ""
        if not found or not found.isprintable() or not found.isascii():
            raise ConfigError(
                f"expected the {what} of the webhook '{self.name}' on one line in "
                f"{path if path is not None else f'the environment variable {variable}'}, got "
                f"{'none' if not found else 'other text'}"
            )
        return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def checked_url(url: str) -> str:
    """Give a URL of http or https with a host and no password. Raises `ConfigError` for another."""
    fault = ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        fault = "one that cannot be read"
    else:
        if parts.scheme not in {"http", "https"}:
            fault = f"the scheme {parts.scheme[:20]!r}"
        elif not parts.hostname or port == 0:
            fault = "no host"
        elif parts.username is not None or parts.password is not None:
            fault = "one with a user or password in it"
        elif not url.isascii() or not url.isprintable() or " " in url:
            fault = "one with signs that no URL has"
    if fault:
        raise ConfigError(
            f"expected a URL of http or https, got {fault}",
            hint="e.g. https://alerts.example.org/hook; secrets come by secret_file or secret_env.",
        )
    return url
