"""`modelward doctor`: what is installed, what could be added, and which servers answer."""

from __future__ import annotations

import http.client
import json
import os
import platform
import re
import socket
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from importlib.metadata import distributions, metadata, requires
from urllib.parse import urlsplit

import typer

from modelward.core.optional import installed_version

app = typer.Typer(help="Show versions, devices, optional parts and the servers that answer.")

_TIMEOUT_S = 1.0
_PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}
_EXTRA = re.compile(r"""^([\w.-]+)[^;]*;\s*extra\s*==\s*['"]([\w-]+)['"]""")


@dataclass(frozen=True, slots=True)
class Part:
    """An optional part: the extra that names it, what it needs, and the pip line that adds it."""

    package: str
    extra: str
    needs: tuple[str, ...]
    missing: tuple[str, ...]
    install: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server that modelward can use, the address that was tried, and whether it answered."""

    name: str
    address: str
    answers: bool
    detail: str


def packages() -> dict[str, str]:
    """Give the installed modelward distributions with their versions."""
    found = {d.name: d.version for d in distributions() if (d.name or "").startswith("modelward-")}
    return dict(sorted(found.items()))


def optional_parts() -> list[Part]:
    """List the extras of the installed packages, as their own metadata declares them."""
    parts = []
    for package in packages():
        needs: dict[str, list[str]] = {
            e: [] for e in metadata(package).get_all("Provides-Extra", [])
        }
        for requirement in requires(package) or []:
            if match := _EXTRA.match(requirement):
                needs[match.group(2)].append(match.group(1))
        folder = package.removeprefix("modelward-").replace("-", "_")
        for extra, names in needs.items():
            missing = tuple(name for name in names if installed_version(name) is None)
            install = f"pip install './packages/{folder}[{extra}]'"
            parts.append(Part(package, extra, tuple(names), missing, install))
    return parts


def devices() -> list[str]:
    """Name the compute devices: the CPU, and the GPUs that PyTorch sees (where it is installed)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [f"cpu ({cores} cores, {platform.machine()})"]
    if installed_version("torch") is not None:
        import torch

        found += [
            f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())
        ]
        if torch.backends.mps.is_available():
            found.append("mps")
    return found


def servers() -> list[Server]:
    """Try the servers modelward can use, at the addresses the environment names.

    `MODELWARD_PROMETHEUS_URL`, `MLFLOW_TRACKING_URI`, `MODELWARD_DATABASE_URL`; where one is not
    set, its usual port on this machine is tried. Passwords in addresses are not shown.
    """
    prometheus = os.environ.get("MODELWARD_PROMETHEUS_URL", "http://127.0.0.1:9090")
    mlflow = os.environ.get("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    database = os.environ.get("MODELWARD_DATABASE_URL")
    found = [_http("Prometheus", prometheus, "/-/ready")]
    if mlflow.startswith(("http://", "https://")):
        found.append(_http("MLflow", mlflow, "/health"))
    else:
        found.append(_database("MLflow", mlflow))
    if database:
        found.append(_database("database", database))
    else:
        found += [
            _database("PostgreSQL", "postgresql://127.0.0.1:5432"),
            _database("MariaDB", "mysql://127.0.0.1:3306"),
        ]
    return found


def shown(url: str) -> str:
    """Write an address without user, password and query.

    >>> shown("postgresql://me:secret@db:5432/models?password=secret")
    'postgresql://db:5432/models'
    """
    scheme, mark, rest = url.partition("://")
    rest = rest.split("?")[0].split("#")[0]
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else scheme.split("?")[0]


def _http(name: str, url: str, path: str) -> Server:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url.rstrip("/") + path, timeout=_TIMEOUT_S) as answer:
            return Server(name, shown(url), True, f"status {answer.status}")
    except urllib.error.HTTPError as error:
        return Server(name, shown(url), False, f"status {error.code}")
    except http.client.HTTPException:
        return Server(name, shown(url), False, "something answers, but not in HTTP")
    except (OSError, ValueError) as error:
        return Server(name, shown(url), False, str(getattr(error, "reason", error)))


def _database(name: str, url: str) -> Server:
    scheme = url.partition(":")[0].split("+")[0]
    if scheme == "sqlite" or "://" not in url or scheme == "file":
        return Server(name, shown(url), True, "a local store, no server")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(scheme, 5432)
        with socket.create_connection((parts.hostname or "127.0.0.1", port), timeout=_TIMEOUT_S):
            return Server(name, shown(url), True, "port open")
    except (OSError, ValueError) as error:
        return Server(name, shown(url), False, str(getattr(error, "strerror", None) or error))


@app.command()
def doctor(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """Show versions, devices, optional parts and the servers that answer."""
    parts, tried = optional_parts(), servers()
    if as_json:
        report = {
            "python": platform.python_version(),
            "packages": packages(),
            "devices": devices(),
            "optional": [asdict(p) for p in parts],
            "servers": [asdict(s) for s in tried],
        }
        typer.echo(json.dumps(report, indent=2))
        return
    typer.echo(f"Python      {platform.python_version()} on {platform.platform(terse=True)}")
    for name, version in packages().items():
        typer.echo(f"Package     {name} {version}")
    for device in devices():
        typer.echo(f"Device      {device}")
    for part in parts:
        state = f"missing {', '.join(part.missing)}: {part.install}" if part.missing else "found"
        typer.echo(f"Optional    {part.package}[{part.extra}] {state}")
    for server in tried:
        state = "answers" if server.answers else "no answer"
        typer.echo(f"Server      {server.name} at {server.address}: {state} ({server.detail})")
