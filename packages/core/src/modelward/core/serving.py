"""What every service answers by: who is let in, by which name, and what a browser may do with it.

Works on the plain headers of ASGI, so that it needs no web framework.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from hashlib import sha256

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names by which a machine calls itself."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries: no guessing of types, no frames, nothing for other origins."""

RawHeaders = Iterable[tuple[bytes, bytes]]


def digest_of(key: str) -> bytes:
    """Give what a process keeps of an API key: its SHA-256."""
    return sha256(key.encode("utf-8")).digest()


def is_key(headers: RawHeaders, digest: bytes) -> bool:
    """Tell, in constant time, whether a request came with the key of a digest.

    As a bearer's token, as a password (what a browser asks for; the user does not matter), or in the
    header `X-API-Key`.

    >>> is_key([(b"authorization", b"Bearer s3cret")], digest_of("s3cret"))
    True
    >>> is_key([(b"x-api-key", b"guess")], digest_of("s3cret"))
    False
    """
    return hmac.compare_digest(sha256(_given(headers)).digest(), digest)


def host_of(headers: RawHeaders) -> str:
    """Give the name by which a request calls this server, without its port, in lower case.

    >>> host_of([(b"host", b"LOCALHOST:8400")]), host_of([(b"host", b"[::1]:8400")])
    ('localhost', '::1')
    """
    name = _header(headers, b"host").decode("latin-1").lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def is_foreign(headers: RawHeaders) -> bool:
    """Tell whether a page of another origin has sent a request.

    >>> is_foreign([(b"host", b"here:1"), (b"origin", b"https://elsewhere")])
    True
    >>> is_foreign([(b"host", b"here:1"), (b"origin", b"http://here:1")]), is_foreign([])
    (False, False)
    """
    headers = list(headers)
    origin = _header(headers, b"origin")
    return bool(origin) and origin.partition(b"://")[2] != _header(headers, b"host")


def _header(headers: RawHeaders, name: bytes) -> bytes:
    return next((value for each, value in headers if each == name), b"")


def _given(headers: RawHeaders) -> bytes:
    headers = list(headers)
    scheme, _, token = _header(headers, b"authorization").partition(b" ")
    if scheme.lower() == b"bearer":
        return token.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(token, validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return _header(headers, b"x-api-key")
