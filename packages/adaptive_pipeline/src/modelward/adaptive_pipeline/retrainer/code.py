"""The version of the code that trained a model: its commit, and a digest of its source."""

from __future__ import annotations

import functools
import hashlib
import inspect
from pathlib import Path
from typing import Any

from modelward.core.evidence.environment import git_commit


def code_version(function: Any) -> dict[str, str]:
    """Tell which code a function is, as run parameters; what cannot be found out is left out.

    `code` is its name, `code_commit` the git commit of the folder its file lies in, `code_sha256`
    the digest of its source text.

    >>> code_version(code_version)["code"]
    'modelward.adaptive_pipeline.retrainer.code:code_version'
    """
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__qualname__"):  # an object that can be called
        function = type(function)
    told = {"code": f"{function.__module__}:{function.__qualname__}"}
    try:
        source, file = inspect.getsource(function), inspect.getsourcefile(function)
    except (OSError, TypeError):  # typed in at a prompt, or built in
        return told
    told["code_sha256"] = hashlib.sha256(source.encode()).hexdigest()
    folder = Path(file).parent if file else Path()
    commit = git_commit(folder) if folder.is_dir() else None
    return told | ({"code_commit": commit} if commit else {})
