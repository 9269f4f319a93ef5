"""The other side over HTTP: each call is tried again until it is answered, and does nothing twice."""

from __future__ import annotations

import logging
import random
import threading
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from modelward.core.errors import ConfigError, DataError, ServiceError
from modelward.validation.server.errors import AccessError, ConflictError, NotFoundError

logger = logging.getLogger(__name__)
Json = dict[str, Any]
_AGAIN = {408, 429, 502, 503, 504}
_LONGEST_WAIT = 10.0


class Remote:
    """A validation server at an `address`, asked with an `api_key`.

    A call that gets no answer, or is told to come later, is repeated up to `retries` times with
    growing pauses; `timeout` is how many seconds one try may take.

    Raises `ConfigError` for an address that is none. Every call raises `ServiceError` when the server
    does not answer, `AccessError` for a key that is not let in, `NotFoundError`, `ConflictError` and
    `DataError` as the server says.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        retries: int = 8,
        timeout: float = 30.0,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(
                f"expected the address of a server, got {address!r}",
                hint="for example http://127.0.0.1:8080.",
            )
        self.address, self.retries, self.timeout = address.rstrip("/"), retries, timeout
        self._key = api_key
        self._own = threading.local()

    def get_or_create_system(
        self, name: str, *, description: str = "", metainfo: Json | None = None
    ) -> Json:
        """Give a system, made where there is none of the name."""
        body = {"name": name, "description": description, "metainfo": metainfo or {}}
        return self._one("POST", "systems", body)

    def list_systems(self) -> list[Json]:
        """Give all systems."""
        return self._many("GET", "systems")

    def get_or_create_scenario(
        self, name: str, *, description: str = "", metainfo: Json | None = None
    ) -> Json:
        """Give a scenario, made where there is none of the name."""
        body = {"name": name, "description": description, "metainfo": metainfo or {}}
        return self._one("POST", "scenarios", body)

    def list_scenarios(self, *, system: int | None = None) -> list[Json]:
        """Give all scenarios, or those in which a system has jobs."""
        return self._many("GET", "scenarios", query={"system": system})

    def get_scenario(self, scenario: int) -> Json:
        """Give a scenario."""
        return self._one("GET", f"scenarios/{scenario}")

    def configure_features(
        self,
        scenario: int,
        features: Sequence[Json],
        *,
        constraints: Sequence[str] = (),
        distribution: Json | None = None,
    ) -> Json:
        """Say what a scenario varies."""
        body = {
            "features": list(features),
            "constraints": list(constraints),
            "distribution": distribution,
        }
        return self._one("PUT", f"scenarios/{scenario}/features", body)

    def configure_outputs(self, scenario: int, outputs: Sequence[Json]) -> Json:
        """Say what must hold."""
        return self._one("PUT", f"scenarios/{scenario}/outputs", {"outputs": list(outputs)})

    def get_or_create_job(
        self,
        system: int,
        scenario: int,
        name: str,
        *,
        settings: Json | None = None,
        stop: Json | None = None,
        description: str = "",
        metainfo: Json | None = None,
    ) -> Json:
        """Give a job, made where there is none of the name."""
        body = {
            "system_id": system,
            "scenario_id": scenario,
            "name": name,
            "settings": settings or {},
            "stop": stop,
            "description": description,
            "metainfo": metainfo or {},
        }
        return self._one("POST", "jobs", body)

    def list_jobs(self, *, system: int | None = None, scenario: int | None = None) -> list[Json]:
        """Give all jobs, or those of a system, a scenario, or both."""
        return self._many("GET", "jobs", query={"system": system, "scenario": scenario})

    def get_job(self, job: int) -> Json:
        """Give a job."""
        return self._one("GET", f"jobs/{job}")

    def stop_job(self, job: int, reason: str = "stopped by hand") -> Json:
        """Propose no more runs."""
        return self._one("POST", f"jobs/{job}/stop", {"reason": reason})

    def resume_job(self, job: int, stop: Json | None = None) -> Json:
        """Go on with a job."""
        return self._one("POST", f"jobs/{job}/resume", {"stop": stop})

    def lease_runs(
        self, job: int, number: int = 1, *, seconds: float = 300.0, request: str | None = None
    ) -> Json:
        """Give up to `number` runs."""
        body = {"number": number, "seconds": seconds}
        return self._one("POST", f"jobs/{job}/leases", body, key=request or uuid.uuid4().hex)

    def renew_lease(
        self, job: int, numbers: Sequence[int], lease: str, *, seconds: float = 300.0
    ) -> Json:
        """Keep runs for longer, or give them back."""
        body = {"numbers": list(numbers), "lease": lease, "seconds": seconds}
        return self._one("PATCH", f"jobs/{job}/leases", body)

    def tell_run(self, job: int, number: int, outcome: Json) -> Json:
        """Keep what a run gave."""
        return self._one("PUT", f"jobs/{job}/runs/{number}/outcome", outcome)

    def tell_runs(self, job: int, outcomes: Sequence[Json]) -> Json:
        """Keep what several runs gave."""
        return self._one("POST", f"jobs/{job}/outcomes", {"outcomes": list(outcomes)})

    def add_field_data(self, job: int, rows: Sequence[Json], *, request: str) -> Json:
        """Keep results measured elsewhere."""
        return self._one("POST", f"jobs/{job}/field-data", {"rows": list(rows)}, key=request)

    def list_runs(
        self,
        job: int,
        *,
        after: int = -1,
        limit: int = 100,
        state: str | None = None,
        kind: str | None = None,
        failed: bool | None = None,
    ) -> Json:
        """Give runs in order."""
        wanted = {"after": after, "limit": limit, "state": state, "kind": kind, "failed": failed}
        return self._one("GET", f"jobs/{job}/runs", query=wanted)

    def certainty(self, job: int) -> Json:
        """Give how certain each output is."""
        return self._one("GET", f"jobs/{job}/certainty")

    def history(self, job: int) -> list[Json]:
        """Give how certainty went."""
        return self._many("GET", f"jobs/{job}/history")

    def explanation(self, job: int) -> Json:
        """Give where it fails."""
        return self._one("GET", f"jobs/{job}/explanation")

    def _one(self, method: str, path: str, body: Any = None, **more: Any) -> Json:
        found: Json = self._ask(method, path, body, **more)
        return found

    def _many(self, method: str, path: str, **more: Any) -> list[Json]:
        found: list[Json] = self._ask(method, path, **more)
        return found

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        query: Json | None = None,
    ) -> Any:
        import requests

        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if key is not None:
            headers["Idempotency-Key"] = key
        failure, never = "", threading.Event()
        for attempt in range(self.retries + 1):
            wait = min(_LONGEST_WAIT, 0.1 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311
            try:
                response = self._session().request(
                    method,
                    f"{self.address}/api/v1/{path}",
                    json=body,
                    params={k: v for k, v in (query or {}).items() if v is not None},
                    headers=headers,
                    timeout=self.timeout,
                    allow_redirects=False,
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                failure = str(error)
            except (ValueError, requests.RequestException) as error:
                raise DataError(f"expected a request that can be sent, got: {error}") from error
            else:
                if response.status_code not in _AGAIN:
                    return _answer(response)
                failure = f"{response.status_code} {_problem(response).get('detail', '')}"
                wait = max(wait, _seconds(response.headers.get("Retry-After")))
            if attempt < self.retries:
                logger.info("asking %s again in %.1f s: %s", self.address, wait, failure)
                never.wait(wait)
        raise ServiceError(
            f"expected an answer of {self.address}, got none in {self.retries + 1} tries: {failure}",
            hint="see that the server runs; nothing is lost, and the call may be repeated.",
        )

    def _session(self) -> Any:
        """Give this thread's connection: sessions are not made to be shared."""
        import requests

        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        return self._own.session


def _answer(response: Any) -> Any:
    status = response.status_code
    if status < 300:
        try:
            return response.json()
        except ValueError as error:
            raise ServiceError(
                f"expected JSON of {response.url}, got {response.text[:80]!r}",
                hint="see that the address is a validation server's.",
            ) from error
    problem = _problem(response)
    detail = str(problem.get("detail") or response.reason)
    for each in problem.get("errors") or []:
        detail += f"; {each.get('where')}: {each.get('what')}"
    hint = str(problem.get("hint") or "")
    kinds: dict[int, Any] = {401: AccessError, 403: AccessError, 404: NotFoundError}
    kinds |= {409: ConflictError, 413: DataError, 422: DataError}
    raise kinds.get(status, ServiceError)(detail, hint=hint)


def _problem(response: Any) -> Json:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _seconds(header: str | None) -> float:
    return min(_LONGEST_WAIT, float(header)) if header and header.isdecimal() else 0.0
