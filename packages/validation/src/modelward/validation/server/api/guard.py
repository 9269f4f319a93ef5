"""The guard: who is let in, and how often."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from modelward.core.serving import LOOPBACK, is_foreign
from modelward.validation.server.api.problems import Refused
from modelward.validation.server.errors import AccessError
from modelward.validation.server.service import Service
from modelward.validation.server.settings import Settings
from modelward.validation.server.store import access
from modelward.validation.server.store.access import Caller
from modelward.validation.server.store.database import Database

COOKIE = "modelward_validation"
LOCAL = "local"
_READING = ("GET", "HEAD", "OPTIONS")
_bearer = HTTPBearer(auto_error=False, description="An API key made by `create-key`.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key.")


class Rates:
    """A bucket for each caller, filled at `rate` a second up to `burst`.

    Kept in each process: a limit against overload, whose loss with the process does no harm.
    """

    def __init__(self, *, rate: float, burst: int, most: int = 10_000) -> None:
        self.rate, self.burst, self.most = rate, float(burst), most
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float | None = None) -> float:
        """Take a request from a caller's bucket; give how many seconds to wait (0: let in)."""
        at = time.monotonic() if now is None else now
        with self._lock:
            left, since = self._buckets.pop(caller, (self.burst, at))
            left = min(self.burst, left + (at - since) * self.rate)
            wait = 0.0 if left >= 1.0 else (1.0 - left) / self.rate
            self._buckets[caller] = (left if wait else left - 1.0, at)
            if len(self._buckets) > self.most:
                self._buckets.popitem(last=False)
        return wait


class Guard:
    """Finds out who asks, by key or login, and refuses who may not."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self._keyed = False
        self._local: int | None = None
        self.rates = Rates(rate=settings.rate, burst=settings.burst)

    def caller(self, request: Request, key: str | None) -> Caller:
        """Give who asks. Raises `AccessError`, or `Refused` for too many requests and strange origins."""
        self._count(key or f"address {request.client.host if request.client else '?'}")
        if key and not self.is_open():  # where nobody has a key, any is as good as none
            found = access.caller_of_key(self.database, key)
        elif not key and (secret := request.cookies.get(COOKIE)):
            self._same_origin(request)
            found = access.caller_of_session(self.database, secret)
        else:
            found = self._open(request)
        if found.read_only and request.method not in _READING:
            raise Refused(403, "expected a key that may write, got one that may only read")
        return found

    def knock(self, request: Request) -> None:
        """Count a try to log in, which another origin may not make."""
        self._same_origin(request)
        self._count(f"login {request.client.host if request.client else '?'}")

    def is_open(self) -> bool:
        """Tell whether everybody on this machine is let in: no key is there yet."""
        # Once there is a key there always is one: revoked ones stay.
        if self.settings.open_locally and not self._keyed:
            self._keyed = access.any_key(self.database)
        return self.settings.open_locally and not self._keyed

    def _open(self, request: Request) -> Caller:
        if not self.is_open():
            raise AccessError(
                "expected an API key, got none",
                hint="send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
            )
        # A page of elsewhere could ask in the name of who sits here: by another name of this
        # machine, or from another origin.
        host = request.url.hostname
        if host not in LOOPBACK:
            raise Refused(403, f"expected a request to this machine, got one to {host!r}")
        self._same_origin(request)
        if self._local is None:
            self._local = access.tenant_id(self.database, LOCAL)
        return Caller(self._local, "")

    def _same_origin(self, request: Request) -> None:
        if request.method not in _READING and is_foreign(request.headers.raw):
            raise Refused(403, "expected a request of this server's own pages, got another origin")

    def _count(self, who: str) -> None:
        wait = self.rates.take(who)
        if wait:
            raise Refused(429, "too many requests", {"Retry-After": str(max(1, round(wait)))})


def caller(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> Caller:
    """Give who asks."""
    guard: Guard = request.app.state.guard
    found = guard.caller(request, bearer.credentials if bearer else header)
    request.state.tenant = found.tenant_id
    return found


def service(request: Request, who: Annotated[Caller, Depends(caller)]) -> Service:
    """Give what the caller's tenant can do."""
    database: Any = request.app.state.database
    return Service(database, tenant=who.tenant_id, holder=who.key_id)


Tenant = Annotated[Service, Depends(service)]
"""What a route asks for to act in the caller's name."""
