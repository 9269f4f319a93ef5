"""The contract checks find what breaks the contract."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from modelward.core import testing
from modelward.core.evidence import Evidence, Subject


@dataclass(frozen=True)
class Good:
    value: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        return {"value": self.value}

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    def to_evidence(self) -> Evidence:
        return Evidence.create(kind="a.b", subject=Subject(name="x"), tool="modelward-core")

    def _repr_html_(self) -> str:
        return "<p>1</p>"


def test_good_result_passes() -> None:
    testing.check_result(Good())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to_json": lambda self: '{"value": 2.0}'}, "to_dict as JSON"),
        ({"_repr_html_": lambda self: "<script>1</script>"}, "no script"),
        ({"_repr_html_": lambda self: "<img src='http://x.org/a.png'>"}, "refers outside"),
        ({"__repr__": lambda self: "x\n" * 60}, "one screen"),
        ({"to_evidence": lambda self: {"kind": "a.b"}}, "must give Evidence"),
        (
            {"to_evidence": lambda self: Good().to_evidence().model_copy(update={"seed": 1})},
            "must be sealed",
        ),
    ],
)
def test_what_breaks_the_contract_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_result(type("Bad", (Good,), change)())


def test_results_must_be_frozen_dataclasses() -> None:
    with pytest.raises(AssertionError, match="dataclass"):
        testing.check_result(3)
    with pytest.raises(AssertionError, match="frozen"):
        testing.check_result(dataclass(type("Loose", (), {}))())
    with pytest.raises(ValueError, match="JSON compliant"):
        testing.check_result(Good(float("nan")))


def test_settings() -> None:
    class Positional:
        "Has a docstring."

        def __init__(self, threshold: float) -> None: ...

    class Silent:
        def __init__(self, *, threshold: float) -> None: ...

    with pytest.raises(AssertionError, match="keyword-only"):
        testing.check_settings(Positional)
    with pytest.raises(AssertionError, match="docstring"):
        testing.check_settings(Silent)


def test_seeded() -> None:
    with pytest.raises(AssertionError, match="same seed"):
        testing.check_seeded(lambda seed: np.random.default_rng().normal())
    with pytest.raises(AssertionError, match="another seed"):
        testing.check_seeded(lambda seed: 1)
    testing.check_seeded(lambda seed: Good(float(seed)))
