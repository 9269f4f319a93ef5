"""The line: messages to a child process and back, each whole, and none waited for too long."""

from __future__ import annotations

import socket
import time

_LONGEST = 64 * 1024 * 1024  # bytes of one message
_HEADER = 4  # bytes that say how long a message is


class Line:
    """One end of a socket on which whole messages go.

    With `until`, a moment of `time.monotonic`, neither sending nor receiving takes longer, whatever
    the other end does: stop, or say half of it.

    >>> ours, theirs = map(Line, socket.socketpair())
    >>> ours.send(b"hello", time.monotonic() + 1)
    >>> theirs.receive()
    b'hello'
    >>> ours.close(); theirs.close()
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: bytes, until: float | None = None) -> None:
        """Send a message. Raises `ValueError` for one too long, `TimeoutError` and `OSError`."""
        if len(message) > _LONGEST:
            raise ValueError(f"a message of {len(message):,} bytes is too long")
        self._wait(until)
        self._end.sendall(len(message).to_bytes(_HEADER, "big") + message)

    def receive(self, until: float | None = None) -> bytes:
        """Give the next message. Raises `EOFError` when there comes none, and as `send`."""
        length = int.from_bytes(self._exactly(_HEADER, until), "big")
        if length > _LONGEST:
            raise ValueError("it does not keep to the protocol")
        return self._exactly(length, until)

    def close(self) -> None:
        """Let go of this end."""
        self._end.close()

    def _exactly(self, length: int, until: float | None) -> bytes:
        message = bytearray(length)
        view, have = memoryview(message), 0
        while have < length:
            self._wait(until)
            got = self._end.recv_into(view[have:])
            if not got:
                raise EOFError
            have += got
        return bytes(message)

    def _wait(self, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._end.settimeout(left)
