"""A notifier: tells each incident once, without Alertmanager, and remembers what it told."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from modelward.core.errors import ConfigError, DataError, ServiceError, StateError
from modelward.core.files import write_whole
from modelward.monitoring.fleet.records import Incident
from modelward.monitoring.fleet.store.database import BATCH
from modelward.monitoring.fleet.store.incidents import read_incidents
from modelward.monitoring.fleet.store.leases import Lease
from modelward.monitoring.fleet.store.schema import incidents
from modelward.monitoring.outputs.alerts.payloads import Notice, payload
from modelward.monitoring.outputs.alerts.webhook import Webhook, checked_url
from modelward.monitoring.outputs.readings import models_to_retrain

if TYPE_CHECKING:
    from modelward.monitoring.fleet.fleet import Fleet

_ALL = 10**6
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Telling:
    """What one call told: keys of notices by webhook, those taken and those to be sent again."""

    sent: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


class Notifier:
    """Tells webhooks of incidents: once when one opens, again each time it has grown, once at its end.

    An incident has grown when it has `growth` times the models it was last told with. What was told
    is kept in the file `state`, by the webhook's name: after a restart nothing is told again. A notice counts as told when the webhook took it; one that did
    not is sent by the next call. A process that dies between the two may tell one notice twice; its
    `key` is then the same. A silenced incident is told when its silence is over.

    A hook of the kind `retrain` is told of incidents of one model alone that got worse by more than
    chance on sound data, and of no others. `link` is the address of the page that is put under each
    notice.

    Raises `ConfigError` for no webhooks, several of one name, and `growth` of 1 or less.

    >>> import tempfile
    >>> from modelward.monitoring.fleet.fleet import Fleet
    >>> hooks, state = [Webhook(url="http://127.0.0.1:9/told")], Path(tempfile.mkdtemp(), "told.json")
    >>> Notifier(webhooks=hooks, state=state).tell(Fleet("sqlite://"))
    Telling(sent=(), failed=())
    """

    def __init__(
        self,
        *,
        webhooks: Sequence[Webhook],
        state: str | Path,
        growth: float = 2.0,
        link: str = "",
    ) -> None:
        names = [webhook.name for webhook in webhooks]
        if not names or len(set(names)) != len(names):
            raise ConfigError(
                f"expected webhooks, each with a name of its own, got {names or 'none'}",
                hint="what was told is kept by the name.",
            )
        if not 1 < growth < float("inf"):
            raise ConfigError(f"expected growth above 1, got {growth}")
        self.webhooks = tuple(webhooks)
        self.state = Path(state)
        self.growth = growth
        self.link = checked_url(link) if link else ""

    def tell(self, fleet: Fleet) -> Telling:
        """Send what was not told yet; give what was sent, and what failed and is sent next time.

        One at a time on a fleet: while another is at it, nothing is sent. Raises `ServiceError` when
        the fleet's database does not answer, and `DataError` when the file of what was told is
        broken: without it all would be told again. Raises `ConfigError` where it cannot be written;
        then nothing was sent.
        """
        lease = Lease(fleet.database, "alerts")
        sent: list[tuple[str, str]] = []
        failed: list[tuple[str, str]] = []
        try:
            with lease.held(wait=0.0):
                told = self._load()
                self._save(told)  # what cannot be noted is not sent
                for webhook in self.webhooks:
                    for notice, taken in self._tell_one(fleet, webhook, told):
                        (sent if taken else failed).append((webhook.name, notice.key))
        except StateError as error:
            _log.info("another notifier is at work: %s", error.fact)
        return Telling(tuple(sent), tuple(failed))

    def _tell_one(
        self, fleet: Fleet, webhook: Webhook, told: dict[str, dict[str, int]]
    ) -> Iterator[tuple[Notice, bool]]:
        """Send what one webhook is to know; note each notice as soon as it was taken."""
        known = told.setdefault(webhook.name, {})
        for notice in [*self._due(fleet, webhook, known)]:
            content = payload(webhook.kind, notice, at=fleet.now(), link=self.link)
            try:
                webhook.send(content)
            except (ServiceError, ConfigError) as error:
                _log.warning("an incident could not be told: %s", error.fact)
                yield notice, False
                return  # what does not answer now will not for the next notice
            if notice.happened == "closed":
                del known[notice.incident.id]
            else:
                known[notice.incident.id] = len(notice.incident.members)
            self._save(told)
            yield notice, True

    def _due(self, fleet: Fleet, webhook: Webhook, told: dict[str, int]) -> Iterator[Notice]:
        """Give what this webhook is to be told now, what ended first."""
        now = fleet.now()
        known_open, ended = _of_told(fleet, [*told])
        for gone in told.keys() - known_open - {incident.id for incident in ended}:
            del told[gone]  # the fleet has forgotten it
        open_now = _wanted(fleet, webhook)
        for incident in ended:
            if not _silenced(incident, now):
                yield Notice("closed", incident)
        for incident in open_now:
            if _silenced(incident, now):
                continue
            known = told.get(incident.id)
            if known is None:
                yield Notice("opened", incident)
            elif webhook.kind != "retrain" and len(incident.members) >= self.growth * known:
                yield Notice("grown", incident)

    def _save(self, told: dict[str, dict[str, int]]) -> None:
        try:
            write_whole(self.state, json.dumps({"version": 1, "told": told}, indent=1))
        except OSError as error:
            raise ConfigError(
                f"expected to note what was told in {self.state}, got: {error}",
                hint="give a place that this user may write to; without a note all is told again.",
            ) from error

    def _load(self) -> dict[str, dict[str, int]]:
        try:
            content = json.loads(self.state.read_text("utf-8"))
            return {
                str(name): {str(i): int(n) for i, n in told.items()}
                for name, told in content["told"].items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"expected what was told in {self.state}, got a file that is broken: {error!r:.200}",
                hint="delete it to have every open incident told once more.",
            ) from error


def _of_told(fleet: Fleet, ids: Sequence[str]) -> tuple[set[str], list[Incident]]:
    """Give which of these incidents are still open, and those that have ended."""
    found: dict[str, bool] = {}
    with fleet.database.reading() as tx:
        for start in range(0, len(ids), BATCH):
            some = incidents.c.id.in_(ids[start : start + BATCH])
            query = select(incidents.c.id, incidents.c.is_open).where(some)
            found |= {row.id: bool(row.is_open) for row in tx.execute(query)}
        closed = {name for name, is_open in found.items() if not is_open}
        ended = read_incidents(tx, is_open=False, limit=_ALL) if closed else ()
    return found.keys() - closed, [incident for incident in ended if incident.id in closed]


def _wanted(fleet: Fleet, webhook: Webhook) -> Sequence[Incident]:
    """Give the open incidents that a webhook wants to know of, the costliest first."""
    found = fleet.incidents()
    if webhook.kind != "retrain":
        return found
    worse = models_to_retrain(fleet, found)
    if webhook.models:
        worse &= set(webhook.models)
    return [i for i in found if len(i.members) == 1 and i.members[0] in worse]


def _silenced(incident: Incident, now: Any) -> bool:
    return incident.silenced_until is not None and incident.silenced_until > now
