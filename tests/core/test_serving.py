"""Who is let in: keys in each form they come in, names of this machine, pages of other sites."""

from __future__ import annotations

import base64

import pytest

from modelward.core.serving import LOOPBACK, digest_of, host_of, is_foreign, is_key

KEY = "schlüssel:with a colon"


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ([(b"authorization", b"Bearer " + KEY.encode())], True),
        ([(b"authorization", b"bearer   " + KEY.encode())], True),
        ([(b"x-api-key", KEY.encode())], True),
        ([(b"authorization", basic(f"anybody:{KEY}"))], True),
        ([(b"authorization", basic(f":{KEY}"))], True),
        ([(b"authorization", basic(KEY))], False),  # the user is no key
        ([(b"authorization", b"Basic !!!")], False),
        ([(b"authorization", b"Digest " + KEY.encode())], False),
        ([(b"authorization", KEY.encode())], False),
        ([(b"authorization", b"Bearer ")], False),
        ([(b"x-api-key", b"")], False),
        ([], False),
    ],
)
def test_a_key_counts_in_the_forms_it_comes_in(
    headers: list[tuple[bytes, bytes]], let_in: bool
) -> None:
    assert is_key(iter(headers), digest_of(KEY)) is let_in


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"127.0.0.1:8000", "127.0.0.1"),
        (b"LocalHost", "localhost"),
        (b"[::1]:80", "::1"),
        (b"localhost.example.org:8000", "localhost.example.org"),
        (b"", ""),
    ],
)
def test_the_name_is_read_without_its_port(host: bytes, name: str) -> None:
    assert host_of([(b"host", host)]) == name
    assert (name in LOOPBACK) == (name in {"127.0.0.1", "localhost", "::1"})


@pytest.mark.parametrize(
    ("origin", "foreign"),
    [
        (b"http://here:8000", False),
        (b"https://here:8000", False),
        (b"http://here", True),
        (b"http://elsewhere:8000", True),
        (b"null", True),
        (None, False),
    ],
)
def test_a_page_of_another_site_is_foreign(origin: bytes | None, foreign: bool) -> None:
    sent = [] if origin is None else [(b"origin", origin)]
    assert is_foreign([(b"host", b"here:8000"), *sent]) is foreign
