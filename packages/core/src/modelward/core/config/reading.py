"""From a path to text: regular files only, of at most 1 MiB, in UTF-8."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

from modelward.core.config.problems import Position, Report

MAX_BYTES = 1 << 20

# UTF-32 first: its little-endian mark begins with UTF-16's.
_FOREIGN_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# What YAML 1.2 (section 5.1) lets stand in a file, DEL and the surrogates left out.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def read(path: Path, report: Report) -> bytes:
    """Read a file whole, without waiting on a pipe or device and without reading past the limit."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(MAX_BYTES + 1)
            fault = "is not a regular file"
    except OSError as error:
        fault = f"cannot be read: {error.strerror or error}"
    except ValueError:
        fault = "cannot be read: the name holds a NUL character"
    raise report.fatal(fault, allowed="a YAML file")


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a pipe that nobody writes to would wait for ever. Windows has no such flag.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def decode(data: bytes | str, report: Report) -> str:
    """Check size and encoding; give the text, without a byte-order mark."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise report.fatal("the file is over 1 MiB", allowed="at most 1,048,576 bytes")
    for mark, name in _FOREIGN_MARKS.items():
        if raw.startswith(mark):
            raise report.fatal(f"the file is in {name}", allowed="UTF-8", hint="save it as UTF-8")
    # A byte that is not UTF-8 becomes a surrogate, which no valid byte does.
    text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    if bad := _UNPRINTABLE.search(text):
        code = ord(bad[0])
        if 0xDC80 <= code <= 0xDCFF:
            found, hint = f"byte 0x{code - 0xDC00:02X} is not UTF-8", "save the file as UTF-8"
        else:
            found = f"character U+{code:04X} cannot stand in a YAML file"
            hint = 'in double quotes it can be written as an escape such as "\\0"'
        raise report.fatal(found, end_of(text[: bad.start()]), hint=hint)
    return text


def end_of(text: str) -> Position:
    """Give the line and column after the last character, with line breaks as YAML has them."""
    lines = _BREAK.split(text)
    return len(lines), len(lines[-1]) + 1
