"""Who sent a webhook: the ways in which the senders prove that they know the secret.

Every comparison takes the same time whatever is compared, and no secret is ever part of a message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

FRESH = 300.0  # seconds a signed time may lie before or after ours
_GRAFANA = "x-grafana-alerting-signature"
_GRAFANA_TIMES = (f"{_GRAFANA}-timestamp", "x-grafana-alerting-timestamp")
_STANDARD = "whsec_"  # begins the signing tokens of Standard Webhooks, and so of GitLab


def sent_by_alerting(headers: Mapping[str, str], body: bytes, secret: str, *, now: float) -> bool:
    """Whether Alertmanager or Grafana sent it: a bearer token, a password, or Grafana's signature.

    Grafana signs the body, or `time:body` where a header for the time is set; it must be
    `X-Grafana-Alerting-Signature-Timestamp` or `X-Grafana-Alerting-Timestamp` (Unix seconds).

    >>> sent_by_alerting({"authorization": "Bearer s3cret"}, b"{}", "s3cret", now=0.0)
    True
    """
    signature = headers.get(_GRAFANA)
    if signature is not None:
        moment = next((headers[name] for name in _GRAFANA_TIMES if name in headers), None)
        if moment is None:
            return _same(signature, _mac(secret, body).hex())
        signed = moment.encode() + b":" + body
        return _fresh(moment, now) and _same(signature, _mac(secret, signed).hex())
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            _, _, given = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return _same(given, secret)
    return scheme.lower() == "bearer" and _same(given.strip(), secret)


def sent_by_forge(headers: Mapping[str, str], body: bytes, secret: str, *, now: float) -> bool:
    """Whether GitHub or GitLab sent it: GitHub's signature, GitLab's, or GitLab's secret token.

    A secret that begins with `whsec_` is one of GitLab's signing tokens: only what it signed is
    believed, and the plain token is not.

    >>> sent_by_forge({"x-gitlab-token": "s3cret"}, b"{}", "s3cret", now=0.0)
    True

    Source: docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries and, for GitLab's,
    github.com/standard-webhooks/standard-webhooks.
    """
    if "x-hub-signature-256" in headers:
        return _same(headers["x-hub-signature-256"], f"sha256={_mac(secret, body).hex()}")
    if secret.startswith(_STANDARD):
        return _standard(headers, body, secret, now)
    return "x-gitlab-token" in headers and _same(headers["x-gitlab-token"], secret)


def _standard(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        key = base64.b64decode(secret.removeprefix(_STANDARD), validate=True)
    except binascii.Error:
        return False
    signed = f"{identity}.{moment}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = headers.get("webhook-signature", "").split()
    # While a secret is being changed there may be a signature for each.
    return _fresh(moment, now) and any(_same(each, right) for each in given)


def _fresh(moment: str, now: float) -> bool:
    try:
        return abs(now - float(moment)) <= FRESH
    except ValueError:
        return False


def _mac(secret: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), body, hashlib.sha256)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
