"""Fires when a branch of a git repository moves on."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.push import commit_key
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

_LONGEST = 3_600.0  # seconds between two looks, however often it failed
logger = logging.getLogger(__name__)


class Repository(Trigger):
    """Looks every `every` seconds which commit a branch stands at, and fires when it is another.

    `url` is a path or anything git can fetch from; nothing is fetched, only the branches are listed.
    The look is taken beside the loop, which never waits for it; it is given up after `timeout`
    seconds. The first look learns the commit. A repository that cannot be reached is logged once,
    and looked at ever more seldom, an hour apart at most, until it is back; `problem` says what
    is wrong.

    In a pipeline the signal goes through the inbox, under the same key as a push told by webhook: a
    commit told by both counts once.

    Raises `ConfigError` for settings out of range.

    >>> Repository("https://git.example.org/fuel.git", every=300)
    Repository('https://git.example.org/fuel.git', branch='main', every=300)
    """

    def __init__(
        self, url: str, *, branch: str = "main", every: float = 60.0, timeout: float = 30.0
    ) -> None:
        if not url or not branch or not every > 0 or not timeout > 0:
            raise ConfigError(
                "expected a url, a branch, every > 0 and timeout > 0, "
                f"got url={_shown(url)!r}, branch={branch!r}, every={every}, timeout={timeout}"
            )
        self.url = url
        self.branch = branch
        self.every = every
        self.timeout = timeout
        self.commit: str | None = None
        self.problem = ""
        self._failures = 0
        self._asked: float | None = None
        self._look: _Look | None = None
        self._store: Store | None = None

    def connect(self, store: Store) -> None:
        """Leave signals in the inbox of this store."""
        self._store = store

    def poll(self, now: float) -> Signal | None:
        """Take what a look found, or begin the next when it is due; `now` is in Unix seconds."""
        if self._look is None:
            if self._asked is None or not self._asked <= now < self._asked + self._pause:
                self._asked = now
                self._look = _Look(self.url, self.branch, self.timeout)
            return None
        if not self._look.done.is_set():
            if self._look.overdue:
                self._fail(f"no answer within {self.timeout:g} seconds")
            return None
        if self._look.commit is None:
            self._fail(self._look.problem)
            return None
        return self._take(self._look.commit, now)

    def _take(self, commit: str, now: float) -> Signal | None:
        signal = None
        if self.commit is not None and commit != self.commit:
            reason = f"commit {commit[:12]} on {self.branch} of {_shown(self.url)}"
            signal = Signal(trigger=self.name, reason=f"{reason}, before {self.commit[:12]}")
            if self._store is not None:  # it may be away: then this look is taken again
                inbox.submit(self._store, signal, key=commit_key(commit), at=now)
                signal = None
        if self.problem:
            logger.info("%s is back", self)
        self._look, self._failures, self.problem, self.commit = None, 0, "", commit
        return signal

    @property
    def _pause(self) -> float:
        return max(self.every, min(_LONGEST, self.every * 2.0**self._failures))

    def _fail(self, problem: str) -> None:
        self._look, self._failures = None, min(self._failures + 1, 16)
        if not self.problem:
            logger.warning("%s cannot be looked at, and is tried on: %s", self, problem)
        self.problem = problem

    @property
    def state(self) -> dict[str, Any]:
        """The commit it stood at, and what is wrong, as plain values for `restore`."""
        return {"commit": self.commit, "problem": self.problem, "failures": self._failures}

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before: a commit that came meanwhile gives a signal."""
        self.commit = state["commit"]
        self.problem = str(state["problem"])
        self._failures = int(state["failures"])
        return self

    def __repr__(self) -> str:
        return f"Repository({_shown(self.url)!r}, branch={self.branch!r}, every={self.every:g})"


class _Look:
    """One look at a repository, in a thread of its own; `commit` or `problem` tell what was found."""

    def __init__(self, url: str, branch: str, timeout: float) -> None:
        self.commit: str | None = None
        self.problem = ""
        self.done = threading.Event()
        self._until = time.monotonic() + timeout
        work = threading.Thread(
            target=self._run, args=(url, branch, timeout), name="repository", daemon=True
        )
        work.start()

    @property
    def overdue(self) -> bool:
        """Whether it has taken longer than it may."""
        return time.monotonic() > self._until

    def _run(self, url: str, branch: str, timeout: float) -> None:
        try:
            self.commit = _find(url, branch, timeout)
            if self.commit is None:
                self.problem = f"there is no branch {branch!r}"
        except Exception as error:  # whatever a repository may do, the loop goes on
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            self.problem = _without(text, url)[:300]
        finally:
            self.done.set()


def _find(url: str, branch: str, timeout: float) -> str | None:
    """Ask for the commit a branch stands at; None where there is no such branch."""
    from dulwich.config import ConfigFile, StackedConfig
    from dulwich.porcelain import ls_remote

    limits = ConfigFile()
    limits.set((b"http",), b"timeout", str(timeout).encode())
    config = StackedConfig([limits, *StackedConfig.default_backends()])
    found = ls_remote(url, config=config).refs.get(f"refs/heads/{branch}".encode())  # type: ignore[call-overload]
    return None if found is None else bytes(found).decode()


def _shown(url: str) -> str:
    """Give the url without the name and password it may hold."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _without(text: str, url: str) -> str:
    text = text.replace(url, _shown(url))
    secret = urlsplit(url).password
    return text.replace(secret, "***") if secret else text
