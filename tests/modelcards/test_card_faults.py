"""Seeded faults: every number edited by hand is found, and no untouched card is blamed."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from modelward.core.evidence import Evidence, Metric, Subject
from modelward.core.metrics import Estimate
from modelward.modelcards import ModelCard, read, validate, verify

PARTS = (None, "night", "1e3", "0.50", "null", "yes", "a: b #c", "é\nx")
FINDINGS = ("it's: fine", "- TODO", "", "1.0", "a\n\nb", "  lead", "tab\t")
NUMBER = re.compile(r"(\s+(?:- )?(?:value|lower_bound|upper_bound|level): )(\S+)")


def measured(rng: random.Random, name: str) -> Metric:
    value = rng.choice(
        (
            rng.uniform(-1, 1),
            rng.uniform(0, 1e6),
            rng.uniform(0, 1e-6),
            rng.randint(0, 9),
            10 ** rng.uniform(-300, 300),
            -0.0,
            1e22,
            123456789.5,
        )
    )
    spread, level = abs(value) / 10, rng.choice((0.9, 0.95, 0.99))
    estimate = Estimate(value, value - spread, value + spread, level, 30)
    return Metric.of(
        name,
        rng.choice((value, estimate)),
        slice=rng.choice(PARTS),
        unit=rng.choice((None, "s")),
    )


def card(folder: Path, rng: random.Random) -> Path:
    record = Evidence.create(
        kind="monitoring.window",
        subject=Subject(name="m"),
        tool="modelward-modelcards",
        metrics=[measured(rng, f"m{k}") for k in range(rng.randint(1, 5))],
        findings=rng.sample(FINDINGS, 2),
    )
    record.save(folder / "e.json")
    made = ModelCard.model_validate({"model_details": {"name": "m", "description": "d"}})
    return made.attach(record, record="e.json").save(folder / "card.yaml")


@pytest.mark.parametrize("seed", range(50))
def test_an_edited_number_is_found_and_an_untouched_card_stands(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = card(tmp_path, rng)
    document = read(path)
    assert verify(document)
    assert [f for f in validate(document) if f.severity == "error"] == []
    assert ModelCard.load(path).save(tmp_path / "again.yaml").read_bytes() == path.read_bytes()

    lines = path.read_text("utf-8").split("\n")
    numbers = {i: m for i, line in enumerate(lines) if (m := NUMBER.fullmatch(line))}
    edited = rng.choice(list(numbers))
    old = float(numbers[edited][2])
    lines[edited] = numbers[edited][1] + repr(old * 1.2 if old else 0.5)
    path.write_text("\n".join(lines), "utf-8")
    (failure,) = verify(read(path)).failures
    assert (failure.status, failure.line) == ("mismatch", edited + 1)
