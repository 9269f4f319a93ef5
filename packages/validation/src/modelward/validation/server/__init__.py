"""The validation server: store -> service -> api and pages; beside it the worker, which proposes."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.validation.server.api.app import create_app
    from modelward.validation.server.service import Service
    from modelward.validation.server.settings import Settings
    from modelward.validation.server.store.database import Database
    from modelward.validation.server.worker import Worker

__all__ = ["Database", "Service", "Settings", "Worker", "create_app"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Database": "store.database",
        "Service": "service",
        "Settings": "settings",
        "Worker": "worker",
        "create_app": "api.app",
    },
)
