"""Who may ask: tenants, their API keys, and logins to the pages."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from modelward.validation.server.errors import AccessError, NotFoundError
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.names import checked, key
from modelward.validation.server.store.schema import keys, sessions, tenants

SESSION_SECONDS = 12 * 3600.0
_PREFIX = "mw"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a tenant, by which key, and whether it may only read."""

    tenant_id: int
    key_id: str
    read_only: bool = False


def tenant_id(database: Database, name: str) -> int:
    """Give the number of a tenant, made where there is none."""
    checked(name, what="the name of a tenant")
    query = select(tenants.c.id).where(tenants.c.name_key == key(name))
    with database.reading() as tx:
        found = tx.scalar(query)
    if found is not None:
        return int(found)
    row = {"name_key": key(name), "name": name, "created": time.time()}
    try:
        with database.writing() as tx:
            tx.execute(insert(tenants).values(**row))
    except IntegrityError:
        pass  # another came first: it is there now
    with database.reading() as tx:
        return int(tx.execute(query).scalar_one())


def create_key(
    database: Database,
    tenant: str,
    *,
    label: str = "",
    seconds: float | None = None,
    read_only: bool = False,
) -> str:
    """Make an API key of a tenant and give it: this once, for only its SHA-256 is kept.

    `seconds` is how long it is valid (None: until it is revoked). Its 256 random bits cannot be
    guessed, so that a plain SHA-256 of it is enough.
    """
    owner, now = tenant_id(database, tenant), time.time()
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    given = f"{_PREFIX}-{name}-{secret}"
    row = {
        "id": name,
        "tenant_id": owner,
        "digest": _digest(given),
        "label": checked(label, what="the label of a key", empty=True),
        "read_only": read_only,
        "created": now,
        "expires": None if seconds is None else now + seconds,
    }
    with database.writing() as tx:
        tx.execute(insert(keys).values(**row))
    return given


def revoke_key(database: Database, name: str) -> None:
    """Make a key worthless from this moment on, and its logins with it.

    `name` is the key's middle part, or the key. Raises `NotFoundError` where there is none.
    """
    parts = name.split("-", 2)
    identity = parts[1] if len(parts) == 3 and parts[0] == _PREFIX else name
    with database.writing() as tx:
        done = tx.execute(
            update(keys)
            .where(keys.c.id == identity)
            .values(revoked=func.coalesce(keys.c.revoked, time.time()))
        )
        if not done.rowcount:
            raise NotFoundError(f"expected a key of this store, got {identity!r}")
        tx.execute(delete(sessions).where(sessions.c.key_id == identity))


def list_keys(database: Database) -> Sequence[dict[str, Any]]:
    """Give all keys, without what would let anybody in."""
    columns = [c for c in keys.c if c.name not in {"digest", "tenant_id"}]
    query = select(tenants.c.name.label("tenant"), *columns).join(tenants).order_by(keys.c.created)
    with database.reading() as tx:
        return [dict(row) for row in tx.execute(query).mappings()]


def any_key(database: Database) -> bool:
    """Tell whether there is a key: then nobody is let in without one."""
    with database.reading() as tx:
        return tx.execute(select(keys.c.id).limit(1)).first() is not None


def caller_of_key(database: Database, given: str) -> Caller:
    """Give who a key lets in. Raises `AccessError` for a wrong, expired or revoked one."""
    parts = given.split("-", 2)
    name = parts[1] if len(parts) == 3 else ""
    with database.reading() as tx:
        row = tx.execute(select(keys).where(keys.c.id == name[:16])).one_or_none()
    known = row.digest if row is not None else "0" * 64
    same = hmac.compare_digest(_digest(given), known)  # always done, so that time tells nothing
    if row is None or not same:
        raise AccessError("expected an API key of this server, got another")
    return _valid(row)


def log_in(database: Database, given: str) -> str:
    """Begin a session of the pages for a key, and give its secret. Raises as `caller_of_key`."""
    caller, secret, now = caller_of_key(database, given), secrets.token_urlsafe(32), time.time()
    row = {"digest": _digest(secret), "key_id": caller.key_id, "expires": now + SESSION_SECONDS}
    with database.writing() as tx:
        tx.execute(delete(sessions).where(sessions.c.expires < now))
        tx.execute(insert(sessions).values(**row))
    return secret


def log_out(database: Database, secret: str) -> None:
    """End a session."""
    with database.writing() as tx:
        tx.execute(delete(sessions).where(sessions.c.digest == _digest(secret)))


def caller_of_session(database: Database, secret: str) -> Caller:
    """Give who is logged in. Raises `AccessError` when the session or its key has ended."""
    query = (
        select(keys)
        .join(sessions, sessions.c.key_id == keys.c.id)
        .where(sessions.c.digest == _digest(secret), sessions.c.expires >= time.time())
    )
    with database.reading() as tx:
        row = tx.execute(query).one_or_none()
    if row is None:
        raise AccessError("expected a login, got none or one that has ended")
    return _valid(row)


def tenant_name(connection: Connection, number: int) -> str:
    """Give the name of a tenant."""
    return str(
        connection.execute(select(tenants.c.name).where(tenants.c.id == number)).scalar_one()
    )


def _valid(row: Any) -> Caller:
    if row.revoked is not None:
        raise AccessError("expected a valid API key, got one that was revoked")
    if row.expires is not None and row.expires < time.time():
        raise AccessError("expected a valid API key, got one that has expired")
    return Caller(int(row.tenant_id), str(row.id), bool(row.read_only))


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
