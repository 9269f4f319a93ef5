"""How MLflow is asked: quietly, within seconds, and with one error for all ways of not answering."""

from __future__ import annotations

import http.client
import logging
import os
import socket
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from modelward.core.errors import ModelwardError, ServiceError

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
_DOWN = {502, 503, 504}


@contextmanager
def asked(uri: str, *, timeout: float) -> Iterator[None]:
    """Ask MLflow at `uri`: quiet, and `ServiceError` when what is behind it does not answer.

    MLflow itself tries for minutes, by settings that hold for the whole process. So whether there
    is anybody is found out first, within `timeout` seconds.
    """
    with quiet():
        _reach(uri, timeout)
        try:
            yield
        except ModelwardError:
            raise
        except Exception as error:
            if not _is_away(error):
                raise
            raise ServiceError(
                f"expected an answer of MLflow at {_public(uri)}, got: {str(error)[:300]}",
                hint="look whether it runs; what was under way can be done again.",
            ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's own notices, bars and deprecation warnings from the user; errors come through."""
    bar = os.environ.get(_BAR)
    os.environ[_BAR] = "false"
    names = ("mlflow", "alembic", "mlflow.store.db.utils")
    before = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
            if bar is None:
                os.environ.pop(_BAR, None)
            else:
                os.environ[_BAR] = bar


def is_missing(error: Exception) -> bool:
    """Whether MLflow says that there is no such thing."""
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"


def is_shared(uri: str) -> bool:
    """Whether another process of this machine sees the same: all but a database in memory.

    >>> is_shared("sqlite:///mlflow.db"), is_shared("sqlite://")
    (True, False)
    """
    return uri not in {"sqlite://", "sqlite:///", "sqlite:///:memory:"}


def default_artifacts(uri: str, given: str | Path | None) -> str | None:
    """Say where the files of a new experiment go; None where a server decides."""
    if given is not None:
        text = str(given)
        return text if "://" in text else Path(text).resolve().as_uri()
    if urlsplit(uri).scheme in {"http", "https", "databricks"}:
        return None
    start = "sqlite:///"
    beside = Path(uri.removeprefix(start)).parent if uri.startswith(start) else Path()
    return (beside / "mlartifacts").resolve().as_uri()


def local_path(uri: str) -> Path | None:
    """Give the folder behind a `file:` URI, None for files elsewhere.

    >>> local_path("file:///models/1").as_posix(), local_path("s3://models/1")
    ('/models/1', None)
    """
    return Path(url2pathname(urlsplit(uri).path)) if uri.startswith("file:") else None


def _reach(uri: str, timeout: float) -> None:
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    try:
        if scheme in {"http", "https"}:
            _greet(uri.rstrip("/") + "/health", timeout)
        elif parts.hostname:
            port = parts.port or _PORTS.get(scheme)
            if port is not None:
                socket.create_connection((parts.hostname, port), timeout).close()
    except (OSError, http.client.HTTPException) as error:
        raise ServiceError(
            f"expected MLflow's {'server' if scheme.startswith('http') else 'database'} at "
            f"{_public(uri)} to answer within {timeout:g} seconds, got: {error}",
            hint="look whether it runs; what was under way can be done again.",
        ) from error


def _greet(url: str, timeout: float) -> None:
    try:
        urllib.request.urlopen(url, timeout=timeout).close()  # noqa: S310 - http(s), see the caller
    except urllib.error.HTTPError as error:  # an answer, even if it wants to know who asks
        error.close()
        if error.code in _DOWN:
            raise ConnectionError(f"status {error.code}") from error


def _is_away(error: BaseException) -> bool:
    from requests.exceptions import RequestException
    from sqlalchemy.exc import DBAPIError

    if getattr(error, "error_code", None) in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}:
        return True
    return isinstance(error, RequestException | DBAPIError | OSError)


def _public(uri: str) -> str:
    """Give a URI without its password."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}").geturl()
