"""Reading a PyTorch checkpoint without running anything that is in it."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from modelward.core.errors import DataError

LARGEST_PICKLE = 64 * 2**20
LARGEST_STORAGE = 4 * 2**30

_TYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Record:
    """What stands in the place of an object of a class that is not loaded.

    `kind` is the class's full name, `args` what it was made with, `state` what was set on it. It does
    nothing.
    """

    kind = ""

    def __new__(cls, *args: Any, **_: Any) -> Record:
        """Make one of anything, and keep what it was to be made with."""
        record = super().__new__(cls)
        record.args = args
        record.state = {}
        record.items = []
        return record

    args: tuple[Any, ...]
    state: dict[str, Any]
    items: list[Any]

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take anything, and keep it as it came (`__new__` has)."""

    def __setstate__(self, state: Any) -> None:
        """Keep the state as it came."""
        self.state = state if isinstance(state, dict) else {"state": state}

    def __setitem__(self, key: Any, value: Any) -> None:
        """Keep what a dictionary-like object is filled with."""
        self.items.append((key, value))

    def append(self, item: Any) -> None:
        """Keep what a list-like object is filled with."""
        self.items.append(item)

    def extend(self, items: Any) -> None:
        """Keep what a list-like object is filled with."""
        self.items.extend(items)

    def __repr__(self) -> str:
        return f"Record({self.kind})"


def read_checkpoint(path: str | Path) -> Any:
    """Read a `.pt` file: tensors, numbers, text, lists and dictionaries; all else becomes a `Record`.

    A pickle is a program; this reader runs none of it. Only ordered dictionaries, sets and plain
    tensors are built, every other class it names, whatever it would do, becomes an inert record. No
    tensor can reach beyond its own numbers, and sizes are bounded.

    Raises `DataError` for a file that is cut off, of the format before PyTorch 1.6, too large or
    broken.
    """
    file = Path(path)
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                raise DataError(
                    f"expected a PyTorch checkpoint with one data.pkl in {file.name}, "
                    f"got {len(names)}"
                )
            if archive.getinfo(names[0]).file_size > LARGEST_PICKLE:
                raise DataError(
                    f"expected at most {LARGEST_PICKLE} bytes of structure in {file.name}"
                )
            with archive.open(names[0]) as stream:
                return _Unpickler(stream, archive, names[0].removesuffix("data.pkl")).load()
    except zipfile.BadZipFile as error:
        raise DataError(
            f"expected a whole PyTorch checkpoint (a zip file), got {file.name}: {error}",
            hint="the file is cut off, or older than PyTorch 1.6: save it again with a newer one.",
        ) from error
    except OSError as error:
        raise DataError(f"expected a readable checkpoint, got: {error}") from error
    except _BROKEN as error:
        raise DataError(
            f"expected a PyTorch checkpoint in {file.name}, got broken content: "
            f"{type(error).__name__}: {str(error)[:200]}"
        ) from error


_BROKEN = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    TypeError,
    UnicodeDecodeError,
    OverflowError,
)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(stream, encoding="utf-8")
        self._archive = archive
        self._folder = folder
        self._storages: dict[str, torch.Tensor] = {}
        self._kinds: dict[str, type[Record]] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """Give what stands for a class; nothing is imported."""
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("builtins", "set"): set,
            ("__builtin__", "set"): set,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch", "Size"): tuple,
            ("copyreg", "_reconstructor"): _reconstructed,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        full = f"{module}.{name}"
        if full not in self._kinds:
            self._kinds[full] = type("Record", (Record,), {"kind": full})
        return self._kinds[full]

    def persistent_load(self, pid: Any, /) -> torch.Tensor:
        """Read the numbers of a storage."""
        match pid:
            case ("storage", torch.dtype() as dtype, str(key), str(), int(n)):
                return self._storage(key, dtype, n)
        raise DataError(f"expected a storage of numbers in the checkpoint, got {str(pid)[:80]}")

    def _storage(self, key: str, dtype: torch.dtype, n: int) -> torch.Tensor:
        if key not in self._storages:
            entry = self._archive.getinfo(f"{self._folder}data/{key}")
            expected = n * torch.empty(0, dtype=dtype).element_size()
            if entry.file_size != expected or not 0 <= expected <= LARGEST_STORAGE:
                raise DataError(
                    f"expected {expected} bytes in storage {key} of the checkpoint, "
                    f"got {entry.file_size}"
                )
            content = bytearray(self._archive.read(entry))
            self._storages[key] = (
                torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            )
        return self._storages[key]


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, torch.Tensor) or len(size) != len(stride):
        raise DataError("expected a tensor of numbers in the checkpoint, got another thing")
    if not all(isinstance(i, int) and i >= 0 for i in numbers):
        raise DataError(f"expected sizes and strides >= 0 in the checkpoint, got {numbers}")
    empty = 0 in size
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if not empty and last >= storage.numel():
        raise DataError(
            f"expected a tensor within its {storage.numel()} numbers in the checkpoint, "
            f"got one that reaches number {last}"
        )
    if empty:
        return storage.new_empty(tuple(size))
    return storage.as_strided(tuple(size), tuple(stride), offset).clone()


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _reconstructed(kind: Any, *_: Any) -> Any:
    return kind() if isinstance(kind, type) and issubclass(kind, Record) else Record()
