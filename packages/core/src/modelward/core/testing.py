"""Contract checks for the classes of modelward and of those who extend it.

Each check takes an object or class and raises `AssertionError` saying what the contract wants. Our
own tests run them over every public class; run them over yours to see that it fits.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any

from modelward.core.evidence.record import Evidence


def check_settings(cls: type) -> None:
    """Check that a class takes its settings by keyword only, and documents itself.

    >>> class Detector:
    ...     "Detects."
    ...     def __init__(self, *, threshold: float = 0.5) -> None: ...
    >>> check_settings(Detector)
    """
    assert inspect.getdoc(cls), f"{cls.__name__} needs a docstring"
    positional = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}
    ]
    assert not positional, (
        f"{cls.__name__} takes {positional} by position; settings are keyword-only"
    )


def check_result(result: Any) -> None:
    """Check that a result is frozen, fits one screen, and can be written as dict, JSON and evidence.

    `to_dict` must hold what JSON can, `to_json` must be that dictionary, `to_evidence` (where the
    result has it) a sealed record, `_repr_html_` inert and free of outside references.
    """
    cls = type(result)
    name = cls.__name__
    assert dataclasses.is_dataclass(cls), f"{name} must be a dataclass"
    assert cls.__dataclass_params__.frozen, f"{name} must be frozen"  # type: ignore[attr-defined]
    assert len(repr(result).splitlines()) <= 40, f"the repr of {name} must fit one screen"
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert content == json.loads(result.to_json()), f"{name}.to_json must be its to_dict as JSON"
    if hasattr(result, "_repr_html_"):
        html = result._repr_html_()
        assert "<script" not in html, f"the notebook form of {name} must need no script"
        assert "http://" not in html.replace("http://www.w3.org/", ""), f"{name} refers outside"
    if hasattr(result, "to_evidence"):
        record = result.to_evidence()
        assert isinstance(record, Evidence), f"{name}.to_evidence must give Evidence"
        assert record.sealed, f"the evidence of {name} must be sealed"


def check_seeded(function: Callable[..., Any], *, seed: int = 0) -> None:
    """Check that a function gives the same result for the same seed, and another for another.

    `function(seed=...)` gives something that can be compared by its JSON or repr.

    >>> import numpy as np
    >>> check_seeded(lambda seed: np.random.default_rng(seed).normal())
    """
    first, again, other = (_comparable(function(seed=s)) for s in (seed, seed, seed + 1))
    assert first == again, "the same seed must give the same result"
    assert first != other, "another seed must give another result"


def _comparable(result: Any) -> str:
    return str(result.to_json() if hasattr(result, "to_json") else repr(result))
