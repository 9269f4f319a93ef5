"""The commands of the server: serve, worker, and the keys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelward.validation.server.store.database import Database

Url = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of the database (default: MODELWARD_VALIDATION_DATABASE, the file that "
        "MODELWARD_VALIDATION_DATABASE_FILE names, or sqlite:///validation.db).",
    ),
]


def serve(
    *,
    database: Url = None,
    host: Annotated[
        str, typer.Option(help="Any but this machine's own needs an API key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8_080,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes to run beside it.")] = 0,
    max_megabytes: Annotated[float, typer.Option(help="The largest body of a request.")] = 10.0,
    secure_cookies: Annotated[bool, typer.Option(help="Logins over HTTPS alone.")] = False,
) -> None:
    """Run the server: the API, its document at /docs, and the pages."""
    from modelward.validation.server.api.app import serve as run
    from modelward.validation.server.settings import Settings, database_url

    url = database_url(database)
    settings = Settings(
        database=url,
        host=host,
        port=port,
        max_bytes=int(max_megabytes * 2**20),
        secure_cookies=secure_cookies,
    )
    command = [sys.executable, "-m", "modelward.core.command", "validation", "worker"]
    # The URL may hold a password: not where every user of the machine can read it.
    environment = {**os.environ, "MODELWARD_VALIDATION_DATABASE": url}
    typer.echo(f"http://{host}:{port}  (API: /docs)", err=True)
    # uvicorn raises the signal anew when it has stopped: that must not end us before the workers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    command += ["--parent", str(os.getpid())]
    children = [subprocess.Popen(command, env=environment) for _ in range(workers)]  # noqa: S603
    try:
        run(settings)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)


def worker(
    database: Url = None,
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between two looks.")] = 0.2,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run a worker: it learns from what was told, and prepares the next runs of all jobs."""
    from modelward.validation.server.api.watching import log_as_json
    from modelward.validation.server.settings import database_url
    from modelward.validation.server.store.database import Database
    from modelward.validation.server.worker import Worker

    log_as_json()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, over), daemon=True).start()
    Worker(Database(database_url(database)), poll=poll).run(over)


def _end_with(parent: int, over: threading.Event) -> None:
    """Stop when the process that started this one is gone, however it went."""
    while not over.wait(1.0):
        if os.getppid() != parent:
            over.set()


def create_key(
    tenant: Annotated[str, typer.Argument(help="Whose systems, scenarios and jobs it opens.")],
    *,
    database: Url = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[float | None, typer.Option(help="Valid for so many days.")] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="It may look, not change.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option(help="Write it to a new file of yours alone.")
    ] = None,
) -> None:
    """Make an API key and print it, this once: only its hash is kept."""
    from modelward.validation.server.store import access

    seconds = None if days is None else days * 86_400.0
    key = access.create_key(
        _open(database), tenant, label=label, seconds=seconds, read_only=read_only
    )
    if file is None:
        typer.echo(key)
        return
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(key + "\n")
    typer.echo(f"written to {file}", err=True)


def revoke_key(
    name: Annotated[str, typer.Argument(help="The key, or its middle part.")], database: Url = None
) -> None:
    """Make an API key worthless, at once."""
    from modelward.validation.server.store import access

    access.revoke_key(_open(database), name)
    typer.echo("revoked")


def list_keys(database: Url = None) -> None:
    """List the API keys: whose they are, what for, and until when."""
    from datetime import UTC, datetime

    from modelward.validation.server.store import access

    def day(at: float | None) -> str:
        return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")

    for key in access.list_keys(_open(database)):
        state = (
            f"revoked {day(key['revoked'])}" if key["revoked"] else f"until {day(key['expires'])}"
        )
        may = "reads" if key["read_only"] else "writes"
        typer.echo(f"{key['id']}  {key['tenant']}  {may}  {state}  {key['label']}")


def export_job(job: int, table: Path, url: str | None) -> int:
    """Write the told runs of a job of a store to a CSV file; give how many."""
    from modelward.core.files import write_whole
    from modelward.validation.server.api.exports import as_csv, pages
    from modelward.validation.server.service import Service
    from modelward.validation.server.store.catalogue import tenant_of

    database = _open(url)
    service = Service(database, tenant=tenant_of(database, job))
    text = "".join(as_csv(service, job, pages(service, job)))
    write_whole(table, text)
    return int(service.get_job(job)["runs"]["told"])


def _open(url: str | None) -> Database:
    from modelward.validation.server.settings import database_url
    from modelward.validation.server.store.database import Database

    return Database(database_url(url))
