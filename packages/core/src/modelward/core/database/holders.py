"""Who holds a lease: processes by their host and number."""

from __future__ import annotations

import os
import socket


def this_process() -> str:
    """Name this process: `host/number`. More may follow, after another `/`.

    >>> this_process().rpartition("/")[2] == str(os.getpid())
    True
    """
    return f"{socket.gethostname()}/{os.getpid()}"


def has_ended(holder: str) -> bool:
    """Tell whether a holder (`host/number/…`) was a process of this host that has ended.

    Of another host's process nothing is known here, so it is taken to live.

    >>> has_ended(this_process())
    False
    """
    host, _, rest = holder.partition("/")
    process = rest.partition("/")[0]
    if host != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
