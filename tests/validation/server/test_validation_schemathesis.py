"""schemathesis makes requests from the API's own document, fitting and not, and judges the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from modelward.validation.server import Database, Service, Settings, create_app
from modelward.validation.server.store.access import tenant_id

pytestmark = pytest.mark.slow
MODES = list(schemathesis.GenerationMode)
# The server is open on this machine: a request without a key is let in. And a schema cannot say that
# `lower` is less than `upper`: what it allows may still be refused, with 422.
EXCLUDED = [ignored_auth, positive_data_acceptance]


@pytest.fixture
def api(tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    database = Database(url)
    service = Service(database, tenant=tenant_id(database, "local"))
    scenario = service.get_or_create_scenario("day")["id"]  # so that some requests find something
    service.configure_features(
        scenario, [{"kind": "FeatureContinuous", "name": "x", "lower": 0.0, "upper": 1.0}]
    )
    service.configure_outputs(scenario, [{"name": "z", "threshold": 0.5}])
    service.get_or_create_job(service.get_or_create_system("s")["id"], scenario, "j")
    database.close()
    app = create_app(Settings(database=url, rate=1e6, burst=10**6))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_every_answer_is_as_the_document_says(api: Any, mode: Any) -> None:
    tried = 0
    for found in api.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def judge(case: Any) -> None:
            case.call_and_validate(base_url="http://127.0.0.1", excluded_checks=EXCLUDED)

        try:
            judge()
        except Exception as error:
            error.add_note(f"in {operation.label}")
            if "Unsatisfiable" in type(error).__name__:
                continue  # nothing can be wrong with a request that has no parts
            raise
        tried += 1
    assert tried >= 20
