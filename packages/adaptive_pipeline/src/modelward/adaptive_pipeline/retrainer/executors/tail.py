"""The end of what a process prints, however much that is."""

from __future__ import annotations

import threading
from collections import deque
from typing import IO

_CHUNK = 65_536
_LAST = 1_000_000  # bytes


class Tail:
    """Reads a stream in a thread until its end and keeps the last million bytes.

    >>> import io
    >>> Tail(io.BytesIO(b"epoch 1")).text()
    'epoch 1'
    """

    def __init__(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            raise ValueError("expected a stream to read, got None")
        self._stream = stream
        self._chunks: deque[bytes] = deque()
        self._size = self._dropped = 0
        self._thread = threading.Thread(target=self._read, name="training log", daemon=True)
        self._thread.start()

    def text(self, *, timeout: float = 5.0) -> str:
        """Wait for the end of the stream and give what was kept.

        A process that left its group may hold the stream open: after `timeout` seconds it counts as
        ended.
        """
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._stream.close()
        kept = b"".join(tuple(self._chunks)).decode(errors="replace")
        return f"[{self._dropped:,} bytes left out]\n{kept}" if self._dropped else kept

    def _read(self) -> None:
        while chunk := self._stream.read1(_CHUNK):  # type: ignore[attr-defined]
            self._chunks.append(chunk)
            self._size += len(chunk)
            while self._size - len(self._chunks[0]) > _LAST:
                gone = len(self._chunks.popleft())
                self._size -= gone
                self._dropped += gone
