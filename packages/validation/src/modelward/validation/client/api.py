"""The door of the client: where systems and scenarios come from."""

from __future__ import annotations

import logging
import os
from typing import Any

from modelward.core.errors import ConfigError
from modelward.validation.client.connection import Connection, Json
from modelward.validation.client.objects import Job, Scenario, System, make_job
from modelward.validation.settings import StudySettings
from modelward.validation.stopping import StopRule

logger = logging.getLogger(__name__)


class ValicyAPI:
    """Virtual validation on a server, or, without an `address`, in a store of one's own.

    `address` and `api_key` may also come from the environment, as `MODELWARD_VALIDATION_ADDRESS` and
    `MODELWARD_VALIDATION_KEY`. Without an address the same calls work on `store`, a database's URL
    (default: `MODELWARD_VALIDATION_DATABASE`, else the SQLite file `validation.db`), and nothing is
    sent anywhere. `retries` and `timeout` (seconds) say how patiently a server is asked.

    Raises `ConfigError` for an address or a store that is none, or both at once.

    >>> api = ValicyAPI(store="sqlite://")
    >>> api.config(number_of_instances=3, number_of_regular_grid_points=2)
    >>> api.get_or_create_system("brake").name
    'brake'
    """

    def __init__(
        self,
        api_key: str | None = None,
        address: str | None = None,
        *,
        store: str | None = None,
        retries: int = 8,
        timeout: float = 30.0,
    ) -> None:
        address = address or (
            None if store is not None else os.environ.get("MODELWARD_VALIDATION_ADDRESS")
        )
        if address is not None and store is not None:
            raise ConfigError("expected the address of a server or a store, got both")
        self.connection: Connection
        if address is not None:
            from modelward.validation.client.remote import Remote

            key = api_key or os.environ.get("MODELWARD_VALIDATION_KEY")
            self.connection = Remote(address, api_key=key, retries=retries, timeout=timeout)
        else:
            from modelward.validation.client.local import Local
            from modelward.validation.server.settings import database_url

            self.connection = Local(database_url(store))
            logger.info(
                "no address was given: working on the store %s", self.connection.database.name
            )
        self._settings: Json = {}

    def config(self, **settings: Any) -> None:
        """Set the settings of the jobs that are made from now on (`StudySettings`).

        The original's three: `number_of_instances` models compete for each output; one may be replaced
        after `min_instance_predictions_before_deletion` forecasts; `number_of_regular_grid_points` values
        of each feature, crossed, start a job. Raises `ConfigError` for others, or out of range.
        """
        StudySettings.from_dict({**self._settings, **settings})
        self._settings |= settings

    def get_or_create_system(
        self,
        name: str,
        description: str = "",
        *,
        system_metainfo: Json | None = None,
        system_description: str = "",
    ) -> System:
        """Give the system of a name, made where there is none."""
        row = self.connection.get_or_create_system(
            name, description=description or system_description, metainfo=system_metainfo
        )
        return self._system(row)

    def load_all_systems(self) -> list[System]:
        """Give all systems."""
        return [self._system(row) for row in self.connection.list_systems()]

    def get_or_create_scenario(
        self,
        name: str,
        scenario_description: str = "",
        *,
        scenario_metainfo: Json | None = None,
        description: str = "",
    ) -> Scenario:
        """Give the scenario of a name, made where there is none."""
        row = self.connection.get_or_create_scenario(
            name, description=scenario_description or description, metainfo=scenario_metainfo
        )
        return Scenario.of(self.connection, row, self._settings)

    def load_all_scenarios(self) -> list[Scenario]:
        """Give all scenarios."""
        rows = self.connection.list_scenarios()
        return [Scenario.of(self.connection, row, self._settings) for row in rows]

    def get_or_create_job(
        self,
        system: System,
        scenario: Scenario,
        name: str,
        *,
        stop: StopRule | None = None,
        description: str = "",
        metainfo: Json | None = None,
        **settings: Any,
    ) -> Job:
        """Give the job of a name on a system and a scenario, made where there is none.

        `settings` (`StudySettings`, `seed` among them) add to those of `config`; `stop` says when no
        more runs are proposed (default: when every output has reached its certainty target).
        """
        return make_job(
            system,
            scenario,
            name,
            stop=stop,
            description=description,
            metainfo=metainfo,
            **{**self._settings, **settings},
        )

    def load_all_jobs(self) -> list[Job]:
        """Give all jobs."""
        return [Job(self.connection, row) for row in self.connection.list_jobs()]

    def _system(self, row: Json) -> System:
        fields = {name: row[name] for name in ("id", "name", "description", "metainfo")}
        return System(self.connection, **fields, settings=self._settings)


Valicy = ValicyAPI
"""The name by which the original's guide calls it."""


def load_all_systems() -> list[System]:
    """Give all systems of the server or store that the environment names."""
    return ValicyAPI().load_all_systems()
