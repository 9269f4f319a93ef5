"""Imports at the point of use: lazy package exports, and optional packages with their pip line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from modelward.core.errors import MissingPackageError


def require(module: str, *, feature: str, install: str) -> ModuleType:
    """Import an optional package, or say which pip line adds it.

    `module` is the dotted import name, `feature` what the caller wanted to do with it, and
    `install` what to hand to `pip install` (for modelward's own extras: the path and the extra,
    as in `'./packages/core[charts]'`, because the distributions are installed by path).

    Raises `MissingPackageError` (an `ImportError`) when the package is absent. An error raised
    *inside* an installed package is not hidden: it is passed on as it is.

    >>> require("json", feature="reading records", install="json").dumps({"a": 1})
    '{"a": 1}'
    >>> require("no_such_package", feature="drawing", install="no-such-package")
    Traceback (most recent call last):
    ...
    modelward.core.errors.MissingPackageError: drawing needs the package 'no_such_package', ...
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise
        raise MissingPackageError(
            f"{feature} needs the package '{error.name}', which is not installed",
            hint=f"pip install {install}",
        ) from error


def lazy_exports(
    package: str, exports: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` (PEP 562) of a package that loads its names on first use.

    `exports` maps each public name to the submodule (relative to `package`) that defines it. A
    package writes `__getattr__, __dir__ = lazy_exports(__name__, {...})`; `import package` then
    costs nothing, and `package.Name` imports just the submodule that holds it.

    >>> getattr_, dir_ = lazy_exports("modelward.core", {"DataError": "errors"})
    >>> getattr_("DataError").__name__
    'DataError'
    >>> getattr_("Nothing")
    Traceback (most recent call last):
    ...
    AttributeError: module 'modelward.core' has no attribute 'Nothing'
    """

    def __getattr__(name: str) -> Any:
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{exports[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *exports})

    return __getattr__, __dir__


def installed_version(distribution: str) -> str | None:
    """Give the installed version of a distribution, or None; nothing is imported.

    >>> installed_version("numpy") is not None, installed_version("no-such-package")
    (True, None)
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
